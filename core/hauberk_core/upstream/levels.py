"""Which endpoints requests prefer: levels of priority, localities with shares, and those that are left out for now.

Requests go to the first level for as long as enough of it is in service. A level counts for 1.4 times the part of its endpoints
that is in service, at most for all; what is missing goes to the next level, and so on. So the loss of a quarter of a zone moves
nothing, and then the shift begins, before the zone is overrun. Within a level, localities that have shares get requests by these,
lessened in the same way by what is out of service there. Where so little is in service that what is left would be overrun, a
level panics: all of it is used, as if all were well. Source: Envoy's priority levels, its locality weighted load balancing, and
its panic threshold.

Each group (a level, or a locality of it) has its own balancer, which knows its endpoints in service.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.cluster import HashBy
from hauberk_core.upstream.balance import Balancer
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guards import Guards
from hauberk_core.upstream.hashing import HASH_BITS, NOTHING_TO_HASH

OVERPROVISIONING_PERCENT: Final = 140
"""A level with at least 5 of 7 endpoints in service takes all requests. Envoy's default."""
LOOK_SECONDS: Final = 0.05
"""Who is in service is looked at this often while requests come, and not for each one, because all endpoints are asked about."""
LOOK_SECONDS_EACH: Final = 0.00005
"""And for each endpoint so much later: looking is a fiftieth of a worker's work at most, however many there are."""
_ALL: Final = 100
# With a hash it stays within a machine word. Source: Knuth's multiplicative hashing, by the golden ratio.
_GOLDEN: Final = 0x9E37
_UPPER_BITS: Final = 30


@mypyc_attr(allow_interpreted_subclasses=True)
class BalancerFactory:
    """Makes the balancers of groups."""

    def balancer_for(self, endpoints: list[UpstreamEndpoint], known: Balancer | None) -> Balancer:
        """What chooses among these: `known`, which chose for the same group before, if it can go on."""
        raise NotImplementedError


class Group:
    """The endpoints of a level, or of one of its localities."""

    def __init__(self, locality: str, share: int) -> None:
        self.locality: Final = locality
        self.share: Final = share
        """Of the level's requests, in proportion to the other groups'."""
        self.endpoints: Final[list[UpstreamEndpoint]] = []
        self.usable: list[UpstreamEndpoint] = []
        """Those that get requests: the ones in service, or in panic all. Replaced, never changed."""
        self.balancer: Balancer | None = None
        self.is_whole = True
        """Whether the balancer has worked out what it needs for `usable`."""

    def use(self, usable: list[UpstreamEndpoint]) -> None:
        """Choose among these from now on."""
        self.usable = usable
        if self.balancer is not None:
            self.is_whole = self.balancer.learn(usable)

    def effective(self) -> int:
        """The share, in hundredths, lessened by what is out of service."""
        return self.share * _availability(len(self.usable), len(self.endpoints))

    def pick(self, number: int, some: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """One of `some`, which is not empty. Args: number - of the request, where the balancer goes by one."""
        balancer = self.balancer
        assert balancer is not None
        if balancer.by is None:
            return balancer.pick(some)
        return balancer.pick_by(number, some, self.is_whole and some is self.usable)


class Level:
    """Endpoints of one priority."""

    def __init__(self, priority: int) -> None:
        self.priority: Final = priority
        self.groups: Final[list[Group]] = []
        self.total = 0
        self.healthy = 0
        self.load = 0
        """Hundredths of all requests that come here."""
        self.panics = False
        self.ends: list[int] = []
        """Where each group's part of the shares ends; as long as `groups`."""

    def group(self, value: int) -> Group:
        """The group that a number leads to, in proportion to the shares. Args: value - not negative."""
        groups = self.groups
        ends = self.ends
        if len(groups) == 1 or ends[len(ends) - 1] == 0:
            return groups[0]
        return groups[bisect_right(ends, value % ends[len(ends) - 1])]


class Levels:
    """All levels of a cluster, and what each gets."""

    def __init__(self, factory: BalancerFactory, random: Callable[[], float]) -> None:
        self.by: HashBy | None = None
        """What of a request the balancers go by; the numbers of `choose` and `choose_among` are made of that."""
        self.look_at: float = 0.0
        """When who is in service is to be looked at again, in the loop's seconds."""
        self._factory: BalancerFactory = factory
        self._shares: dict[str, int] = {}
        self._panic_percent: int = 0
        self._random: Final = random
        self._levels: list[Level] = []
        self._only: Level | None = None
        self._load_ends: list[int] = []

    def levels(self) -> list[Level]:
        """The levels, the most preferred first."""
        return self._levels

    def configure(self, factory: BalancerFactory, shares: dict[str, int], panic_percent: int) -> None:
        """Go by this from the next `learn` on.

        Args: shares - of localities, empty: they have none; panic_percent - with fewer endpoints in service a level panics.
        """
        self._factory = factory
        self._shares = shares
        self._panic_percent = panic_percent

    def learn(self, endpoints: list[UpstreamEndpoint], guards: Guards | None, now: float) -> bool:
        """These are the endpoints from now on; not empty. Returns: False if `advance` is to be called."""
        known: dict[tuple[int, str], Balancer | None] = {}
        for level in self._levels:
            for group in level.groups:
                known[level.priority, group.locality] = group.balancer
        by_priority: dict[int, Level] = {}
        by_key: dict[tuple[int, str], Group] = {}
        for endpoint in endpoints:
            locality = endpoint.locality if self._shares else ""
            key = (endpoint.priority, locality)
            group_of = by_key.get(key)
            if group_of is None:
                level_of = by_priority.get(endpoint.priority)
                if level_of is None:
                    level_of = Level(endpoint.priority)
                    by_priority[endpoint.priority] = level_of
                group_of = Group(locality, self._shares.get(locality, 0) if self._shares else 1)
                by_key[key] = group_of
                level_of.groups.append(group_of)
            group_of.endpoints.append(endpoint)
        self._levels = [by_priority[priority] for priority in sorted(by_priority)]
        for key, group in by_key.items():
            group.balancer = self._factory.balancer_for(group.endpoints, known.get(key))
            self.by = group.balancer.by
        return self._look(guards, now, True)

    def look(self, guards: Guards | None, now: float) -> bool:
        """See who is in service. Returns: False if `advance` is to be called."""
        return self._look(guards, now, False)

    def advance(self) -> bool:
        """Let the balancers work out a part of what they need. Returns: whether all is done."""
        for level in self._levels:
            for group in level.groups:
                if not group.is_whole and group.balancer is not None:
                    group.is_whole = group.balancer.advance()
                    return self._is_whole()
        return True

    def choose(self, number: int) -> UpstreamEndpoint:
        """The endpoint of a request. Args: number - what it hashes to; NOTHING_TO_HASH where there is nothing to go by."""
        level = self._only
        if level is None:
            level = self._levels[bisect_right(self._load_ends, self._value(number) % _ALL)]
        group = level.groups[0] if len(level.groups) == 1 else level.group(self._value(number) // _ALL)
        return group.pick(number, group.usable)

    def choose_among(self, number: int, some: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """One of a few, of the most preferred level that has any in service there. Args: some - not empty."""
        for in_service in (True, False):
            for level in self._levels:
                best: list[UpstreamEndpoint] = []
                chosen: Group | None = None
                for group in level.groups:
                    own = [endpoint for endpoint in (group.usable if in_service else group.endpoints) if endpoint in some]
                    if own and (chosen is None or group.share > chosen.share):
                        best = own
                        chosen = group
                if chosen is not None:
                    return chosen.pick(number, best)
        return some[0]

    # Inside.

    def _value(self, number: int) -> int:
        """What decides about level and locality: for the same number the same, and nothing that the balancer goes by."""
        if number == NOTHING_TO_HASH:
            return int(self._random() * (1 << HASH_BITS))
        return (number * _GOLDEN) >> _UPPER_BITS

    def _is_whole(self) -> bool:
        for level in self._levels:
            for group in level.groups:
                if not group.is_whole:
                    return False
        return True

    def _look(self, guards: Guards | None, now: float, anew: bool) -> bool:
        inside: dict[Group, list[UpstreamEndpoint]] = {}
        for level in self._levels:
            level.total = 0
            level.healthy = 0
            for group in level.groups:
                usable = group.endpoints
                if guards is not None:
                    usable = [endpoint for endpoint in group.endpoints if not guards.is_out(endpoint)]
                inside[group] = usable
                level.total += len(group.endpoints)
                level.healthy += len(usable)
        self.look_at = now + LOOK_SECONDS + LOOK_SECONDS_EACH * sum([level.total for level in self._levels])
        self._spread()
        for level in self._levels:
            for group in level.groups:
                usable = group.endpoints if level.panics else inside[group]
                for endpoint in group.endpoints:
                    endpoint.is_needed = level.panics
                if anew or usable != group.usable:
                    group.use(usable)
            level.ends = _ends([group.effective() if group.usable else 0 for group in level.groups])
            if level.ends[len(level.ends) - 1] == 0:
                # Nobody there is in service, or those who are have no share: guards have the word about all of them.
                level.ends = _ends([len(group.usable) for group in level.groups])
        if self._only is not None and self._only.healthy == 0:
            for group in self._only.groups:
                if not group.usable:
                    group.use(group.endpoints)
            self._only.ends = _ends([len(group.endpoints) for group in self._only.groups])
        return self._is_whole()

    def _spread(self) -> None:
        """Divide all requests among the levels."""
        health = [_availability(level.healthy, level.total) for level in self._levels]
        available = min(sum(health), _ALL)
        total_panic = available < _ALL
        for level in self._levels:
            level.panics = available < _ALL and _ALL * level.healthy < self._panic_percent * level.total
            total_panic = total_panic and level.panics
        loads = [0] * len(health)
        if total_panic:
            everybody = sum([level.total for level in self._levels])
            loads = [_ALL * level.total // everybody for level in self._levels]
        elif available > 0:
            left = _ALL
            for index in range(len(health)):
                loads[index] = min(left, health[index] * _ALL // available)
                left -= loads[index]
        # What rounding has left over goes to the first that gets anything.
        first = 0
        while first + 1 < len(loads) and loads[first] == 0:
            first += 1
        if loads[first] == 0:
            first = 0
        loads[first] += _ALL - sum(loads)
        self._only = None
        for index in range(len(loads)):
            self._levels[index].load = loads[index]
            if loads[index] == _ALL:
                self._only = self._levels[index]
        self._load_ends = _ends(loads)


def _availability(healthy: int, total: int) -> int:
    """In hundredths; as long as any is in service, not nothing."""
    return max(1, min(_ALL, OVERPROVISIONING_PERCENT * healthy // total)) if healthy else 0


def _ends(parts: list[int]) -> list[int]:
    ends: list[int] = []
    total = 0
    for part in parts:
        total += part
        ends.append(total)
    return ends
