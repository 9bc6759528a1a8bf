import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import median, percentile, ratio, spread

FIGURES = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1)


def test_median_of_odd_and_even_counts() -> None:
    assert median([9.0, 1.0, 5.0]) == 5.0
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
    assert math.isnan(median([]))


def test_percentile_is_by_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 0.50) == 50.0
    assert percentile(values, 0.0) == 1.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([7.0], 0.99) == 7.0
    assert math.isnan(percentile([], 0.5))


def test_percentile_refuses_a_share_in_per_cent() -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        percentile([1.0], 99)


@given(FIGURES, st.floats(min_value=0, max_value=1))
def test_percentile_is_a_measured_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(FIGURES)
def test_median_lies_between_the_extremes(values: list[float]) -> None:
    assert min(values) <= median(values) <= max(values)


def test_spread_and_ratio() -> None:
    assert spread([9.0, 10.0, 12.0]) == pytest.approx(0.3)
    assert spread([5.0]) == 0.0
    assert math.isnan(spread([]))
    assert ratio(3.0, 2.0) == 1.5
    assert math.isnan(ratio(3.0, 0.0))
    assert math.isnan(ratio(math.nan, 2.0))
