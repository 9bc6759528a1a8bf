"""Whether a noisy series grows, and how much at least."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final

# So many standard deviations below the median: of a hundred series that do not grow, one would pass for growing.
_CERTAINTY: Final = 2.33


def certain_slope(points: Sequence[tuple[float, float]]) -> float:
    """How much y surely grows for each x: the lower end of the 98 % confidence interval around Theil and Sen's slope.

    The slope is the median of the slopes between any two points, so that single points, however far off, do not turn it. The
    interval comes from how many pairs of a series without any trend would rise by chance, and assumes nothing about the noise.

    Args: points - with at least two different x.
    Source: P. K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, 1968.
    """
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if a[0] != b[0])
    n = len(points)
    spread = _CERTAINTY * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return slopes[max(0, round((len(slopes) - spread) / 2))]
