"""What limits of rates may be."""

import pytest

from hauberk_core.plugin.control import PolicyUse
from hauberk_ratelimit.control import hauberk_policy

TEN = {"requests": 10, "per": "1s"}


def one(**more: object) -> dict[str, object]:
    return {"limits": [TEN | more]}


def test_a_limit_with_everything() -> None:
    parts = [{"header": "x-user"}, {"cookie": "session"}, {"client": {"ipv6Prefix": 48}}, {"peer": True}]
    assert hauberk_policy(one(burst=20, by=parts, keys=100, name="users")) == PolicyUse()
    assert hauberk_policy({"limits": [TEN, TEN | {"name": "other"}], "group": "shop", "headers": False, "enforce": False})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "limits"),
        ({"limits": []}, "limits"),
        (one(requests=0), "requests"),
        (one(per="0s"), "at least 1ms and at most 24h"),
        (one(per="25h"), "at least 1ms and at most 24h"),
        (one(per=1), "per"),
        (one(requests=1_000_000_000, per="10ms"), "more than one request a nanosecond"),
        (one(burst=0), "burst"),
        (one(requests=1, per="24h", burst=400), "more than a year"),
        (one(by=[{}]), "exactly one of header, cookie, client, peer, path and method"),
        (one(by=[{"header": "a", "path": True}]), "exactly one of header, cookie, client, peer, path and method"),
        (one(by=[{"header": "a b"}]), "header"),
        (one(by=[{"client": {"ipv6Prefix": 0}}]), "ipv6Prefix"),
        (one(keys=65_537), "keys"),
        (one(name="a b"), "name"),
        ({"limits": [TEN, TEN]}, "the name of another one, default"),
        ({"limits": [TEN], "group": ""}, "group"),
        ({"limit": TEN}, "limit"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy(config)
