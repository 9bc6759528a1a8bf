"""The shares of endpoints that are new: caches are cold there, and programs not yet compiled, so that they grow with time."""

from typing import Final

from hauberk_core.upstream.endpoint import UpstreamEndpoint

SCALE: Final = 1000
"""Weights are multiplied by so much while somebody is new, so that a thousandth of a share can be told."""
STEPS: Final = 32
"""In so many the whole share is reached."""
SHORTEST_STEP_SECONDS: Final = 0.125


class SlowStart:
    """How the shares of one cluster's endpoints grow."""

    __slots__ = ("_exponent", "_least", "_seconds")

    def __init__(self, seconds: float, least_percent: float, aggression: float) -> None:
        """Args: seconds - until a share is whole; least_percent - what a new endpoint has of it at once; aggression - 1: it grows
        evenly; more: faster at the beginning."""
        self._seconds: Final = seconds
        self._least: Final = least_percent / 100
        self._exponent: Final = 1 / aggression

    def step_seconds(self) -> float:
        """How long shares stay as they are."""
        return max(self._seconds / STEPS, SHORTEST_STEP_SECONDS)

    def share(self, age: float) -> float:
        """Of its whole share, what an endpoint of this age has. Args: age - seconds. Source: Envoy's slow start mode."""
        if age >= self._seconds:
            return 1.0
        grown: float = (max(age, 0.0) / self._seconds) ** self._exponent
        return max(grown, self._least)

    def scale(self, endpoints: list[UpstreamEndpoint], now: float) -> bool:
        """While any share is growing, make the configured weights of endpoints what they are now, in thousandths.

        Returns: whether one is; if not, the weights stay as they are.
        """
        shares = [self.share(now - endpoint.since) for endpoint in endpoints]
        if not shares or min(shares) >= 1.0:
            return False
        for index in range(len(endpoints)):
            endpoint = endpoints[index]
            endpoint.weight = max(1, int(endpoint.weight * SCALE * shares[index]))
        return True
