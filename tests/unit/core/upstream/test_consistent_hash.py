"""Requests that have something in common find one endpoint, also while endpoints change."""

import random
from collections import Counter
from typing import Literal

import pytest
from upstream_endpoints import endpoints

from hauberk_core.model.cluster import HashBy
from hauberk_core.upstream.consistent_hash import ConsistentHash
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of

NUMBERS = [hash_of(str(number)) for number in range(300)]


@pytest.fixture(params=["ring_hash", "maglev"])
def balancer(request: pytest.FixtureRequest) -> ConsistentHash:
    kind: Literal["ring_hash", "maglev"] = request.param
    return ConsistentHash(kind, 8191, HashBy(header="x-user"), random.Random(3).random)


def learned(balancer: ConsistentHash, among: list[UpstreamEndpoint]) -> int:
    """Returns: how many turns it took."""
    turns = 0
    done = balancer.learn(among)
    while not done:
        done = balancer.advance()
        turns += 1
    return turns


def choices(balancer: ConsistentHash, among: list[UpstreamEndpoint]) -> list[UpstreamEndpoint]:
    return [balancer.pick_by(number, among, True) for number in NUMBERS]


def test_a_table_takes_several_turns_and_equal_endpoints_none(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1, 1)
    assert learned(balancer, among) > 1
    first = choices(balancer, among)
    assert learned(balancer, list(reversed(among))) == 0
    assert choices(balancer, among) == first
    assert set(first) == set(among)


def test_a_request_that_comes_before_the_first_table_finds_its_place_all_the_same(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1, 1)
    assert not balancer.learn(among)
    early = balancer.pick_by(NUMBERS[0], among, True)
    assert balancer.advance()
    assert balancer.pick_by(NUMBERS[0], among, True) is early


def test_while_a_table_is_made_the_one_before_serves_without_those_that_are_gone(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1, 1)
    learned(balancer, among)
    before = choices(balancer, among)
    gone, *left = among
    gone.retired = True
    assert not balancer.learn(left)
    meanwhile = choices(balancer, left)
    assert gone not in meanwhile
    assert all(one is other for one, other in zip(before, meanwhile, strict=True) if one is not gone)


def test_another_weight_is_another_table(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1)
    learned(balancer, among)
    among[0].weight = 9
    assert learned(balancer, among) > 0
    assert Counter(choices(balancer, among))[among[0]] > 220


def test_where_an_endpoint_may_not_be_taken_requests_agree_on_another(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1, 1, 1)
    learned(balancer, among)
    first = choices(balancer, among)
    others = among[1:]
    second = [balancer.pick_by(number, others, False) for number in NUMBERS]
    assert second == [balancer.pick_by(number, others, False) for number in NUMBERS]
    assert all(one is other for one, other in zip(first, second, strict=True) if one is not among[0])
    # What belonged to the one that may not be taken is shared by all others.
    assert {other for one, other in zip(first, second, strict=True) if one is among[0]} == set(others)


def test_what_has_nothing_to_go_by_goes_anywhere(balancer: ConsistentHash) -> None:
    among = endpoints(1, 1, 1)
    learned(balancer, among)
    assert {balancer.pick_by(NOTHING_TO_HASH, among, True) for _ in range(50)} == set(among)
    assert {balancer.pick(among) for _ in range(50)} == set(among)


def test_without_endpoints_there_is_nothing_to_work_out(balancer: ConsistentHash) -> None:
    assert balancer.learn([])
    assert balancer.advance()
