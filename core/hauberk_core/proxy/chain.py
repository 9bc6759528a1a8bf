"""A listener's filter chain at work: what its connections are served with. Replaced as a whole when its configuration changes."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.h2.server import H2Server
from hauberk_core.http.machine import ServerMachine
from hauberk_core.http.normal_path import NormalPath
from hauberk_core.model.listener import FilterChain
from hauberk_core.model.reason import Reason
from hauberk_core.net.transport import Security
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.observe.record import Record
from hauberk_core.observe.request_id import RequestIds
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.proxy.client_certificate import CertificateField
from hauberk_core.proxy.edge import EdgeRules
from hauberk_core.proxy.holding import HoldingRoom
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.pressure import Pressure
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.dice import Dice
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.destinations import MOST_DESTINATIONS, OriginalDestinations


class Target:
    """A cluster that routes may name, and where its exchanges are counted."""

    def __init__(
        self, cluster: UpstreamCluster, meters: ClusterMeters, destinations: OriginalDestinations | None, refuses: bool
    ) -> None:
        self.cluster: Final = cluster
        self.meters: Final = meters
        self.destinations: Final = destinations
        """Where connections go on to where they were going: each of these has a cluster of its own."""
        self.refuses: Final = refuses
        """Nothing may go there."""
        self.is_ordinary: Final = destinations is None and not refuses

    def reach(self, host: str, port: int) -> "UpstreamCluster | Unreachable":
        """The cluster that a connection takes which was going to `host` and `port`, or why there is none."""
        if self.refuses:
            return Unreachable(Reason.NOT_REGISTERED, Reason.NOT_REGISTERED.meaning)
        destinations = self.destinations
        if destinations is None:
            return self.cluster
        if not host:
            return Unreachable(Reason.NO_ENDPOINT, "nobody knows where this connection was going: it was not captured")
        found = destinations.at(host, port)
        if found is None:
            return Unreachable(Reason.OVERFLOW, f"connections go on to {MOST_DESTINATIONS} places already")
        return found


class Unreachable:
    """There is no way on."""

    __slots__ = ("detail", "reason")

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Final = reason
        self.detail: Final = detail


class Chain:
    """The settings of one filter chain, ready for the hot path."""

    def __init__(
        self,
        owner: "ChainOwner",
        config: FilterChain,
        table: CompiledTable,
        dice: Dice,
        chance: Dice,
        scheme: str,
        port: int,
        other_codecs: OtherCodecs,
    ) -> None:
        timeouts = config.timeouts
        self.owner: Final = owner
        self.config: Final = config
        self.table: CompiledTable = table
        self.filters: ChainFilters | None = None
        """What plugins do with its exchanges, with the table of the same configuration; None: nothing."""
        self.security: Security | None = None
        """How connections are secured that were known to be this chain's before anything was said; None: not at all."""
        self.passes_octets: Final = config.protocol != "http"
        """Whether connections may be other than HTTP."""
        self.detects: Final = config.protocol == "detect"
        self.serves_http: Final = self.detects or not self.passes_octets
        """Whether connections may be HTTP."""
        self.tcp_idle_timeout: Final = config.tcp_idle_timeout.seconds
        self.dice: Final = dice
        self.chance: Final = chance
        """For what happens to a part of the requests besides their way."""
        self.certificates: Final = (
            None if config.client_certificate == "always_forward_only" else CertificateField(config.client_certificate)
        )
        """What becomes of the field that tells clients' certificates; None: it goes on as it comes."""
        self.edge: Final = None if config.edge is None else EdgeRules(config.edge)
        """What is believed of clients; None: they are who is connected, and all that they send goes on."""
        self.paths: Final = None if config.path_normalization == "none" else NormalPath(config.path_normalization)
        self.scheme: Final = scheme
        self.port: Final = port
        self.head_timeout: Final = timeouts.head.seconds
        self.idle_timeout: Final = timeouts.idle.seconds
        self.stall_timeout: Final = timeouts.stall.seconds
        self.handshake_timeout: Final = timeouts.handshake.seconds
        self.drain_timeout: Final = timeouts.drain.seconds
        self._limits: Final = config.limits
        self._other_codecs: Final = other_codecs

    def pick_backend(self) -> str:
        """The name of the cluster that takes a connection which is not HTTP, by weight; empty: there is none."""
        total = 0
        for backend in self.config.backends:
            total += backend.weight
        drawn = self.dice.next() * total
        for backend in self.config.backends:
            drawn -= backend.weight
            if drawn < 0:
                return backend.cluster
        return ""

    def new_machine(self) -> ServerMachine:
        """A server machine for a new connection."""
        if self.config.codec == "h11":
            return self._other_codecs.server(self.scheme, self._limits)
        return H1Server(self.scheme, self._limits)

    def new_multiplexed_machine(self) -> MultiplexedMachine:
        """A server machine for a new connection of HTTP/2."""
        if self.config.http2_codec == "h2":
            return self._other_codecs.multiplexed_server(self.scheme, self._limits)
        return H2Server(self.scheme, self._limits)


@mypyc_attr(allow_interpreted_subclasses=True)
class ChainOwner:
    """What a chain's connections need of the proxy around them."""

    def __init__(self, unrouted: ClusterMeters, request_ids: RequestIds, waiting: Waiting, pressure: Pressure) -> None:
        self.pressure: Final = pressure
        """How near the worker is to its limits."""
        self.unrouted: Final = unrouted
        """Where exchanges that reach no cluster are counted."""
        self.request_ids: Final = request_ids
        self.waiting: Final = waiting
        """Where asynchronous filters run."""
        self.room: Final = HoldingRoom()

    def target(self, cluster: str) -> Target | None:
        """The cluster of this name, if there is one now."""
        raise NotImplementedError

    def http_date(self) -> str:
        """The value of a Date field."""
        raise NotImplementedError

    def report(self, record: Record, meters: ClusterMeters) -> None:
        """Count and log a finished exchange."""
        raise NotImplementedError

    def report_passage(self, record: Record) -> None:
        """Log a connection whose octets passed as they are."""
        raise NotImplementedError
