"""A cluster that follows its configuration: settings, balancing, and the endpoints that its addresses and names stand for now."""

import ssl
from collections.abc import Callable
from typing import Final

from hauberk_core.model.address import Address, is_ip_address, parse_address
from hauberk_core.model.cluster import Cluster
from hauberk_core.net.transport import Security
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.upstream.balance import WeightedLeastRequest, WeightedRoundRobin
from hauberk_core.upstream.balancers import ConfiguredBalancers
from hauberk_core.upstream.cluster_factory import ClusterFactory
from hauberk_core.upstream.destinations import OriginalDestinations, source_for
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.levels import Levels
from hauberk_core.upstream.resolver import NameWatcher, Resolver
from hauberk_core.upstream.settings import settings_of
from hauberk_core.upstream.slow_start import SlowStart
from hauberk_core.upstream.succession import Succession


class ClusterRuntime(NameWatcher):
    """Keeps one cluster's endpoints as its configuration and the resolver say."""

    def __init__(
        self,
        factory: ClusterFactory,
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
        self._names: set[str] = set()
        """Those of its hosts that are looked up."""
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
        settings = settings_of(config)
        self._factory.settings = settings
        self.cluster.settings = settings
        self.cluster.retry_budget.percent = config.retry_budget.percent
        self.cluster.retry_budget.least = config.retry_budget.least
        if self.destinations is not None:
            for cluster in self.destinations.clusters():
                cluster.settings = settings
                cluster.queue.serve()
        warmup = config.warmup
        self._slow_start = None
        self._growing = False
        if warmup is not None:
            self._slow_start = SlowStart(warmup.duration.seconds, warmup.minimum_percent, warmup.aggression)
        self._balancers = ConfiguredBalancers(config, self._random)
        choice = self.cluster.choice
        weights = {endpoint.weight for endpoint in config.endpoints}
        choice.set_balancer(self._balancers.for_weights(weights, len(config.endpoints), choice.balancer))
        self._addresses = [parse_address(endpoint.address) for endpoint in config.endpoints]
        self._watch({address.host for address in self._addresses if not is_ip_address(address.host)})
        self._set_endpoints()

    def unresolved(self) -> list[str]:
        """Hosts of endpoints whose names have no address, or none yet."""
        hosts = [address.host for address in self._addresses]
        return [host for host in hosts if host in self._names and not self._hosts.get(host)]

    def secure(self, given: Security | None, shared: Security | None) -> None:
        """Make the connections to come with another security of a plugin, whose connections may serve beside the open ones."""
        if given is not None:
            self.given = given
            self.cluster.connector.secure(given, shared)

    def retire(self, succession: Succession) -> None:
        """Nothing names the cluster any more, or another has its name."""
        self._watch(set())
        self.cluster.loop.wheel.drop(self._growth)
        self.cluster.retire(succession)
        if self.destinations is not None:
            self.destinations.retire(succession)

    def resolved(self, name: str, hosts: list[str]) -> None:
        # An answer that was under way when the name was given up comes too late.
        if name in self._names:
            self._hosts[name] = hosts
            self._set_endpoints()

    def _watch(self, names: set[str]) -> None:
        """Have these looked up, and no others any more."""
        for name in self._names - names:
            self._hosts.pop(name, None)
            self._resolver.unwatch(name, self)
        self._names = names
        for name in names:
            self._resolver.watch(name, self)

    def _set_endpoints(self) -> None:
        known = {endpoint.address: endpoint for endpoint in self.cluster.endpoints()}
        # By address: two names may lead to one place, whose requests and connections are then counted together.
        endpoints: dict[str, UpstreamEndpoint] = {}
        resolving = False
        for address, configured in zip(self._addresses, self.config.endpoints, strict=True):
            hosts: list[str] | None = self._hosts.get(address.host) if address.host in self._names else [address.host]
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
                self.cluster.choice.set_levels(None)
            return
        if self._levels is None:
            self._levels = Levels(self._balancers, self._random)
        elif self._preferred is self._balancers:
            return
        self._preferred = self._balancers
        self._levels.configure(self._balancers, config.locality_shares, config.panic_percent)
        self.cluster.choice.set_levels(self._levels)

    def _grow(self, slow_start: SlowStart, endpoints: list[UpstreamEndpoint]) -> None:
        """Give endpoints the shares that they have now, and look again while some are growing."""
        loop = self.cluster.loop
        now = loop.clock.now()
        growing = slow_start.scale(endpoints, now)
        if growing:
            loop.wheel.arm(self._growth, now + slow_start.step_seconds())
        weights = {endpoint.weight for endpoint in endpoints}
        weighted = isinstance(self.cluster.choice.balancer, WeightedRoundRobin | WeightedLeastRequest)
        # What a balancer remembers is of the scale that the weights had.
        if growing != self._growing or (len(weights) > 1) != weighted:
            self._growing = growing
            self.cluster.choice.set_balancer(self._balancers.for_weights(weights, len(endpoints), self.cluster.choice.balancer))

    def grow(self) -> None:
        """Shares of new endpoints may have grown."""
        if self._slow_start is not None:
            self._set_endpoints()


class _Growth(TimerOwner):
    def __init__(self, runtime: ClusterRuntime) -> None:
        self._runtime: Final = runtime

    def timed_out(self, timer: Timer) -> None:
        self._runtime.grow()
