"""How often somebody may do something: token buckets, a bounded number of them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final


class Rate:
    """Allows `per_second` on average and `burst` at once."""

    __slots__ = ("_burst", "_level", "_now", "_per_second", "_seen")

    def __init__(self, per_second: float, burst: float, now: Callable[[], float]) -> None:
        """Args: now - a clock in seconds that never goes back."""
        self._per_second: Final = per_second
        self._burst: Final = burst
        self._now: Final = now
        self._level = burst
        self._seen = now()

    def take(self) -> bool:
        """Whether one more is allowed now; if so, it is counted."""
        now = self._now()
        self._level = min(self._burst, self._level + (now - self._seen) * self._per_second)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Rates:
    """One `Rate` for each name; the names that were seen longest ago are forgotten when there are too many."""

    def __init__(self, per_second: float, burst: float, most: int, now: Callable[[], float]) -> None:
        self._per_second: Final = per_second
        self._burst: Final = burst
        self._most: Final = most
        self._now: Final = now
        self._rates: Final[OrderedDict[str, Rate]] = OrderedDict()

    def take(self, name: str) -> bool:
        """Whether one more is allowed to `name` now; if so, it is counted."""
        rate = self._rates.get(name)
        if rate is None:
            if len(self._rates) >= self._most:
                self._rates.popitem(last=False)
            rate = self._rates[name] = Rate(self._per_second, self._burst, self._now)
        self._rates.move_to_end(name)
        return rate.take()
