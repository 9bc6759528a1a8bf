"""The numbers that pick a weighted backend: evenly spread rather than random, so that weights hold over short stretches too.

Adding the golden ratio modulo one puts each new point into one of the largest gaps left. After n numbers every interval holds its
share to within a few points (the error grows with log n, where chance gives the square root of n). Workers begin at different
places.
"""

import math
from typing import Final

GOLDEN_RATIO: Final = (math.sqrt(5.0) - 1.0) / 2.0
SILVER_RATIO: Final = math.sqrt(2.0) - 1.0
"""Spreads nearly as evenly. Two sequences of one step would go hand in hand: what one picks, the other would always pick too."""


class Dice:
    """An endless sequence of numbers in [0, 1)."""

    __slots__ = ("_last", "_step")

    def __init__(self, start: float, step: float = GOLDEN_RATIO) -> None:
        """Begin behind `start`; of any other number than one in [0, 1), its fraction counts."""
        self._last = start % 1.0
        self._step: Final = step

    def next(self) -> float:
        """The next number."""
        value = self._last + self._step
        if value >= 1.0:
            value -= 1.0
        self._last = value
        return value
