"""Which endpoint takes the next request."""

from bisect import bisect_right
from collections.abc import Callable
from heapq import heapify, heapreplace
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.cluster import HashBy
from hauberk_core.upstream.endpoint import UpstreamEndpoint

# The unit of time in which each endpoint has as many turns as it weighs, fine enough for the largest weights.
_UNIT: Final = 1 << 40
# Beyond it turns are counted anew, so that they stay within a machine word.
_LAST: Final = 1 << 60


@mypyc_attr(allow_interpreted_subclasses=True)
class Balancer:
    """Chooses among a cluster's endpoints; told of every change to their list."""

    def __init__(self) -> None:
        self.by: HashBy | None = None
        """What of a request has a say in it: the numbers of `pick_by` are made of that. None: nothing, and `pick` is asked."""

    def learn(self, endpoints: list[UpstreamEndpoint]) -> bool:
        """These are the endpoints from now on. Returns: False if `advance` is to be called for what has to be worked out."""
        return True

    def advance(self) -> bool:
        """Work out a part of it, in a time for which a loop may be held. Returns: whether all is done."""
        return True

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """One of `endpoints`, which is not empty."""
        raise NotImplementedError

    def pick_by(self, number: int, endpoints: list[UpstreamEndpoint], are_all: bool) -> UpstreamEndpoint:
        """The one that a request's number leads to. Args: are_all - whether these are all endpoints that were learned last."""
        return self.pick(endpoints)


class RoundRobin(Balancer):
    """Each endpoint in turn."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._next: int = start

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        index = self._next % len(endpoints)
        self._next = index + 1
        return endpoints[index]


class LeastRequest(Balancer):
    """The less busy of two endpoints drawn at random.

    Two draws keep the longest queue nearly as short as looking at all of them, without the herd that follows when every worker
    sees the same idlest endpoint. Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        super().__init__()
        self._random: Final = random

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        count = len(endpoints)
        if count == 1:
            return endpoints[0]
        first = int(self._random() * count)
        second = int(self._random() * (count - 1))
        if second >= first:
            second += 1
        one = endpoints[first]
        other = endpoints[second]
        return one if one.active <= other.active else other


class RandomChoice(Balancer):
    """Any endpoint, each as likely as it weighs."""

    def __init__(self, random: Callable[[], float]) -> None:
        super().__init__()
        self._draws: Final = WeightedDraws(random)

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        return self._draws.draw(endpoints)


class WeightedRoundRobin(Balancer):
    """Each endpoint in turn, as often as its weight says, and those with many turns not all at once.

    Turns stand on a line of time: an endpoint of weight w has w of them in each unit, evenly spaced, and the earliest that is
    left is taken, by a heap. Each begins somewhere in its first space, so that new lists do not all begin with the same endpoint.
    Source: earliest deadline first, as Envoy schedules its hosts.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        super().__init__()
        self._random: Final = random
        self._endpoints: list[UpstreamEndpoint] = []
        self._turns: list[tuple[int, int, int]] = []
        """A heap: when each endpoint's next turn is, its place in the list, and that time as if it weighed 1."""

    def learn(self, endpoints: list[UpstreamEndpoint]) -> bool:
        turns: list[tuple[int, int, int]] = []
        for index in range(len(endpoints)):
            progress = int(self._random() * _UNIT)
            turns.append((progress // endpoints[index].weight, index, progress))
        heapify(turns)
        self._endpoints = endpoints
        self._turns = turns
        return True

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        if endpoints is not self._endpoints:
            return self._pick_among(endpoints)
        turn = self._turns[0]
        index = turn[1]
        endpoint = endpoints[index]
        progress = turn[2] + _UNIT
        if progress > _LAST:
            self.learn(endpoints)
        else:
            heapreplace(self._turns, (progress // endpoint.weight, index, progress))
        return endpoint

    def _pick_among(self, some: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """The one of a few whose turn is next. It keeps that turn: this is for requests that have failed elsewhere."""
        best = some[0]
        earliest = -1
        for turn in self._turns:
            endpoint = self._endpoints[turn[1]]
            if (earliest < 0 or turn[0] < earliest) and endpoint in some:
                best = endpoint
                earliest = turn[0]
        return best


class WeightedLeastRequest(Balancer):
    """The less busy for its weight of two endpoints, each drawn in proportion to the weights."""

    def __init__(self, random: Callable[[], float]) -> None:
        super().__init__()
        self._draws: Final = WeightedDraws(random)

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        one = self._draws.draw(endpoints)
        other = self._draws.draw(endpoints)
        # Without division, and with nobody busy the first draw counts: it has the weights' proportion.
        return one if one.active * other.weight <= other.active * one.weight else other


class WeightedDraws:
    """Endpoints drawn at random, in proportion to their weights."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self._endpoints: list[UpstreamEndpoint] = []
        self._ends: list[int] = []
        """Where each endpoint's part of all weights ends."""

    def draw(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """One of `endpoints`, which is not empty: a list that is replaced, never changed."""
        if endpoints is not self._endpoints:
            self._learn(endpoints)
        ends = self._ends
        return self._endpoints[bisect_right(ends, int(self._random() * ends[len(ends) - 1]))]

    def _learn(self, endpoints: list[UpstreamEndpoint]) -> None:
        ends: list[int] = []
        total = 0
        for endpoint in endpoints:
            total += endpoint.weight
            ends.append(total)
        self._endpoints = endpoints
        self._ends = ends
