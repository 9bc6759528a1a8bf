"""What a worker is told to serve, prepared: the step from one configuration to the next."""

import ssl
from typing import NamedTuple

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.listener import Listener
from hauberk_core.model.snapshot import AccessLog
from hauberk_core.net.datagrams import DatagramListening
from hauberk_core.net.transport import Listening, Security
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.upstream.guard import Guard


class ProxyUpdate(NamedTuple):
    """The whole configuration. What did not change is the same object as in the update before, so `is` tells what did.

    The proxy that accepts an update owns what listens: it closes one when an update no longer has it. Of an update that it
    refuses, by raising, it keeps nothing and closes nothing.
    """

    version: str
    """The snapshot's, for people."""
    listeners: dict[str, tuple[Listener, Listening]]
    """By name: the configuration, and what connections are accepted from: in a worker its own socket."""
    route_tables: dict[str, CompiledTable]
    clusters: dict[str, Cluster]
    server_contexts: dict[tuple[str, int], ssl.SSLContext]
    """For each filter chain that terminates TLS, by the listener's name and the chain's place in it: the one context that all
    handshakes of the listener begin with."""
    client_contexts: dict[str, ssl.SSLContext]
    """For each cluster that is reached over TLS: by its name."""
    access_log: AccessLog | None
    """How to write finished exchanges; None: not at all."""
    filters: dict[tuple[str, int], ChainFilters]
    """For each filter chain whose exchanges plugins take part in, by the listener's name and the chain's place in it."""
    guards: dict[str, tuple[Guard, ...]]
    """For each cluster that has any, by its name."""
    server_securities: dict[tuple[str, int], Security]
    """For each filter chain that a plugin secures, or that takes clients that prove nothing."""
    client_securities: dict[str, Security]
    """For each cluster that a plugin secures."""
    datagram_listeners: dict[str, tuple[Datagrams, DatagramListening]]
    """Listeners of UDP, by name: the configuration, and what datagrams are received from."""
    shared_contexts: dict[str, ssl.SSLContext]
    """For each cluster that may be spoken to in HTTP/2 over TLS, by its name: what those connections are made with."""
    shared_securities: dict[str, Security]
    """The same for each cluster that a plugin secures."""
