"""How long to wait before something is tried again: control that is away, a configuration that could not come into force."""

from collections.abc import Callable
from typing import Final

# A control that was restarted is back within moments.
SHORTEST_SECONDS: Final = 0.2
# Control's return is to be noticed within seconds; a thousand proxies are then 200 connections a second.
LONGEST_SECONDS: Final = 5.0
# A stream that stood this long was a good one: what ended it says nothing about the next attempt.
STEADY_SECONDS: Final = 10.0


class Backoff:
    """Pauses that double, each drawn from all that is shorter, so that those who lost control together do not return together."""

    def __init__(self, random: Callable[[], float], shortest: float = SHORTEST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        """Begin with the shortest. Args: random - uniform in [0, 1); shortest, longest - seconds."""
        self._random: Final = random
        self._shortest: Final = shortest
        self._most: Final = longest
        self._longest = shortest

    def next_pause(self) -> float:
        """Seconds to wait now; the one after may be twice as long. Never less than a tenth of the most it could be."""
        longest = self._longest
        self._longest = min(longest * 2, self._most)
        return longest * (0.1 + 0.9 * self._random())

    def reset(self) -> None:
        """It worked: begin with the shortest again."""
        self._longest = self._shortest
