"""Which endpoint takes the next request."""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.upstream.endpoint import UpstreamEndpoint


@mypyc_attr(allow_interpreted_subclasses=True)
class Balancer:
    """Chooses among a cluster's endpoints; told of every change to their list."""

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """One of `endpoints`, which is not empty."""
        raise NotImplementedError


class RoundRobin(Balancer):
    """Each endpoint in turn."""

    def __init__(self, start: int) -> None:
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
