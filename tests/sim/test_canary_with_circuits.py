"""Canary and circuits together: circuits say which version can be asked, canary where its requests go meanwhile."""

from typing import TYPE_CHECKING, Any, Final

import pytest
from shop import SECRET, V1, V2, Shop

if TYPE_CHECKING:
    from tests.sim.conftest import Build

EJECTION_SECONDS: Final = 4.0
OUTLIERS: Final[dict[str, Any]] = {"consecutive_5xx": 1, "base_ejection": f"{EJECTION_SECONDS}s", "max_ejection_percent": 100}
BREAKER: Final[dict[str, Any]] = {"outliers": OUTLIERS}


def eject_the_second(shop: Shop) -> None:
    """Let every workload of v2 fail until each is ejected, and then be well again."""
    shop.failing.update(V2)
    for _ in range(20):
        shop.get()
    shop.failing.clear()


@pytest.mark.parametrize(("fallback", "expected"), [("stable", {"v1"}), ("any", {"v1"}), ("none", {"v1", ""})])
def test_a_version_whose_workloads_are_all_ejected_falls_back_as_declared(
    build: "Build", fallback: str, expected: set[str]
) -> None:
    shop = Shop(build, {"fallback": fallback}, weights=(50, 50), breaker=BREAKER)
    eject_the_second(shop)
    assert {shop.version() for _ in range(20)} == expected
    assert (shop.count("fallbacks") > 0) == ("" not in expected)


def test_it_gets_its_share_back_once_a_trial_succeeds(build: "Build") -> None:
    shop = Shop(build, {"fallback": "stable"}, weights=(50, 50), breaker=BREAKER)
    eject_the_second(shop)
    shop.scenario.advance(EJECTION_SECONDS + 0.1)
    answered = [shop.version() for _ in range(100)]
    assert answered.count("v2") in range(48, 53)
    assert {shop.get() for _ in range(40)} == {*V1, *V2}


def test_a_trial_that_fails_costs_one_request_and_the_rest_falls_back(build: "Build") -> None:
    shop = Shop(build, {"fallback": "stable"}, weights=(0, 1), breaker=BREAKER)
    eject_the_second(shop)
    shop.weights = (50, 50)
    shop.apply()
    shop.failing.update(V2)
    shop.scenario.advance(EJECTION_SECONDS + 0.1)
    answered = [shop.version() for _ in range(50)]
    # One request for each of its two workloads finds out that it is as bad as before.
    assert answered.count("v2") == 2
    assert answered.count("v1") == 48


def test_sticky_users_of_an_ejected_version_go_away_together_and_come_home(build: "Build") -> None:
    shop = Shop(build, {"sticky": {"header": "x-user"}, "fallback": "any"}, weights=(50, 50), breaker=BREAKER)
    users = [f"x-user: {number}" for number in range(30)]
    homes = {user: shop.version(user) for user in users}
    assert set(homes.values()) == {"v1", "v2"}
    shop.failing.update(V2)
    for user in users:
        shop.get(user)
    shop.failing.clear()
    assert {shop.version(user) for user in users} == {"v1"}
    shop.scenario.advance(EJECTION_SECONDS + 0.1)
    assert {user: shop.version(user) for user in users} == homes


def test_a_session_leaves_its_ejected_workload_for_good(build: "Build") -> None:
    session = {"name": "cart", "scope": "default/shop/cart", "secret": SECRET}
    shop = Shop(build, {"session": session}, weights=(50, 50), breaker=BREAKER)
    home = shop.get()
    shop.failing.add(home)
    assert shop.get() == home
    shop.failing.clear()
    other = shop.get()
    assert other not in {home, ""}
    shop.scenario.advance(EJECTION_SECONDS + 0.1)
    assert [shop.get() for _ in range(5)] == [other] * 5
    assert shop.count("sessions_moved") == 1


def test_what_exceeds_a_version_s_limit_is_refused_and_spills_nowhere(build: "Build") -> None:
    shop = Shop(build, {"fallback": "stable"}, weights=(0, 1), breaker={"max_requests": 1})
    waiting = shop.scenario.browser()
    shop.scenario.get(waiting)
    shop.scenario.run()
    [held] = [connection for address in V2 for connection in shop.answering[address].connections()]
    assert held.received()
    # The stable one is that with the largest share.
    shop.weights = (60, 40)
    shop.apply()
    assert {shop.version() for _ in range(20)} == {"v1", ""}
    assert shop.count("fallbacks") == 0
    held.send(shop.scenario.ok)
    assert waiting.received().startswith(b"HTTP/1.1 200")
    shop.scenario.record()
    assert {shop.version() for _ in range(20)} == {"v1", "v2"}
