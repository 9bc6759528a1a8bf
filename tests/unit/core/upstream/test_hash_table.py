"""Tables of consistent hashing: whole, in proportion, the same everywhere, and little disturbed by change."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream_endpoints import endpoints

from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.hash_table import HashTable, MaglevTable, RingTable
from hauberk_core.upstream.hashing import HASH_BITS, hash_of

Make = Callable[[list[UpstreamEndpoint]], HashTable]
WEIGHTS = st.lists(st.integers(1, 20), min_size=1, max_size=8)


def maglev(among: list[UpstreamEndpoint]) -> HashTable:
    return whole(MaglevTable(among, 2039))


def ring(among: list[UpstreamEndpoint]) -> HashTable:
    return whole(RingTable(among, 1024))


def whole(table: HashTable) -> HashTable:
    assert table.advance(1_000_000)
    return table


def owners(table: HashTable, numbers: range) -> list[str]:
    return [table.at(table.place(hash_of(str(number)))).address for number in numbers]


@settings(max_examples=25, deadline=None)
@given(WEIGHTS)
def test_places_of_maglev_have_the_proportion_of_the_weights(weights: list[int]) -> None:
    among = endpoints(*weights)
    table = maglev(among)
    counts = Counter(table.at(place).port for place in range(table.size()))
    for endpoint in among:
        # Turns are whole, so that each may have some places more or less.
        assert abs(counts[endpoint.port] - table.size() * endpoint.weight / sum(weights)) <= len(weights) + 1


@settings(max_examples=10, deadline=None)
@given(WEIGHTS)
def test_requests_on_a_ring_have_about_the_proportion_of_the_weights(weights: list[int]) -> None:
    among = endpoints(*weights)
    counts = Counter(owners(ring(among), range(2000)))
    for endpoint in among:
        assert counts[endpoint.address] / 2000 == pytest.approx(endpoint.weight / sum(weights), abs=0.09)


@pytest.mark.parametrize(("make", "most"), [(maglev, 0.08), (ring, 0.0)])
@settings(max_examples=10, deadline=None)
# Of a power of two, which is where a ring becomes finer, that is not so.
@given(count=st.sampled_from((3, 5, 6, 7, 9, 10)), gone=st.integers(0, 9))
def test_who_leaves_moves_nobody_else_or_few(make: Make, most: float, count: int, gone: int) -> None:
    among = endpoints(*[1] * count)
    left = among[gone % count]
    before = owners(make(among), range(1000))
    after = owners(make([endpoint for endpoint in among if endpoint is not left]), range(1000))
    stayed = [(one, other) for one, other in zip(before, after, strict=True) if one != left.address]
    assert sum(one != other for one, other in stayed) <= most * len(stayed)


@pytest.mark.parametrize("make", [maglev, ring])
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_in_which_endpoints_are_listed_does_not_matter(make: Make, seed: int) -> None:
    among = endpoints(1, 2, 3, 1)
    shuffled = among.copy()
    random.Random(seed).shuffle(shuffled)
    assert owners(make(among), range(100)) == owners(make(shuffled), range(100))


@pytest.mark.parametrize("steps", [1, 7, 4000])
@pytest.mark.parametrize("make", [lambda among: MaglevTable(among, 101), lambda among: RingTable(among, 100)])
def test_a_table_that_is_made_in_steps_is_the_same(make: Make, steps: int) -> None:
    among = endpoints(3, 1, 2)
    table = make(among)
    turns = 0
    while not table.advance(steps):
        turns += 1
        assert turns < 1000
    assert owners(table, range(50)) == owners(whole(make(among)), range(50))
    assert (turns > 20) == (steps < 10)


def test_a_ring_is_at_least_as_large_as_asked_and_everybody_is_on_it() -> None:
    among = endpoints(1, 1000, 1)
    table = whole(RingTable(among, 64))
    assert 64 <= table.size() <= 2 * 64 + 3
    assert 64 <= whole(RingTable(among[:1], 64)).size() <= 128
    assert {table.at(place) for place in range(table.size())} == set(among)


def test_a_number_belongs_to_the_first_node_behind_it_and_the_last_to_the_first() -> None:
    table = whole(RingTable(endpoints(1, 1), 4))
    assert table.place(0) == 0
    assert table.place((1 << HASH_BITS) - 1) == 0


def test_numbers_are_the_same_in_every_version() -> None:
    assert (hash_of(""), hash_of("mina")) == (60981841615358, 5105185540829)
