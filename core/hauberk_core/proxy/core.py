"""One worker's whole data path: listeners, routes and clusters at work, and how they follow the configuration."""

import math
import socket
import ssl
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.machine import ClientMachine
from hauberk_core.model.address import Address, parse_address
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.listener import FilterChain, HttpLimits, Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import AccessLog
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.by_name import ByNameSecurity
from hauberk_core.net.loop import Loop
from hauberk_core.net.named_peer import NamedPeerSecurity
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.tls import TlsSecurity
from hauberk_core.net.transport import Security, Transport
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.observe.access_log import AccessLogWriter
from hauberk_core.observe.date import HttpDate
from hauberk_core.observe.json_line import JsonLine
from hauberk_core.observe.meters import ClusterMeters, ProxyMeters
from hauberk_core.observe.record import Record
from hauberk_core.observe.request_id import RequestIds
from hauberk_core.observe.text_line import TextLine
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.proxy.chain import Chain, ChainOwner, Target
from hauberk_core.proxy.datagrams import DatagramListeners
from hauberk_core.proxy.listener import ListenerRuntime
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.pressure import Pressure
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.dice import SILVER_RATIO, Dice
from hauberk_core.route.table import compile_table
from hauberk_core.upstream.balance import Balancer, LeastRequest, WeightedLeastRequest, WeightedRoundRobin
from hauberk_core.upstream.balancers import ConfiguredBalancers
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.destinations import ClusterFactory, OriginalDestinations, source_for
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.levels import Levels
from hauberk_core.upstream.meters import UpstreamMeters
from hauberk_core.upstream.settings import AS_CLIENT, BY_ALPN, HTTP1, HTTP2, ClusterSettings
from hauberk_core.upstream.slow_start import SlowStart

_PROTOCOLS: Final = {"http1": HTTP1, "http2": HTTP2, "alpn": BY_ALPN, "client": AS_CLIENT}
_PROXY_PROTOCOL: Final = {"": 0, "v1": 1, "v2": 2}
# Of a chain that routes nothing.
_NO_TABLE: Final = compile_table(RouteTable())


@mypyc_attr(allow_interpreted_subclasses=True)
class Resolver:
    """Looks names up beside the loop, again and again while somebody watches."""

    def watch(self, name: str, watcher: "NameWatcher") -> None:
        """Tell `watcher` the addresses of `name`, now or later, and whenever they change. Watching twice is watching once."""
        raise NotImplementedError

    def unwatch(self, name: str, watcher: "NameWatcher") -> None:
        """Tell no more."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class NameWatcher:
    """Whoever wants to know a name's addresses."""

    def resolved(self, name: str, hosts: list[str]) -> None:
        """The numeric addresses of `name`; empty if it has none or looking it up failed the first time."""
        raise NotImplementedError


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
        self._transport: Final = transport
        self._access_log: AccessLogWriter | None = access_log
        self._resolver: Final = resolver
        self._other_codecs: Final = other_codecs
        self._random: Final = random
        self._date: Final = HttpDate()
        self._listeners: dict[str, ListenerRuntime] = {}
        self._closing_listeners: list[ListenerRuntime] = []
        self._clusters: dict[str, ClusterRuntime] = {}
        self._targets: dict[str, Target] = {}
        self._datagrams: Final = DatagramListeners(loop, transport, self, meters, random)

    # Configuration.

    def apply(self, update: ProxyUpdate) -> None:
        """Serve by `update` from the next request on. It has been checked: nothing in it is refused here."""
        replaced = self._clusters
        self._apply_clusters(update)
        self._apply_listeners(update)
        self._datagrams.apply(update.datagram_listeners, not self.draining)
        for name, runtime in replaced.items():
            # Last of all: a client that is refused now may go on with its next request, which must find everything new.
            if self._clusters.get(name) is not runtime:
                runtime.retire()
        self.meters.config_updated()

    def set_access_log(self, writer: AccessLogWriter | None) -> None:
        """Log finished exchanges here from now on."""
        self._access_log = writer

    def drain(self) -> None:
        """Accept nothing more, answer what is in flight, and close each connection behind its last answer."""
        self.draining = True
        for listener in self._listeners.values():
            listener.close()
            _drain_connections(listener)
        self._datagrams.drain()

    def look(self, memory: int, loop_delay: float) -> None:
        """Take note of what is used of the limits, a few times a second. Args: memory - octets; loop_delay - seconds."""
        if self.pressure.look(memory, loop_delay):
            for listener in self._all_listeners():
                for connection in list(listener.connections):
                    connection.tighten()

    def active(self) -> int:
        """Connections of clients that are still open, and sessions of datagrams."""
        count = self._datagrams.sessions()
        for listener in self._all_listeners():
            count += len(listener.connections)
        return count

    def clusters(self) -> "list[ClusterRuntime]":
        """The clusters of the configuration in force, in no order."""
        return list(self._clusters.values())

    def exchanges(self) -> int:
        """Exchanges under way."""
        count = 0
        for listener in self._all_listeners():
            for connection in listener.connections:
                count += connection.exchanges()
        return count

    # ChainOwner.

    def target(self, cluster: str) -> Target | None:
        return self._targets.get(cluster)

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

    # Inside.

    def _all_listeners(self) -> list[ListenerRuntime]:
        """Those in use, and those that only finish what they began."""
        return [*self._listeners.values(), *self._closing_listeners]

    def _apply_clusters(self, update: ProxyUpdate) -> None:
        clusters: dict[str, ClusterRuntime] = {}
        targets: dict[str, Target] = {}
        for name, config in update.clusters.items():
            context = update.client_contexts.get(name)
            given = update.client_securities.get(name)
            old = self._clusters.get(name)
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
                runtime = self._new_cluster(name, config, update)
                runtime.configure(config)
            runtime.cluster.set_guards(update.guards.get(name, ()))
            runtime.prefer()
            clusters[name] = runtime
            meters = self.meters.cluster_meters(name, config.labels)
            targets[name] = Target(runtime.cluster, meters, runtime.destinations, config.reach == "nothing")
        self._clusters = clusters
        self._targets = targets

    def _new_cluster(self, name: str, config: Cluster, update: ProxyUpdate) -> "ClusterRuntime":
        context = update.client_contexts.get(name)
        given = update.client_securities.get(name)
        machines = _ClientMachines(
            self._other_codecs if config.codec == "h11" else None,
            self._other_codecs if config.http2_codec == "h2" else None,
        )
        connector = Connector(self.loop, self._transport, machines.new, machines.new_multiplexed)
        connector.secure(
            _client_security(context, given, config.transport),
            _client_security(update.shared_contexts.get(name), update.shared_securities.get(name), config.transport),
        )
        factory = _Clusters(
            name,
            connector,
            LeastRequest(self._random),
            _ClusterConnectionMeters(self.meters.cluster_meters(name, config.labels)),
        )
        destinations = None
        if config.reach == "original_destination":
            destinations = OriginalDestinations(factory, config.source_addresses)
        return ClusterRuntime(factory, destinations, config, context, given, self._resolver, self._random)

    def _apply_listeners(self, update: ProxyUpdate) -> None:
        listeners: dict[str, ListenerRuntime] = {}
        for name, (config, listening) in update.listeners.items():
            old = self._listeners.get(name)
            if old is not None and old.listening is listening:
                runtime = old
            else:
                runtime = ListenerRuntime(name, self.loop, listening, self.meters.listener_meters(name), self)
            self._configure_listener(runtime, name, config, update)
            listeners[name] = runtime
        replaced = self._listeners
        self._listeners = listeners
        self._closing_listeners = [listener for listener in self._closing_listeners if listener.connections]
        for name, runtime in replaced.items():
            if listeners.get(name) is not runtime:
                runtime.close()
                _drain_connections(runtime)
                self._closing_listeners.append(runtime)
        if not self.draining:
            for runtime in listeners.values():
                runtime.open()

    def _configure_listener(self, runtime: ListenerRuntime, name: str, config: Listener, update: ProxyUpdate) -> None:
        chains: list[Chain] = []
        security: Security | None = None
        port = config.public_port or runtime.listening.port()
        for index, chain_config in enumerate(config.filter_chains):
            context = update.server_contexts.get((name, index))
            given = update.server_securities.get((name, index))
            # What a plugin secures is secured between proxies; behind them, as before them, is what the client spoke.
            is_https = context is not None or (given is not None and chain_config.transport.security == "tls")
            scheme = "https" if is_https else "http"
            chain = self._chain(runtime, index, chain_config, update, scheme, port)
            filters = update.filters.get((name, index))
            if filters is not None:
                self._bind_backends(filters)
            chain.filters = filters
            chains.append(chain)
            if config.captured:
                chain.security = given if context is None else TlsSecurity(context, True, "")
            if given is not None and (security is None or not chain_config.server_names):
                security = given
            if context is not None and (security is None or not chain_config.server_names):
                security = TlsSecurity(context, True, "")
        names: ServerNames | None = None
        if not config.captured and _goes_by_name(config):
            names = ServerNames([chain.server_names for chain in config.filter_chains])
            security = ByNameSecurity(names, [chain.protocol == "tls" for chain in config.filter_chains], security)
        runtime.configure(chains, security, config.captured, names, config.proxy_protocol_from, config.max_connections)

    def _bind_backends(self, filters: ChainFilters) -> None:
        """Let pickers see the clusters at work."""
        for route in filters.routes.values():
            for backend in route.backends:
                target = self._targets.get(backend.cluster)
                backend.bind(None if target is None else target.cluster)

    def _chain(
        self, runtime: ListenerRuntime, index: int, config: FilterChain, update: ProxyUpdate, scheme: str, port: int
    ) -> Chain:
        table = update.route_tables[config.route_table] if config.route_table else _NO_TABLE
        old = runtime.chains[index] if index < len(runtime.chains) else None
        if old is not None and old.port == port and (old.config is config or (old.config == config and old.scheme == scheme)):
            # Connections hold on to their chain: those that are open follow the new table with their next request.
            old.table = table
            return old
        start = self._random()
        return Chain(self, config, table, Dice(start), Dice(start, SILVER_RATIO), scheme, port, self._other_codecs)


def _goes_by_name(config: Listener) -> bool:
    """Whether the server name must be known before anything is answered: octets must not pass to whom they are not for."""
    for chain in config.filter_chains:
        if chain.protocol == "tls" or (chain.protocol != "http" and chain.transport.security == "tls"):
            return True
    return False


def _client_security(context: ssl.SSLContext | None, given: Security | None, transport: TransportConfig) -> Security | None:
    """What connections are made with. Args: given - by a plugin."""
    if context is None:
        return given
    if transport.subject_alt_names:
        return NamedPeerSecurity(context, transport.server_name, transport.subject_alt_names)
    return TlsSecurity(context, False, transport.server_name)


class ClusterRuntime(NameWatcher):
    """Keeps one cluster's endpoints as its configuration and the resolver say."""

    def __init__(
        self,
        factory: "_Clusters",
        destinations: OriginalDestinations | None,
        config: Cluster,
        context: ssl.SSLContext | None,
        given: Security | None,
        resolver: Resolver,
        random: Callable[[], float],
    ) -> None:
        self.cluster: Final = factory.new_cluster()
        self.destinations: Final = destinations
        """Where its connections go on to, if it has no endpoints of its own."""
        self._factory: Final = factory
        self.config: Cluster = config
        self.context: Final[ssl.SSLContext | None] = context
        self.given: Security | None = given
        """What a plugin secures it with."""
        self._resolver: Final = resolver
        self._random: Final = random
        self._addresses: list[Address] = []
        self._hosts: dict[str, list[str]] = {}
        self._slow_start: SlowStart | None = None
        self._balancers: ConfiguredBalancers = ConfiguredBalancers(config, random)
        self._levels: Levels | None = None
        self._preferred: ConfiguredBalancers | None = None
        """What the levels go by."""
        self._growing = False
        self._growth: Final = Timer(_Growth(self))

    def configure(self, config: Cluster) -> None:
        """Follow `config` from now on."""
        self.config = config
        settings = ClusterSettings()
        settings.connect_timeout = config.connect_timeout.seconds
        settings.idle_timeout = config.idle_timeout.seconds
        settings.max_connections = config.max_connections
        settings.max_pending = config.max_pending
        settings.connect_attempts = config.connect_attempts
        settings.max_requests = config.max_requests_per_connection
        in_the_clear = config.transport.security == "plain"
        settings.protocol = HTTP1 if config.protocol == "alpn" and in_the_clear else _PROTOCOLS[config.protocol]
        settings.max_streams = config.max_concurrent_streams
        settings.ping_interval = config.ping_interval.seconds
        settings.ping_timeout = config.ping_timeout.seconds
        settings.max_seconds = config.max_connection_duration.seconds
        if config.proxy_protocol:
            settings.announces = _PROXY_PROTOCOL[config.proxy_protocol]
        probes = config.tcp_keepalive
        if probes is not None:
            settings.keep_alive = (probes.probes, math.ceil(probes.time.seconds), math.ceil(probes.interval.seconds))
        self._factory.settings = settings
        self.cluster.settings = settings
        self.cluster.retry_budget.percent = config.retry_budget.percent
        self.cluster.retry_budget.least = config.retry_budget.least
        if self.destinations is not None:
            for cluster in self.destinations.clusters():
                cluster.settings = settings
        warmup = config.warmup
        self._slow_start = None
        self._growing = False
        if warmup is not None:
            self._slow_start = SlowStart(warmup.duration.seconds, warmup.minimum_percent, warmup.aggression)
        self._balancers = ConfiguredBalancers(config, self._random)
        weights = {endpoint.weight for endpoint in config.endpoints}
        self.cluster.set_balancer(self._balancers.for_weights(weights, len(config.endpoints), self.cluster.balancer))
        self._addresses = [parse_address(endpoint.address) for endpoint in config.endpoints]
        names = {address.host for address in self._addresses if not _is_numeric(address.host)}
        for name in list(self._hosts):
            if name not in names:
                del self._hosts[name]
                self._resolver.unwatch(name, self)
        for name in names:
            self._resolver.watch(name, self)
        self._set_endpoints()

    def unresolved(self) -> list[str]:
        """Hosts of endpoints whose names have no address, or none yet."""
        names = [address.host for address in self._addresses if not _is_numeric(address.host)]
        return [name for name in names if not self._hosts.get(name)]

    def secure(self, given: Security | None, shared: Security | None) -> None:
        """Make the connections to come with another security of a plugin, whose connections may serve beside the open ones."""
        if given is not None:
            self.given = given
            self.cluster.connector.secure(given, shared)

    def retire(self) -> None:
        """Nothing names the cluster any more."""
        for address in self._addresses:
            if not _is_numeric(address.host):
                self._resolver.unwatch(address.host, self)
        self.cluster.loop.wheel.drop(self._growth)
        self.cluster.retire()
        if self.destinations is not None:
            self.destinations.retire()

    def resolved(self, name: str, hosts: list[str]) -> None:
        self._hosts[name] = hosts
        self._set_endpoints()

    def _set_endpoints(self) -> None:
        known = {endpoint.address: endpoint for endpoint in self.cluster.endpoints()}
        # By address: two names may lead to one place, whose requests and connections are then counted together.
        endpoints: dict[str, UpstreamEndpoint] = {}
        resolving = False
        for address, configured in zip(self._addresses, self.config.endpoints, strict=True):
            hosts: list[str] | None = [address.host] if _is_numeric(address.host) else self._hosts.get(address.host)
            if hosts is None:
                resolving = True
                continue
            for host in hosts:
                text = f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
                endpoint = known.get(text)
                if endpoint is None:
                    endpoint = UpstreamEndpoint(host, address.port, text, address.host)
                    endpoint.since = self.cluster.loop.clock.now()
                endpoint.source = source_for(host, self.config.source_addresses)
                endpoint.weight = max(configured.weight, endpoint.weight if text in endpoints else 0)
                endpoint.priority = configured.priority
                endpoint.locality = configured.locality
                endpoints[text] = endpoint
        made = list(endpoints.values())
        if self._slow_start is not None:
            self._grow(self._slow_start, made)
        self.cluster.set_endpoints(made, resolving)
        self.prefer()

    def prefer(self) -> None:
        """Have some endpoints preferred to others if anything asks for it: priorities, shares of localities, or a guard."""
        config = self.config
        priorities = {endpoint.priority for endpoint in config.endpoints}
        if len(priorities) < 2 and not config.locality_shares and not self.cluster.is_steered():
            if self._levels is not None:
                self._levels = None
                self.cluster.set_levels(None)
            return
        if self._levels is None:
            self._levels = Levels(self._balancers, self._random)
        elif self._preferred is self._balancers:
            return
        self._preferred = self._balancers
        self._levels.configure(self._balancers, config.locality_shares, config.panic_percent)
        self.cluster.set_levels(self._levels)

    def _grow(self, slow_start: SlowStart, endpoints: list[UpstreamEndpoint]) -> None:
        """Give endpoints the shares that they have now, and look again while some are growing."""
        loop = self.cluster.loop
        now = loop.clock.now()
        growing = slow_start.scale(endpoints, now)
        if growing:
            loop.wheel.arm(self._growth, now + slow_start.step_seconds())
        weights = {endpoint.weight for endpoint in endpoints}
        weighted = isinstance(self.cluster.balancer, WeightedRoundRobin | WeightedLeastRequest)
        # What a balancer remembers is of the scale that the weights had.
        if growing != self._growing or (len(weights) > 1) != weighted:
            self._growing = growing
            self.cluster.set_balancer(self._balancers.for_weights(weights, len(endpoints), self.cluster.balancer))

    def grow(self) -> None:
        """Shares of new endpoints may have grown."""
        if self._slow_start is not None:
            self._set_endpoints()


class _Growth(TimerOwner):
    def __init__(self, runtime: ClusterRuntime) -> None:
        self._runtime: Final = runtime

    def timed_out(self, timer: Timer) -> None:
        self._runtime.grow()


class _Clusters(ClusterFactory):
    """Makes the runtimes of one cluster: the one that its endpoints are in, or one for each place that connections go on to."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        balancer: Balancer,
        meters: UpstreamMeters,
    ) -> None:
        self.settings: ClusterSettings = ClusterSettings()
        self._name: Final = name
        self._connector: Final = connector
        self._balancer: Final = balancer
        self._meters: Final = meters

    def new_cluster(self) -> UpstreamCluster:
        return UpstreamCluster(
            self._name,
            self._connector,
            self.settings,
            self._balancer,
            self._meters,
        )


class _ClusterConnectionMeters(UpstreamMeters):
    def __init__(self, meters: ClusterMeters) -> None:
        self._meters: Final = meters

    def connection_opened(self) -> None:
        self._meters.connection_opened()

    def connection_closed(self) -> None:
        self._meters.connection_closed()

    def connect_failed(self) -> None:
        self._meters.connect_failed()

    def overflowed(self) -> None:
        self._meters.overflowed()

    def wait_began(self) -> None:
        self._meters.wait_began()

    def wait_ended(self) -> None:
        self._meters.wait_ended()


class _ClientMachines:
    def __init__(self, others: OtherCodecs | None, multiplexed: OtherCodecs | None) -> None:
        """Args: others - make machines of HTTP/1.1 in place of ours; multiplexed - of HTTP/2."""
        self._others: Final = others
        self._multiplexed: Final = multiplexed
        # Responses are held to the same bounds as requests; a trusted endpoint has no reason to send larger heads.
        self._limits: Final = HttpLimits()

    def new(self) -> ClientMachine:
        return H1Client(self._limits) if self._others is None else self._others.client(self._limits)

    def new_multiplexed(self) -> MultiplexedMachine:
        return H2Client(self._limits) if self._multiplexed is None else self._multiplexed.multiplexed_client(self._limits)


def new_access_log(config: AccessLog | None, descriptor: int) -> AccessLogWriter | None:
    """The writer that `config` asks for."""
    if config is None:
        return None
    return AccessLogWriter(descriptor, JsonLine() if config.format == "json" else TextLine())


def _drain_connections(listener: ListenerRuntime) -> None:
    for connection in list(listener.connections):
        connection.drain()


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


def _is_numeric(host: str) -> bool:
    if ":" in host:
        return True
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True
