from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.observe.metrics import DURATIONS, HTTP, SIZES


@given(st.integers(min_value=0, max_value=1 << 40))
def test_the_table_and_the_search_agree(value: int) -> None:
    assert SIZES.index(value) == bisect_left(SIZES.bounds, value)
    assert DURATIONS.index(value) == bisect_left(DURATIONS.bounds, value)


def test_bounds_are_inclusive_and_everything_above_the_last_has_a_bucket() -> None:
    for buckets in (SIZES, DURATIONS):
        for place, bound in enumerate(buckets.bounds):
            assert buckets.index(bound) == place
            assert buckets.index(bound + 1) == place + 1


def test_the_cells_of_a_histogram_are_as_many_as_its_buckets_need() -> None:
    duration, request_size, response_size = HTTP.metrics[1:]
    assert duration.width == len(DURATIONS.bounds) + 2
    assert request_size.width == response_size.width == len(SIZES.bounds) + 2
    assert [bound * 1000 for bound in duration.bounds] == list(DURATIONS.bounds)
