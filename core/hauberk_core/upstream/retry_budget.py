"""How many retries one worker may have under way to a cluster, so that they never multiply the load of what already ails.

Attempts for requests of which nothing was sent are not counted: they cost endpoints nothing, and have a bound of their own
(`connect_attempts`). Source: Envoy's retry budgets.
"""

from typing import Final

DEFAULT_PERCENT: Final = 20.0
DEFAULT_LEAST: Final = 3


class RetryBudget:
    """Counts them. A retry is under way from the pause before it until its exchange is over, with those that follow it."""

    __slots__ = ("_under_way", "least", "percent")

    def __init__(self) -> None:
        self.percent: float = DEFAULT_PERCENT
        """Of the active requests, retries included."""
        self.least: int = DEFAULT_LEAST
        """So many are always allowed."""
        self._under_way: int = 0

    def under_way(self) -> int:
        """Retries that have begun and not ended."""
        return self._under_way

    def admits(self, active: int) -> bool:
        """Whether there may be one more. Args: active - requests under way to the cluster, those that wait included."""
        return self._under_way < self.least or self._under_way * 100.0 < self.percent * active

    def begin(self) -> None:
        """One has begun."""
        self._under_way += 1

    def end(self) -> None:
        """One has ended."""
        self._under_way -= 1
