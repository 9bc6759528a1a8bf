"""Shares of new endpoints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream_endpoints import endpoints

from hauberk_core.upstream.slow_start import SlowStart


@pytest.mark.parametrize(
    ("aggression", "age", "share"),
    [(1, 0, 0.1), (1, 0.5, 0.1), (1, 5, 0.5), (1, 9.5, 0.95), (1, 10, 1), (1, 999, 1), (2, 2.5, 0.5), (1, -3, 0.1)],
)
def test_a_share_by_age(aggression: float, age: float, share: float) -> None:
    assert SlowStart(10.0, 10.0, aggression).share(age) == pytest.approx(share)


@given(st.floats(1, 3600), st.floats(0.1, 100), st.floats(1, 10), st.floats(0, 4000), st.floats(0, 4000))
def test_shares_only_grow(seconds: float, least: float, aggression: float, one: float, other: float) -> None:
    slow_start = SlowStart(seconds, least, aggression)
    younger, older = sorted((one, other))
    assert 0 < slow_start.share(younger) <= slow_start.share(older) <= 1


def test_weights_are_scaled_while_somebody_is_new() -> None:
    slow_start = SlowStart(10.0, 10.0, 1.0)
    old, new = among = endpoints(2, 2)
    new.since = 100.0
    assert slow_start.scale(among, 105.0)
    assert (old.weight, new.weight) == (2000, 1000)


def test_weights_stay_where_all_are_old_and_their_proportion_where_all_are_equally_new() -> None:
    slow_start = SlowStart(10.0, 10.0, 1.0)
    among = endpoints(2, 3)
    assert not slow_start.scale(among, 50.0)
    assert [endpoint.weight for endpoint in among] == [2, 3]
    assert slow_start.scale(among, 5.0)
    assert [endpoint.weight for endpoint in among] == [1000, 1500]
    assert not slow_start.scale([], 5.0)


def test_steps_are_neither_short_nor_few() -> None:
    assert SlowStart(64.0, 10.0, 1.0).step_seconds() == 2.0
    assert SlowStart(1.0, 10.0, 1.0).step_seconds() == 0.125
