"""Which endpoint is taken: in turn or the less busy, in proportion to weights."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream_endpoints import endpoints

from hauberk_core.upstream.balance import Balancer, RandomChoice, WeightedLeastRequest, WeightedRoundRobin
from hauberk_core.upstream.endpoint import UpstreamEndpoint

WEIGHTS = st.lists(st.integers(1, 50), min_size=1, max_size=8)


def picks(balancer: Balancer, among: list[UpstreamEndpoint], times: int) -> list[int]:
    """Have it choose, of endpoints that it has learned or of some of these."""
    return [balancer.pick(among).port for _ in range(times)]


@given(WEIGHTS, st.integers(0, 2**32))
def test_a_round_gives_each_as_many_turns_as_it_weighs(weights: list[int], seed: int) -> None:
    among = endpoints(*weights)
    balancer = WeightedRoundRobin(random.Random(seed).random)
    balancer.learn(among)
    for _ in range(3):
        counts = Counter(picks(balancer, among, sum(weights)))
        assert [counts[endpoint.port] for endpoint in among] == weights


def test_turns_of_the_heaviest_are_spread() -> None:
    among = endpoints(5, 1, 1)
    balancer = WeightedRoundRobin(lambda: 0.5)
    balancer.learn(among)
    assert picks(balancer, among, 7) == [1, 1, 1, 2, 3, 1, 1]


def test_requests_that_failed_elsewhere_take_nobody_s_turn() -> None:
    among = endpoints(5, 2, 1)
    balancer = WeightedRoundRobin(lambda: 0.5)
    balancer.learn(among)
    assert picks(balancer, among[1:], 3) == [2, 2, 2]
    assert Counter(picks(balancer, among, 8)) == {1: 5, 2: 2, 3: 1}


def test_many_lists_do_not_all_begin_with_the_heaviest() -> None:
    among = endpoints(1, 3)
    balancer = WeightedRoundRobin(random.Random(5).random)
    first = Counter[int]()
    for _ in range(2000):
        balancer.learn(among)
        first.update(picks(balancer, among, 1))
    assert first[1] / 2000 == pytest.approx(1 / 6, abs=0.05)


def test_proportions_hold_for_long() -> None:
    among = endpoints(3, 1)
    balancer = WeightedRoundRobin(lambda: 0.5)
    balancer.learn(among)
    counts = Counter(picks(balancer, among, 4000))
    assert (counts[1], counts[2]) == (3000, 1000)


@pytest.mark.parametrize("kind", [RandomChoice, WeightedLeastRequest])
@given(weights=WEIGHTS, seed=st.integers(0, 2**32))
def test_with_nobody_busy_draws_have_the_proportion_of_the_weights(
    kind: type[RandomChoice | WeightedLeastRequest], weights: list[int], seed: int
) -> None:
    among = endpoints(*weights)
    counts = Counter(picks(kind(random.Random(seed).random), among, 4000))
    for endpoint in among:
        assert counts[endpoint.port] / 4000 == pytest.approx(endpoint.weight / sum(weights), abs=0.06)


def test_requests_under_way_settle_in_the_proportion_of_the_weights() -> None:
    among = endpoints(1, 3, 6)
    balancer = WeightedLeastRequest(random.Random(7).random)
    for _ in range(1000):
        balancer.pick(among).active += 1
    assert [endpoint.active for endpoint in among] == pytest.approx([100, 300, 600], rel=0.06)


def test_the_less_busy_for_its_weight_is_taken() -> None:
    light, heavy = among = endpoints(1, 2)
    light.active, heavy.active = 1, 1
    draws = iter((0.0, 0.9))
    assert WeightedLeastRequest(lambda: next(draws)).pick(among) is heavy


def test_another_list_is_learned() -> None:
    balancer = WeightedLeastRequest(random.Random(1).random)
    assert set(picks(balancer, endpoints(1, 1), 50)) == {1, 2}
    assert set(picks(balancer, endpoints(1), 10)) == {1}
