"""Priorities, localities with shares, and panic."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream_endpoints import endpoints

from hauberk_core.model import Cluster
from hauberk_core.model.cluster import HashBy
from hauberk_core.upstream.balancers import ConfiguredBalancers
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guard import Guard
from hauberk_core.upstream.guards import Guards
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of
from hauberk_core.upstream.levels import LOOK_SECONDS, Levels

BY = HashBy(header="x-user")
BALANCERS = [
    Cluster(load_balancing="least_request"),
    Cluster(load_balancing="round_robin"),
    Cluster(load_balancing="random"),
    Cluster(load_balancing="ring_hash", hash_by=BY),
    Cluster(load_balancing="maglev", hash_by=BY, hash_table_size=1009),
]
KINDS = [cluster.load_balancing for cluster in BALANCERS]


class Leaving(Guard):
    """Leaves out those of the addresses that it is told."""

    def __init__(self) -> None:
        self.out: set[str] = set()

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        return endpoint.address in self.out


class Scene:
    """Levels of so many endpoints each, and requests that are told apart by their number."""

    def __init__(
        self,
        sizes: list[int],
        cluster: Cluster = BALANCERS[0],
        localities: list[str] | None = None,
        shares: dict[str, int] | None = None,
        panic: int = 0,
    ) -> None:
        self.endpoints = endpoints(*[1] * sum(sizes))
        priorities = [level for level, size in enumerate(sizes) for _ in range(size)]
        for index, endpoint in enumerate(self.endpoints):
            endpoint.priority = priorities[index]
            endpoint.locality = localities[index] if localities else ""
        self.guard = Leaving()
        self.guards = Guards((self.guard,))
        chance = random.Random(7).random
        balancers = ConfiguredBalancers(cluster, chance)
        self.levels = Levels(balancers, chance)
        self.levels.configure(balancers, shares or {}, panic)
        self._settle(self.levels.learn(self.endpoints, self.guards, 0.0))

    def leave_out(self, *indices: int) -> None:
        """Have these out of service, and that noticed."""
        self.guard.out = {self.endpoints[index].address for index in indices}
        self._settle(self.levels.look(self.guards, 1.0))

    def _settle(self, whole: bool) -> None:
        while not whole:
            whole = self.levels.advance()

    def asked(self, requests: int = 2000) -> Counter[int]:
        """How often each endpoint was chosen, by its place."""
        places = {endpoint.address: index for index, endpoint in enumerate(self.endpoints)}
        numbers = [NOTHING_TO_HASH if self.levels.by is None else hash_of(f"user {number}") for number in range(requests)]
        return Counter([places[self.levels.choose(number).address] for number in numbers])

    def loads(self) -> list[int]:
        """Hundredths of the requests of each level."""
        return [level.load for level in self.levels.levels()]


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_the_first_level_gets_all_while_five_of_seven_of_it_are_in_service(cluster: Cluster) -> None:
    scene = Scene([7, 3], cluster)
    assert scene.loads() == [100, 0]
    scene.leave_out(0, 1)
    assert scene.loads() == [100, 0]
    assert set(scene.asked()) == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_what_a_level_lacks_goes_to_the_next(cluster: Cluster) -> None:
    scene = Scene([10, 5], cluster)
    scene.leave_out(0, 1, 2, 3, 4)
    assert scene.loads() == [70, 30]
    asked = scene.asked()
    assert set(asked) == set(range(5, 15))
    assert sum([asked[index] for index in range(10, 15)]) == pytest.approx(600, abs=100)


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_a_level_without_any_in_service_is_passed_over(cluster: Cluster) -> None:
    scene = Scene([2, 2, 1], cluster)
    scene.leave_out(0, 1)
    assert set(scene.asked(200)) == {2, 3}
    scene.leave_out(0, 1, 2, 3)
    assert set(scene.asked(200)) == {4}
    scene.leave_out()
    assert set(scene.asked(200)) == {0, 1}


def test_with_nobody_in_service_guards_have_the_last_word() -> None:
    scene = Scene([2, 1])
    scene.leave_out(0, 1, 2)
    assert set(scene.asked(100)) == {0, 1}
    assert not any(endpoint.is_needed for endpoint in scene.endpoints)


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_a_level_panics_below_its_threshold(cluster: Cluster) -> None:
    scene = Scene([10], cluster, panic=50)
    scene.leave_out(0, 1, 2, 3)
    assert set(scene.asked()) == set(range(4, 10))
    scene.leave_out(0, 1, 2, 3, 4, 5)
    assert set(scene.asked()) == set(range(10))
    assert all(endpoint.is_needed for endpoint in scene.endpoints)
    scene.leave_out()
    assert not any(endpoint.is_needed for endpoint in scene.endpoints)


def test_nobody_panics_while_another_level_can_take_over() -> None:
    scene = Scene([10, 10], panic=50)
    scene.leave_out(*range(9))
    assert scene.loads() == [14, 86]
    assert not any(endpoint.is_needed for endpoint in scene.endpoints)


def test_in_total_panic_levels_share_by_their_sizes() -> None:
    scene = Scene([3, 1], panic=50)
    scene.leave_out(0, 1, 2, 3)
    assert scene.loads() == [75, 25]
    assert set(scene.asked(400)) == {0, 1, 2, 3}


PLACES = ["a", "a", "b", "b", "c"]


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_localities_have_their_shares_whatever_their_sizes(cluster: Cluster) -> None:
    scene = Scene([5], cluster, PLACES, {"a": 80, "b": 10, "c": 10})
    asked = scene.asked()
    assert asked[0] + asked[1] == pytest.approx(1600, abs=100)
    assert asked[2] + asked[3] == pytest.approx(200, abs=70)
    assert asked[4] == pytest.approx(200, abs=70)


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_a_locality_out_of_service_leaves_its_share_to_the_others(cluster: Cluster) -> None:
    scene = Scene([5], cluster, PLACES, {"a": 80, "b": 10, "c": 10})
    scene.leave_out(0, 1)
    asked = scene.asked()
    assert asked[0] + asked[1] == 0
    assert asked[4] == pytest.approx(1000, abs=120)


def test_a_locality_without_a_share_gets_nothing() -> None:
    scene = Scene([5], localities=PLACES, shares={"a": 1})
    assert set(scene.asked(200)) == {0, 1}


@pytest.mark.parametrize("cluster", BALANCERS[3:], ids=KINDS[3:])
def test_what_is_told_apart_stays_where_it_is(cluster: Cluster) -> None:
    scene = Scene([10, 10], cluster)
    scene.leave_out(*range(6))
    numbers = [hash_of(f"user {number}") for number in range(500)]
    first = [scene.levels.choose(number).address for number in numbers]
    assert first == [scene.levels.choose(number).address for number in numbers]


@pytest.mark.parametrize("cluster", BALANCERS, ids=KINDS)
def test_another_attempt_stays_in_the_level_while_it_can(cluster: Cluster) -> None:
    scene = Scene([3, 2], cluster)
    number = NOTHING_TO_HASH if scene.levels.by is None else hash_of("somebody")
    some = scene.endpoints[1:]
    assert scene.levels.choose_among(number, some) in scene.endpoints[1:3]
    scene.leave_out(1, 2)
    assert scene.levels.choose_among(number, some) in scene.endpoints[3:]
    assert scene.levels.choose_among(number, scene.endpoints[1:2]) is scene.endpoints[1]


def test_who_is_in_service_is_looked_at_now_and_then() -> None:
    scene = Scene([2, 2])
    assert LOOK_SECONDS < scene.levels.look_at < LOOK_SECONDS + 0.001
    scene.leave_out(0)
    assert 1.0 < scene.levels.look_at < 1.1
    many = Scene([20_000])
    assert many.levels.look_at > 1.0


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.sets(st.integers(0, 23)),
    st.integers(0, 100),
    st.sampled_from(BALANCERS),
)
def test_all_requests_go_somewhere(sizes: list[int], out: set[int], panic: int, cluster: Cluster) -> None:
    scene = Scene(sizes, cluster, panic=panic)
    left_out = [index for index in sorted(out) if index < sum(sizes)]
    scene.leave_out(*left_out)
    assert sum(scene.loads()) == 100
    asked = set(scene.asked(30))
    in_service = set(range(sum(sizes))) - set(left_out)
    if in_service and not any(endpoint.is_needed for endpoint in scene.endpoints):
        assert asked <= in_service
