"""Medians, percentiles and ratios of measured figures."""

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """Middle of `values` (mean of the middle two); NaN if there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """Smallest of `values` that at least `share` (0 to 1) of them do not exceed (nearest rank); NaN if there are none."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must lie in 0..1, not {share}")
    if not values:
        return math.nan
    ordered = sorted(values)
    rank = max(1, math.ceil(share * len(ordered)))
    return ordered[rank - 1]


def spread(values: Sequence[float]) -> float:
    """Distance from least to greatest as a share of the median: how far rounds disagree; NaN if that means nothing."""
    middle = median(values)
    if not values or middle == 0 or math.isnan(middle):
        return math.nan
    return (max(values) - min(values)) / middle


def ratio(value: float, reference: float) -> float:
    """`value / reference`; NaN where either is missing or the reference is zero."""
    if math.isnan(value) or math.isnan(reference) or reference == 0:
        return math.nan
    return value / reference
