"""The clusters of one worker, and how they follow the configuration: which of the open connections serve on, and which do not.

A request is routed by the configuration of one moment, and may come to its cluster later: filters may let it wait, and clients
whose listener is gone may finish what they began. So a cluster that was removed can be found for a while.
"""

import ssl
from collections.abc import Callable
from typing import Final

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.loop import Loop
from hauberk_core.net.named_peer import NamedPeerSecurity
from hauberk_core.net.tls import TlsSecurity
from hauberk_core.net.transport import Security, Transport
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.proxy.chain import Target
from hauberk_core.proxy.client_machines import ClientMachines
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.cluster_factory import ClusterFactory
from hauberk_core.upstream.cluster_runtime import ClusterRuntime
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.destinations import OriginalDestinations
from hauberk_core.upstream.resolver import Resolver
from hauberk_core.upstream.succession import Succession

# As long as a listener lets a request stand still, which is longer than filters should take.
REMOVED_SECONDS: Final = 60.0


class Clusters(Succession):
    """Those of the configuration in force. A cluster whose connections may serve on stays the same one, with its pool."""

    def __init__(
        self,
        loop: Loop,
        transport: Transport,
        meters: ProxyMeters,
        resolver: Resolver,
        other_codecs: OtherCodecs,
        random: Callable[[], float],
    ) -> None:
        self._targets: dict[str, Target] = {}
        self._removed: Final[dict[str, _Removed]] = {}
        """Those that no configuration has any more."""
        self._forgetting: Final = Timer(_Forgetting(self))
        self._loop: Final = loop
        self._transport: Final = transport
        self._meters: Final = meters
        self._resolver: Final = resolver
        self._other_codecs: Final = other_codecs
        self._random: Final = random
        self._runtimes: dict[str, ClusterRuntime] = {}

    def runtimes(self) -> list[ClusterRuntime]:
        """All of them, in no order."""
        return list(self._runtimes.values())

    def target(self, name: str) -> Target | None:
        """What a route means by a name, if need be a route of before; None: nothing."""
        target = self._targets.get(name)
        if target is None and self._removed:
            removed = self._removed.get(name)
            return None if removed is None else removed.target
        return target

    def successor(self, retired: UpstreamCluster) -> UpstreamCluster | None:
        target = self._targets.get(retired.name)
        if target is None or target.refuses:
            return None
        if target.destinations is None:
            return target.cluster
        place = retired.place
        return None if place is None else target.destinations.at(place.host, place.port)

    def forget_removed(self) -> None:
        """Let those go that were removed long enough ago."""
        now = self._loop.clock.now()
        for name, removed in list(self._removed.items()):
            if removed.until <= now:
                del self._removed[name]
        self._await_forgetting()

    def _await_forgetting(self) -> None:
        if self._removed:
            self._loop.wheel.arm(self._forgetting, min([removed.until for removed in self._removed.values()]))

    def _keep_removed(self, before: dict[str, Target]) -> None:
        until = self._loop.clock.now() + REMOVED_SECONDS
        for name, target in before.items():
            if name not in self._targets:
                self._removed[name] = _Removed(target, until)
        for name in list(self._removed):
            if name in self._targets:
                del self._removed[name]
        self._await_forgetting()

    def apply(self, update: ProxyUpdate) -> list[ClusterRuntime]:
        """Follow `update`. Returns: those that no name leads to any more, for the caller to retire."""
        runtimes: dict[str, ClusterRuntime] = {}
        targets: dict[str, Target] = {}
        for name, config in update.clusters.items():
            context = update.client_contexts.get(name)
            given = update.client_securities.get(name)
            old = self._runtimes.get(name)
            if (
                old is not None
                and old.context is context
                and _share_connections(old.given, given)
                and _same_transport(old.config, config)
            ):
                runtime = old
                runtime.secure(given, update.shared_securities.get(name))
                if old.config is not config:
                    runtime.configure(config)
            else:
                runtime = self._new_runtime(name, config, update)
                runtime.configure(config)
            runtime.cluster.set_guards(update.guards.get(name, ()))
            runtime.prefer()
            runtimes[name] = runtime
            meters = self._meters.cluster_meters(name, config.labels)
            targets[name] = Target(runtime.cluster, meters, runtime.destinations, config.reach == "nothing")
        replaced = self._runtimes
        self._runtimes = runtimes
        before = self._targets
        self._targets = targets
        self._keep_removed(before)
        return [runtime for name, runtime in replaced.items() if runtimes.get(name) is not runtime]

    def _new_runtime(self, name: str, config: Cluster, update: ProxyUpdate) -> ClusterRuntime:
        context = update.client_contexts.get(name)
        given = update.client_securities.get(name)
        machines = ClientMachines(config, self._other_codecs)
        connector = Connector(self._loop, self._transport, machines.new, machines.new_multiplexed)
        connector.secure(
            _client_security(context, given, config.transport),
            _client_security(update.shared_contexts.get(name), update.shared_securities.get(name), config.transport),
        )
        factory = ClusterFactory(name, connector, self._meters.cluster_meters(name, config.labels), self._random)
        destinations = None
        if config.reach == "original_destination":
            destinations = OriginalDestinations(factory, config.source_addresses)
        return ClusterRuntime(factory, destinations, config, context, given, self._resolver, self._random)


class _Removed:
    """A cluster that was removed, and how long it can be found."""

    __slots__ = ("target", "until")

    def __init__(self, target: Target, until: float) -> None:
        self.target: Final = target
        self.until: Final = until


class _Forgetting(TimerOwner):
    def __init__(self, clusters: Clusters) -> None:
        self._clusters: Final = clusters

    def timed_out(self, timer: Timer) -> None:
        self._clusters.forget_removed()


def _client_security(context: ssl.SSLContext | None, given: Security | None, transport: TransportConfig) -> Security | None:
    """What connections are made with. Args: given - by a plugin."""
    if context is None:
        return given
    if transport.subject_alt_names:
        return NamedPeerSecurity(context, transport.server_name, transport.subject_alt_names)
    return TlsSecurity(context, False, transport.server_name)


def _same_transport(one: Cluster, other: Cluster) -> bool:
    """Whether connections made for the one may serve the other."""
    return (
        one.codec == other.codec
        and one.http2_codec == other.http2_codec
        and one.protocol == other.protocol
        and one.transport == other.transport
        and one.proxy_protocol == other.proxy_protocol
    )


def _share_connections(one: Security | None, other: Security | None) -> bool:
    """Whether connections made with the one may carry requests beside those made with the other."""
    if one is other:
        return True
    if one is None or other is None:
        return False
    key = one.pool_key()
    return bool(key) and key == other.pool_key()
