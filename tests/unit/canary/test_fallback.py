"""Where requests go whose backend is down."""

import pytest
from backends import exchange_with, open_backends
from keeping_services import KeepingServices

from hauberk_canary.data import CanaryPicker
from hauberk_canary.fallback import Fallback
from hauberk_canary.users import HeaderUsers, Users

WEIGHTS = {"v1": 60, "v2": 30, "v3": 10}


def taken(kind: str, down: str, decided: str = "v3", user: str = "", chance: float = 0.0) -> str | None:
    """The backend that is picked in place of the one that the weights, or the user, say; None: as they say."""
    services = KeepingServices()
    services.chance = chance
    users: Users | None = HeaderUsers("x-user") if user else None
    with open_backends(WEIGHTS, frozenset(down.split())) as backends:
        picked = CanaryPicker(users, Fallback(kind, services)).pick(exchange_with(("x-user", user), decided=decided), backends)
    assert services.counts["fallbacks"] == (picked is not None and not user)
    return None if picked is None else picked.cluster


@pytest.mark.parametrize(
    ("kind", "down", "expected"),
    [
        ("stable", "", None),
        ("stable", "v3", "v1"),
        ("stable", "v3 v1", None),
        ("any", "v3", "v1"),
        ("any", "v3 v1", "v2"),
        ("any", "v1 v2 v3", None),
        ("none", "v3", None),
    ],
)
def test_the_declared_way(kind: str, down: str, expected: str | None) -> None:
    assert taken(kind, down) == expected


def test_the_stable_one_itself_falls_back_to_nobody_but_any() -> None:
    assert taken("stable", "v1", decided="v1") is None
    assert taken("any", "v1", decided="v1") == "v2"


def test_any_goes_by_weight() -> None:
    assert [taken("any", "v3", chance=chance) for chance in (0.0, 0.6, 0.67, 0.999)] == ["v1", "v1", "v2", "v2"]


def test_a_user_falls_back_to_the_same_one_each_time_and_comes_home() -> None:
    services = KeepingServices()
    picker = CanaryPicker(HeaderUsers("x-user"), Fallback("any", services))
    for number in range(50):
        exchange = exchange_with(("x-user", f"user-{number}"), decided="v1")
        with open_backends(WEIGHTS) as backends:
            home = picker.pick(exchange, backends)
        assert home is not None
        with open_backends(WEIGHTS, frozenset([home.cluster])) as backends:
            away = [picker.pick(exchange, backends) for _ in range(3)]
            assert away[0] is not None
            assert away[0].cluster != home.cluster
            assert away == [away[0]] * 3
        with open_backends(WEIGHTS) as backends:
            back = picker.pick(exchange, backends)
            assert back is not None
            assert back.cluster == home.cluster
    assert services.counts["fallbacks"] == 150


def test_it_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    services = KeepingServices()
    picker = CanaryPicker(None, Fallback("stable", services))
    for down in ("v3", "v3", "", "", "v3"):
        with open_backends(WEIGHTS, frozenset(down.split())) as backends:
            picker.pick(exchange_with(decided="v3"), backends)
    assert [line.split(" ", 1)[0] for line in services.lines] == ["warning", "info", "warning"]
    assert services.lines[0].startswith("warning backend v3 is down")
    assert "fall back to v1" in services.lines[0]
    assert services.counts == {"fallbacks": 3}


def test_without_a_decision_or_a_user_there_is_no_opinion() -> None:
    picker = CanaryPicker(HeaderUsers("x-user"), Fallback("stable", KeepingServices()))
    with open_backends(WEIGHTS) as backends:
        assert picker.pick(exchange_with(), backends) is None
        assert picker.pick(exchange_with(decided="elsewhere"), backends) is None
