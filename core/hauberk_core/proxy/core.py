"""One worker's whole data path: listeners, routes and clusters at work, and how they follow the configuration."""

from collections.abc import Callable
from typing import Final

from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Transport
from hauberk_core.observe.access_log import AccessLogWriter
from hauberk_core.observe.date import HttpDate
from hauberk_core.observe.meters import ClusterMeters, ProxyMeters
from hauberk_core.observe.record import Record
from hauberk_core.observe.request_id import RequestIds
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.proxy.chain import ChainOwner, Target
from hauberk_core.proxy.clusters import Clusters
from hauberk_core.proxy.datagrams import DatagramListeners
from hauberk_core.proxy.listeners import Listeners
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.pressure import Pressure
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.upstream.cluster_runtime import ClusterRuntime
from hauberk_core.upstream.resolver import Resolver


class ProxyCore(ChainOwner):
    """Follows the configuration; everything that must outlive a change (connections, pools, counters) lives here by name."""

    def __init__(  # noqa: PLR0913 - the seams of a whole proxy
        self,
        loop: Loop,
        transport: Transport,
        meters: ProxyMeters,
        access_log: AccessLogWriter | None,
        resolver: Resolver,
        other_codecs: OtherCodecs,
        random: Callable[[], float],
        entropy: Callable[[int], bytes],
        waiting: Waiting,
    ) -> None:
        super().__init__(meters.without_cluster, RequestIds(entropy), waiting, Pressure(random, meters.overload))
        self.loop: Final = loop
        self.meters: Final = meters
        self.draining = False
        self._access_log: AccessLogWriter | None = access_log
        self._date: Final = HttpDate()
        self._clusters: Final = Clusters(loop, transport, meters, resolver, other_codecs, random)
        self._listeners: Final = Listeners(loop, self, meters, other_codecs, random)
        self._datagrams: Final = DatagramListeners(loop, transport, self, meters, random)

    # Configuration.

    def apply(self, update: ProxyUpdate) -> None:
        """Serve by `update` from the next request on. It has been checked: nothing in it is refused here."""
        unnamed = self._clusters.apply(update)
        self._listeners.apply(update, not self.draining)
        self._datagrams.apply(update.datagram_listeners, not self.draining)
        for runtime in unnamed:
            # Last of all: who waits goes on at another, and a client that is refused with its next request: both must find
            # everything new.
            runtime.retire(self._clusters)
        self.meters.config_updated()

    def set_access_log(self, writer: AccessLogWriter | None) -> None:
        """Log finished exchanges here from now on."""
        self._access_log = writer

    def drain(self) -> None:
        """Accept nothing more, answer what is in flight, and close each connection behind its last answer."""
        self.draining = True
        self._listeners.drain()
        self._datagrams.drain()

    def look(self, memory: int, loop_delay: float) -> None:
        """Take note of what is used of the limits, a few times a second. Args: memory - octets; loop_delay - seconds."""
        if self.pressure.look(memory, loop_delay):
            self._listeners.tighten()

    def active(self) -> int:
        """Connections of clients that are still open, and sessions of datagrams."""
        return self._listeners.connections() + self._datagrams.sessions()

    def clusters(self) -> list[ClusterRuntime]:
        """The clusters of the configuration in force, in no order."""
        return self._clusters.runtimes()

    def exchanges(self) -> int:
        """Exchanges under way."""
        return self._listeners.exchanges()

    # ChainOwner.

    def target(self, cluster: str) -> Target | None:
        return self._clusters.target(cluster)

    def http_date(self) -> str:
        return self._date.at(self.loop.clock.wall())

    def report(self, record: Record, meters: ClusterMeters) -> None:
        reason = record.reason
        if reason is not None:
            self.meters.local_answer(reason)
        meters.finished(
            record.status,
            record.grpc_status,
            record.response_flags(),
            record.peer_identity,
            record.upstream_identity,
            record.bytes_received,
            record.bytes_sent,
            record.duration,
        )
        log = self._access_log
        if log is not None:
            log.write(record)

    def report_passage(self, record: Record) -> None:
        if record.reason is not None:
            self.meters.local_answer(record.reason)
        if self._access_log is not None:
            self._access_log.write(record)
