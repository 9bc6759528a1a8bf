"""A worker's half of the configuration: resources become what the proxy serves with. What did not change stays the same."""

import os
import socket
import ssl
from typing import Final

import msgspec

from hauberk_core.agent.wire import ACCESS_LOG, CERTIFICATE, CLUSTER, LISTENER, ROUTE_TABLE, TRUST, CertificatePem, Delta
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.codec import decode_resource
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.listener import Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import AccessLog
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.datagram_sockets import SocketDatagrams
from hauberk_core.net.datagrams import DatagramListening
from hauberk_core.net.poller import new_poller
from hauberk_core.net.several_datagrams import SeveralDatagrams
from hauberk_core.net.several_listening import SeveralListening
from hauberk_core.net.sockets import SocketListening
from hauberk_core.net.tls_context import SecureChain, client_context, listener_context
from hauberk_core.net.transport import Listening, Security
from hauberk_core.net.watched import Watched
from hauberk_core.plugin.errors import PluginMissing
from hauberk_core.plugin.identity import Identity
from hauberk_core.plugin.pool import PluginPool, PluginStep
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.table import compile_table

Material = tuple[tuple[str, ...], TransportConfig, tuple[bytes, ...], bytes]
"""What a filter chain or a cluster brings into a TLS context: server names, settings, certificates, trust."""
ContextKey = tuple[bool, tuple[Material, ...]]
"""All that a TLS context is made of, first whether it is a server's. Equal ones are one context."""

OWN_SECURITIES: Final = ("plain", "tls")
"""How connections are secured without a plugin."""


class AssemblyError(Exception):
    """A delta cannot be served. The worker goes on with what it has."""


class State:
    """Everything that a worker knows of its configuration. A new one is built aside and then takes the old one's place."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}
        self.sockets: dict[str, Listening | DatagramListening] = {}
        self.route_tables: dict[str, tuple[RouteTable, CompiledTable]] = {}
        self.clusters: dict[str, Cluster] = {}
        self.certificates: dict[str, bytes] = {}
        self.trust: dict[str, bytes] = {}
        self.access_log: AccessLog | None = None
        self.contexts: dict[ContextKey, ssl.SSLContext] = {}
        self.securities: dict[ContextKey, Security] = {}
        """What is secured otherwise than by a context, by what that was made of."""
        self._bound: dict[str, tuple[Listener, Listening]] = {}

    def bound_listeners(self) -> dict[str, tuple[Listener, Listening]]:
        """Each listener with its socket; a pair that has not changed is the same object as before."""
        bound: dict[str, tuple[Listener, Listening]] = {}
        for name, listener in self.listeners.items():
            sock = self.sockets[name]
            if not isinstance(sock, Listening):
                continue
            pair = self._bound.get(name)
            bound[name] = pair if pair is not None and pair[0] is listener and pair[1] is sock else (listener, sock)
        self._bound = bound
        return bound

    def bound_datagrams(self) -> dict[str, tuple[Datagrams, DatagramListening]]:
        """Each listener of UDP with its socket."""
        bound: dict[str, tuple[Datagrams, DatagramListening]] = {}
        for name, listener in self.listeners.items():
            sock = self.sockets[name]
            if listener.datagrams is not None and isinstance(sock, DatagramListening):
                bound[name] = (listener.datagrams, sock)
        return bound

    def copy(self) -> "State":
        """Another state with the same content."""
        other = State()
        other.listeners = dict(self.listeners)
        other.sockets = dict(self.sockets)
        other.route_tables = dict(self.route_tables)
        other.clusters = dict(self.clusters)
        other.certificates = dict(self.certificates)
        other.trust = dict(self.trust)
        other.access_log = self.access_log
        other.contexts = self.contexts
        other.securities = self.securities
        other._bound = self._bound
        return other


class Step:
    """A delta that was put together with what was there; in force once the assembly keeps it."""

    def __init__(self, state: State) -> None:
        self.state: Final = state
        self.opened: Final[list[Watched]] = []
        self.plugins: PluginStep | None = None
        self.access_log: int = -1
        """A descriptor for the access log's file, or -1 if it stays. Whoever keeps or drops the step closes it."""
        self.update: ProxyUpdate


class Assembly:
    """Holds what is in force, and puts deltas on top."""

    def __init__(self, plugins: PluginPool) -> None:
        self._state = State()
        self._plugins: Final = plugins

    def prepare(self, delta: Delta, descriptors: list[int]) -> Step:
        """Build the state that follows; nothing is in force yet.

        Args: descriptors - those of the message; the step owns them from here on, even if this raises.
        Raises: AssemblyError; the descriptors are then closed.
        """
        step = Step(self._state.copy())
        try:
            self._take_descriptors(step, delta, descriptors)
            for name in delta.removed:
                _remove(step.state, name)
            for name, data in delta.set.items():
                _set(step.state, name, data)
            step.plugins = self._plugins.prepare(step.state.listeners, step.state.route_tables, step.state.clusters)
            step.update = _make_update(step.state, delta.version, step.plugins, self._plugins)
        except Exception as error:
            self.drop(step)
            if isinstance(error, PluginMissing):
                raise AssemblyError(f"{error}; {error.hint}") from error
            raise AssemblyError(str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}") from error
        return step

    def keep(self, step: Step) -> None:
        """The proxy has accepted the step."""
        self._state = step.state
        if step.plugins is not None:
            self._plugins.keep(step.plugins)

    def drop(self, step: Step) -> None:
        """The step is not to be; close what came with it."""
        if step.plugins is not None:
            step.plugins.release()
        for sock in step.opened:
            sock.close()
        if step.access_log >= 0:
            os.close(step.access_log)

    def _take_descriptors(self, step: Step, delta: Delta, descriptors: list[int]) -> None:
        fresh: dict[str, list[socket.socket]] = {}
        for name, descriptor in zip(delta.descriptors, descriptors, strict=True):
            kind, _, rest = name.partition("/")
            if kind == LISTENER:
                fresh.setdefault(rest, []).append(socket.socket(fileno=descriptor))
            else:
                step.access_log = descriptor
        for name, sockets in fresh.items():
            bound = _listening(sockets)
            step.opened.append(bound)
            step.state.sockets[name] = bound


def _listening(sockets: list[socket.socket]) -> Listening | DatagramListening:
    """One or several sockets of one address, as what a proxy accepts or receives from."""
    if sockets[0].type == socket.SOCK_DGRAM:
        datagrams: list[DatagramListening] = [SocketDatagrams(sock) for sock in sockets]
        return datagrams[0] if len(datagrams) == 1 else SeveralDatagrams(datagrams, new_poller())
    listenings: list[Listening] = [SocketListening(sock) for sock in sockets]
    return listenings[0] if len(listenings) == 1 else SeveralListening(listenings, new_poller())


def _remove(state: State, name: str) -> None:
    kind, _, rest = name.partition("/")
    if kind == LISTENER:
        del state.listeners[rest]
        del state.sockets[rest]
    elif kind == ROUTE_TABLE:
        del state.route_tables[rest]
    elif kind == CLUSTER:
        del state.clusters[rest]
    elif kind == CERTIFICATE:
        del state.certificates[rest]
    elif kind == TRUST:
        del state.trust[rest]
    elif kind == ACCESS_LOG:
        state.access_log = None


def _set(state: State, name: str, data: bytes) -> None:
    kind, _, rest = name.partition("/")
    if kind == CERTIFICATE:
        state.certificates[rest] = data
        return
    if kind == TRUST:
        state.trust[rest] = data
        return
    value = decode_resource(kind, data)
    if isinstance(value, Listener):
        state.listeners[rest] = value
    elif isinstance(value, RouteTable):
        state.route_tables[rest] = (value, compile_table(value))
    elif isinstance(value, Cluster):
        state.clusters[rest] = value
    elif isinstance(value, AccessLog):
        state.access_log = value


def _make_update(state: State, version: str, plugins: PluginStep, pool: PluginPool) -> ProxyUpdate:
    contexts: dict[ContextKey, ssl.SSLContext] = {}
    server_contexts: dict[tuple[str, int], ssl.SSLContext] = {}
    securities: dict[ContextKey, Security] = {}
    server_securities: dict[tuple[str, int], Security] = {}
    for name, listener in state.listeners.items():
        chains = listener.filter_chains
        secure = [index for index, chain in enumerate(chains) if chain.transport.security == "tls"]
        if secure:
            materials = tuple([_material(state, chains[index].server_names, chains[index].transport) for index in secure])
            if chains[secure[0]].transport.unproven_clients == "take":
                lenient = _lenient(state, securities, (True, materials))
                server_securities.update(dict.fromkeys([(name, index) for index in secure], lenient))
            else:
                context = _context(state, contexts, (True, materials))
                server_contexts.update(dict.fromkeys([(name, index) for index in secure], context))
    client_contexts: dict[str, ssl.SSLContext] = {}
    shared_contexts: dict[str, ssl.SSLContext] = {}
    for name, cluster in state.clusters.items():
        if cluster.transport.security == "tls":
            client_contexts[name] = _context(state, contexts, (False, (_material(state, (), cluster.transport),)))
            if cluster.protocol != "http1":
                shared = cluster.shared_transport()
                shared_contexts[name] = _context(state, contexts, (False, (_material(state, (), shared),)))
    # Only those in use are kept for the next time.
    state.contexts = contexts
    client_securities: dict[str, Security] = {}
    shared_securities: dict[str, Security] = {}
    for name, listener in state.listeners.items():
        for index, chain in enumerate(listener.filter_chains):
            if chain.transport.security not in OWN_SECURITIES:
                key = (True, (_material(state, chain.server_names, chain.transport),))
                server_securities[name, index] = _security(state, securities, key, pool)
    for name, cluster in state.clusters.items():
        if cluster.transport.security not in OWN_SECURITIES:
            key = (False, (_material(state, (), cluster.transport),))
            client_securities[name] = _security(state, securities, key, pool)
            if cluster.protocol != "http1":
                key = (False, (_material(state, (), cluster.shared_transport()),))
                shared_securities[name] = _security(state, securities, key, pool)
    state.securities = securities
    return ProxyUpdate(
        version=version,
        listeners=state.bound_listeners(),
        route_tables={name: compiled for name, (_, compiled) in state.route_tables.items()},
        clusters=state.clusters,
        server_contexts=server_contexts,
        client_contexts=client_contexts,
        access_log=state.access_log,
        filters=plugins.filters,
        guards=plugins.guards,
        server_securities=server_securities,
        client_securities=client_securities,
        datagram_listeners=state.bound_datagrams(),
        shared_contexts=shared_contexts,
        shared_securities=shared_securities,
    )


def _material(state: State, server_names: tuple[str, ...], transport: TransportConfig) -> Material:
    certificates = tuple([state.certificates[name] for name in transport.certificates])
    trust = state.trust[transport.trust_file] if transport.trust_file else transport.trust_pem.encode()
    return server_names, transport, certificates, trust


def _context(state: State, contexts: dict[ContextKey, ssl.SSLContext], key: ContextKey) -> ssl.SSLContext:
    context = contexts.get(key) or state.contexts.get(key)
    if context is None:
        server_side, materials = key
        chains = _secure_chains(materials)
        if server_side:
            context = listener_context(chains)
        else:
            chain = chains[0]
            context = client_context(chain.transport, chain.certificates[0] if chain.certificates else None, chain.trust_pem)
    contexts[key] = context
    return context


def _secure_chains(materials: tuple[Material, ...]) -> list[SecureChain]:
    chains: list[SecureChain] = []
    for server_names, transport, certificates, trust in materials:
        pems = [msgspec.msgpack.decode(data, type=CertificatePem) for data in certificates]
        chains.append(SecureChain(server_names, transport, tuple([(pem.chain, pem.key) for pem in pems]), trust))
    return chains


def _lenient(state: State, securities: dict[ContextKey, Security], key: ContextKey) -> Security:
    """The security of a listener that takes clients that prove nothing; the same for the same material."""
    security = securities.get(key) or state.securities.get(key)
    if security is None:
        # Brings another OpenSSL into the process, which workers without such listeners do not need.
        from hauberk_core.net.lenient_tls import lenient_security

        security = lenient_security(_secure_chains(key[1]))
    securities[key] = security
    return security


def _security(state: State, securities: dict[ContextKey, Security], key: ContextKey, pool: PluginPool) -> Security:
    """What a plugin secures a filter chain or a cluster with; the same for the same material."""
    security = securities.get(key) or state.securities.get(key)
    if security is None:
        is_listener, ((_, transport, certificates, trust),) = key
        pem = msgspec.msgpack.decode(certificates[0], type=CertificatePem) if certificates else CertificatePem(b"", b"")
        security = pool.security(transport, Identity(is_listener, pem.chain, pem.key, trust))
    securities[key] = security
    return security
