"""What can be wrong with clusters that go by a part of requests."""

from typing import Any

import pytest

from hauberk_core.model.check_hashing import check_hashing, is_prime, next_prime
from hauberk_core.model.cluster import Cluster, HashBy
from hauberk_core.model.duration import Duration
from hauberk_core.model.mistake import Mistake

USER = HashBy(header="x-user")


def mistakes(**cluster: Any) -> list[str]:
    found: list[Mistake] = []
    check_hashing(Cluster(**cluster), (), found)
    return [str(mistake.path[-1]) for mistake in found]


@pytest.mark.parametrize(
    "cluster",
    [
        {},
        {"load_balancing": "random"},
        {"load_balancing": "maglev", "hash_by": USER},
        {"load_balancing": "maglev", "hash_by": USER, "hash_table_size": 1021},
        {"load_balancing": "ring_hash", "hash_by": HashBy(cookie="at", cookie_lifetime=Duration(0.0)), "hash_table_size": 1000},
        {"load_balancing": "ring_hash", "hash_by": HashBy(source_address=True)},
        {"load_balancing": "ring_hash", "hash_by": HashBy(query="user")},
    ],
)
def test_nothing_is_wrong(cluster: dict[str, Any]) -> None:
    assert mistakes(**cluster) == []


@pytest.mark.parametrize(
    ("cluster", "places"),
    [
        ({"hash_by": USER, "hash_table_size": 7}, ["hash_by", "hash_table_size"]),
        ({"load_balancing": "maglev"}, ["hash_by"]),
        ({"load_balancing": "maglev", "hash_by": HashBy()}, ["hash_by"]),
        ({"load_balancing": "maglev", "hash_by": HashBy(header="x", query="y")}, ["hash_by"]),
        ({"load_balancing": "maglev", "hash_by": HashBy(header="x y")}, ["header"]),
        ({"load_balancing": "maglev", "hash_by": HashBy(cookie="a;b")}, ["cookie"]),
        ({"load_balancing": "maglev", "hash_by": HashBy(header="x", cookie_lifetime=Duration(1.0))}, ["cookie_lifetime"]),
        ({"load_balancing": "maglev", "hash_by": HashBy(cookie="a", cookie_path="/;Domain=b")}, ["cookie_path"]),
        ({"load_balancing": "maglev", "hash_by": USER, "hash_table_size": 1000}, ["hash_table_size"]),
        ({"load_balancing": "ring_hash", "hash_by": USER, "hash_table_size": 16385}, ["hash_table_size"]),
    ],
)
def test_something_is(cluster: dict[str, Any], places: list[str]) -> None:
    assert mistakes(**cluster) == places


def test_primes() -> None:
    assert [number for number in range(20) if is_prime(number)] == [2, 3, 5, 7, 11, 13, 17, 19]
    assert (next_prime(1000), next_prime(65537)) == (1009, 65537)
