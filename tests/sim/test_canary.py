"""Canary at work, as lists of steps: who goes where, with what cookie, and what happens when something is down."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest
from shop import SECRET, V1, V2, Shop

if TYPE_CHECKING:
    from tests.sim.conftest import Build

SESSION: Final[dict[str, Any]] = {"name": "cart", "scope": "default/shop/cart", "secret": SECRET}
Open = Callable[..., Shop]


@pytest.fixture
def shop(build: "Build") -> Open:
    def make(*configs: dict[str, Any], **more: Any) -> Shop:
        return Shop(build, *configs, **more)

    return make


# Weights and users.


@pytest.mark.parametrize("chain", [False, True])
def test_weights_stay_exact_with_the_plugin(shop: Open, chain: bool) -> None:
    opened = shop({"sticky": {"header": "x-user"}}, chain=chain)
    assert [opened.version() for _ in range(1000)].count("v2") in range(98, 103)


@pytest.mark.parametrize(
    ("sticky", "fields"),
    [
        ({"header": "X-User"}, lambda user: [f"x-user: {user}"]),
        ({"cookie": "login"}, lambda user: [f"Cookie: a=b; login={user}"]),
        ({"source": {"trustedHops": 1}}, lambda user: [f"X-Forwarded-For: 198.51.100.{user}"]),
    ],
)
def test_users_stay_while_weights_move(shop: Open, sticky: dict[str, Any], fields: Callable[[int], list[str]]) -> None:
    opened = shop({"sticky": sticky})
    users = range(60)
    homes = {user: opened.version(*fields(user)) for user in users}
    assert homes == {user: opened.version(*fields(user)) for user in users}
    assert set(homes.values()) == {"v1", "v2"}
    for step in (20, 50, 20, 100):
        opened.weights = (100 - step, step)
        opened.apply()
        now = {user: opened.version(*fields(user)) for user in users}
        moved = {(homes[user], now[user]) for user in users if homes[user] != now[user]}
        assert len(moved) <= 1, "all who move go one way"
        homes = now
    assert set(homes.values()) == {"v2"}


@pytest.mark.parametrize(
    ("fallback", "down", "expected"),
    [("stable", V2, {"v1"}), ("any", V2, {"v1"}), ("none", V2, {"v1", ""}), ("stable", V1, {"", "v2"}), ("any", V1, {"v2"})],
)
def test_a_backend_that_is_down_falls_back_as_declared(
    shop: Open, fallback: str, down: tuple[str, ...], expected: set[str]
) -> None:
    opened = shop({"fallback": fallback}, weights=(50, 50))
    opened.stop(*down)
    assert {opened.version() for _ in range(20)} == expected
    assert (opened.count("fallbacks") > 0) == ("" not in expected)
    opened.down.clear()
    opened.apply()
    assert {opened.version() for _ in range(20)} == {"v1", "v2"}


@pytest.mark.parametrize(("fallback", "expected"), [("stable", {"v1"}), ("any", {"v1"}), ("none", {"v1", ""})])
def test_a_backend_that_nobody_can_connect_to_is_down_too(shop: Open, fallback: str, expected: set[str]) -> None:
    opened = shop({"fallback": fallback}, weights=(50, 50))
    for address in V2:
        opened.answering[address].close()
    assert {opened.version() for _ in range(20)} == expected
    assert (opened.count("fallbacks") > 0) == ("" not in expected)


# Sessions.


def test_a_session_stays_with_one_workload_and_its_cookie_is_set_once(shop: Open) -> None:
    opened = shop({"session": SESSION}, weights=(50, 50))
    home = opened.get()
    assert opened.attributes == b"; Path=/; HttpOnly; SameSite=Strict"
    for _ in range(20):
        assert opened.get() == home
        assert opened.attributes == b""
    assert opened.count("sessions_began") == 1


def test_others_are_spread_as_ever(shop: Open) -> None:
    opened = shop({"session": SESSION}, weights=(50, 50))
    homes = []
    for _ in range(100):
        opened.cookie = b""
        homes.append(opened.get())
    assert {homes.count(address) > 5 for address in (*V1, *V2)} == {True}
    assert sum(home in V1 for home in homes) in range(48, 53)


@pytest.mark.parametrize("weights", [(100, 0), (0, 100), (1, 99)])
def test_a_session_goes_before_weights_even_before_none(shop: Open, weights: tuple[int, int]) -> None:
    opened = shop({"session": SESSION}, weights=(50, 50))
    home = opened.get()
    opened.weights = weights
    opened.apply()
    assert [opened.get() for _ in range(5)] == [home] * 5


def test_when_its_workload_is_gone_a_new_choice_takes_the_cookie_s_place(shop: Open) -> None:
    opened = shop({"session": SESSION})
    home = opened.get()
    before = opened.cookie
    opened.stop(home)
    other = opened.get()
    assert other != home
    assert opened.cookie != before
    assert [opened.get() for _ in range(5)] == [other] * 5
    opened.down.clear()
    opened.apply()
    assert opened.get() == other, "it does not flip back"
    assert (opened.count("sessions_began"), opened.count("sessions_moved")) == (1, 1)


def test_when_its_workload_refuses_connections_another_takes_over(shop: Open) -> None:
    opened = shop({"session": SESSION}, weights=(100, 0))
    home = opened.get()
    for connection in opened.answering[home].connections():
        connection.close()
    opened.answering[home].close()
    opened.scenario.run()
    other = opened.get()
    assert other in V1
    assert other != home
    assert opened.get() == other


def test_the_idle_time_is_counted_from_the_last_request(shop: Open) -> None:
    opened = shop({"session": SESSION | {"idle": 60.0}}, weights=(50, 50))
    home = opened.get()
    for _ in range(5):
        opened.scenario.advance(50)
        assert opened.get() == home
        assert opened.attributes, "the cookie says when it was used last"
    opened.scenario.advance(61)
    opened.get()
    assert opened.count("sessions_began") == 2


def test_the_absolute_time_is_counted_from_the_beginning(shop: Open) -> None:
    opened = shop({"session": SESSION | {"absolute": 100.0, "idle": 60.0, "permanent": True}}, weights=(50, 50))
    home = opened.get()
    assert opened.attributes.endswith(b"; Max-Age=100")
    opened.scenario.advance(50)
    assert opened.get() == home
    assert opened.attributes.endswith(b"; Max-Age=50"), "using it does not prolong it"
    opened.scenario.advance(50)
    opened.get()
    assert opened.count("sessions_began") == 2


def test_a_session_in_a_header(shop: Open) -> None:
    opened = shop({"session": SESSION | {"type": "header", "name": "X-Session"}}, weights=(50, 50))
    opened.scenario.get(opened.browser)
    opened.scenario.run()
    for endpoint in opened.answering.values():
        for connection in endpoint.connections():
            if connection.received():
                connection.send(opened.scenario.ok)
    answer = opened.browser.received()
    home = opened.scenario.record().upstream_host
    found = re.search(rb"x-session: (\S+)", answer)
    assert found is not None
    assert b"set-cookie" not in answer
    assert [opened.get(f"X-Session: {found[1].decode()}") for _ in range(5)] == [home] * 5


@pytest.mark.parametrize("changed", ["", "first", "last", "scope", "secret"])
def test_no_forged_cookie_leads_anywhere(shop: Open, changed: str) -> None:
    opened = shop({"session": SESSION}, weights=(50, 50))
    opened.get()
    name, _, token = opened.cookie.decode().partition("=")
    match changed:
        case "first":
            token = ("B" if token[0] == "A" else "A") + token[1:]
        case "last":
            token = token[:-1] + ("B" if token[-1] == "A" else "A")
        case "scope" | "secret":
            other = shop({"session": SESSION | {changed: "another one, long enough"}})
            other.get()
            token = other.cookie.decode().partition("=")[2]
    opened.cookie = f"{name}={token}".encode()
    opened.get()
    assert opened.count("sessions_refused") == bool(changed)
    assert bool(opened.attributes) == bool(changed), "who brings none of ours gets a new one"


def test_of_several_cookies_of_the_name_ours_is_found(shop: Open) -> None:
    opened = shop({"session": SESSION}, weights=(50, 50))
    home = opened.get()
    opened.cookie = b"cart=the-shop-s-own; " + opened.cookie
    assert [opened.get() for _ in range(5)] == [home] * 5
    assert opened.count("sessions_refused") == 0


def test_a_cookie_is_for_the_path_of_its_match(shop: Open) -> None:
    opened = shop({"session": SESSION | {"paths": ["/shop", "/shop/cart"]}})
    opened.get(path="/shop/cart/7")
    assert opened.attributes.startswith(b"; Path=/shop/cart;")


def test_a_session_goes_before_a_sticky_choice_and_falls_to_it(shop: Open) -> None:
    opened = shop({"session": SESSION}, {"sticky": {"header": "x-user"}}, weights=(50, 50))
    by_user: dict[int, str] = {}
    for user in range(10):
        opened.cookie = b""
        by_user[user] = opened.version(f"x-user: {user}")
    assert set(by_user.values()) == {"v1", "v2"}
    opened.cookie = b""
    home = opened.get("x-user: 1")
    assert home in (V1 if by_user[1] == "v1" else V2)
    assert {opened.get(f"x-user: {user}") for user in range(10)} == {home}


def test_with_one_backend_a_session_still_has_its_workload(shop: Open) -> None:
    opened = shop({"session": SESSION}, weights=(1, 0))
    home = opened.get()
    assert [opened.get() for _ in range(10)] == [home] * 10
