"""Shares of requests as whole numbers."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

# What the model takes as a weight.
HEAVIEST: Final = 1_000_000


def whole_weights(shares: Sequence[Fraction | int]) -> list[int]:
    """Whole numbers in the proportion of `shares`, exactly where they fit; a positive share never becomes none."""
    if all(isinstance(share, int) and share <= HEAVIEST for share in shares):
        return [int(share) for share in shares]
    scale = Fraction(math.lcm(*[share.denominator for share in shares])) if shares else Fraction(1)
    largest = max(shares, default=Fraction(0)) * scale
    if largest > HEAVIEST:
        scale *= HEAVIEST / largest
    return [max(1, round(share * scale)) if share else 0 for share in shares]
