"""Users are told apart by header, cookie or address."""

import pytest
from backends import exchange_with

from hauberk_canary.users import CookieUsers, HeaderUsers, SourceUsers


def test_by_header() -> None:
    users = HeaderUsers("X-User")
    assert users.key(exchange_with(("x-user", "ann"))) == "ann"
    assert users.key(exchange_with(("x-other", "ann"))) == ""
    assert users.key(exchange_with(("x-user", ""))) == ""


def test_by_cookie() -> None:
    users = CookieUsers("sid")
    assert users.key(exchange_with(("cookie", "a=b; sid=ann"))) == "ann"
    assert users.key(exchange_with(("cookie", "SID=ann"))) == "", "names of cookies go by case"
    assert users.key(exchange_with()) == ""


@pytest.mark.parametrize(
    ("hops", "forwarded_for", "key"),
    [
        (0, "192.0.2.1", "192.0.2.1"),
        (0, "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (1, "6.6.6.6, 198.51.100.7, 192.0.2.1", "198.51.100.7"),
        (2, "198.51.100.7,192.0.2.9,192.0.2.1", "198.51.100.7"),
        (3, "198.51.100.7, 192.0.2.1", "198.51.100.7"),
        (0, "", ""),
    ],
)
def test_by_address(hops: int, forwarded_for: str, key: str) -> None:
    """What a client claims itself stands before what the trusted proxies wrote, and does not count."""
    assert SourceUsers(hops).key(exchange_with(forwarded_for=forwarded_for)) == key
