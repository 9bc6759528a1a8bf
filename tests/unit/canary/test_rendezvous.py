"""Users are spread by weight, stay where they are, and move only as weights make them."""

import pytest
from backends import plain_backends
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_canary.rendezvous import choose, score

USERS = [f"user-{number}".encode() for number in range(4000)]
Weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=2, max_size=6).filter(
    lambda weights: sum(weights.values()) > 0
)


def homes(weights: dict[str, int], users: list[bytes] = USERS) -> dict[bytes, str]:
    """Where each user belongs."""
    backends = plain_backends(weights)
    found: dict[bytes, str] = {}
    for user in users:
        backend = choose(user, backends)
        assert backend is not None
        found[user] = backend.cluster
    return found


@pytest.mark.parametrize("weights", [{"v1": 90, "v2": 10}, {"v1": 1, "v2": 1}, {"a": 70, "b": 25, "c": 5}, {"v1": 99, "v2": 1}])
def test_ten_thousand_users_are_spread_by_weight(weights: dict[str, int]) -> None:
    found = list(homes(weights, [f"someone-{number}".encode() for number in range(10_000)]).values())
    for name, weight in weights.items():
        assert abs(found.count(name) / 10_000 - weight / sum(weights.values())) < 0.01


@settings(max_examples=25, deadline=None)
@given(weights=Weights, data=st.data())
def test_when_a_weight_grows_users_move_to_it_alone_and_no_more_than_need_be(
    weights: dict[str, int], data: st.DataObject
) -> None:
    grown = data.draw(st.sampled_from(sorted(weights)))
    after = weights | {grown: weights[grown] + data.draw(st.integers(1, 100))}
    old, new = homes(weights), homes(after)
    moved = [user for user in USERS if old[user] != new[user]]
    assert {new[user] for user in moved} <= {grown}
    due = after[grown] / sum(after.values()) - weights[grown] / sum(weights.values())
    # Of 4,000 users chance moves some few per cent more or fewer; it never moves any back.
    assert len(moved) / len(USERS) <= due + 0.05


def test_a_rollout_step_by_step_moves_each_user_once() -> None:
    seen: dict[bytes, list[str]] = {user: [] for user in USERS}
    for share in (0, 1, 5, 10, 20, 50, 80, 100):
        for user, home in homes({"v1": 100 - share, "v2": share}).items():
            seen[user].append(home)
    for way in seen.values():
        assert way == sorted(way), "nobody goes back"
        assert way[-1] == "v2"


@settings(max_examples=25, deadline=None)
@given(weights=Weights, data=st.data())
def test_neither_order_nor_unit_nor_others_matter(weights: dict[str, int], data: st.DataObject) -> None:
    users = USERS[:300]
    old = homes(weights, users)
    order = data.draw(st.permutations(sorted(weights)))
    assert homes({name: 7 * weights[name] for name in order}, users) == old
    gone = data.draw(st.sampled_from(sorted(weights)))
    rest = {name: weight for name, weight in weights.items() if name != gone}
    if sum(rest.values()):
        new = homes(rest, users)
        assert all(new[user] == home for user, home in old.items() if home != gone)


def test_without_weight_there_are_no_users() -> None:
    assert score(b"u", "a", 0.0) == 0.0
    assert set(homes({"a": 0, "b": 1}).values()) == {"b"}
    assert choose(b"u", ()) is None


@given(user=st.binary(max_size=100), name=st.text(max_size=100), weight=st.floats(1e-9, 1e9))
def test_every_score_can_be_compared(user: bytes, name: str, weight: float) -> None:
    assert 0.0 < score(user, name, weight) < float("inf")
