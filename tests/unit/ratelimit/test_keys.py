"""What tells requests apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.observe.record import Record
from hauberk_core.plugin.data import Exchange
from hauberk_ratelimit.keys import ClientPart, CookiePart, HeaderPart, MethodPart, PathPart, PeerPart, key_of


def exchange(*fields: tuple[str, str], remote: str = "192.0.2.7:1234", peer: str = "") -> Exchange:
    headers = Headers()
    for name, value in fields:
        headers.add(name, value)
    record = Record()
    record.downstream_remote = remote
    return Exchange(Request("GET", "a.test", "/books", "?page=1", 11, headers), record, peer)


def test_each_part() -> None:
    asked = exchange(("X-User", "ann"), ("Cookie", "a=1; session=xyz"), peer="spiffe://cluster.local/ns/a/sa/b")
    assert HeaderPart("x-USER").of(asked) == "ann"
    assert CookiePart("session").of(asked) == "xyz"
    assert PeerPart().of(asked) == "spiffe://cluster.local/ns/a/sa/b"
    assert (PathPart().of(asked), MethodPart().of(asked)) == ("/books", "GET")
    assert ClientPart(64).of(asked) == "192.0.2.7"


def test_what_is_not_there_is_empty() -> None:
    asked = exchange(remote="")
    for part in (HeaderPart("x-user"), CookiePart("session"), PeerPart(), ClientPart(64)):
        assert part.of(asked) == ""


@pytest.mark.parametrize(
    ("prefix", "other", "alike"),
    [
        (64, "2001:db8:0:1:ffff::2", True),
        (64, "2001:db8:0:2::1", False),
        (48, "2001:db8:0:2::1", True),
        (128, "2001:db8:0:1::2", False),
    ],
)
def test_clients_of_one_ipv6_network(prefix: int, other: str, alike: bool) -> None:
    part = ClientPart(prefix)
    first = part.of(exchange(remote="[2001:db8:0:1::1]:5"))
    assert (first == part.of(exchange(remote=f"[{other}]:6"))) == alike


TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=8).map(str.strip)


@given(TEXT, TEXT, TEXT, TEXT)
def test_keys_are_the_same_only_for_the_same_parts(first: str, second: str, third: str, fourth: str) -> None:
    parts = (HeaderPart("a"), HeaderPart("b"))
    one = key_of(parts, exchange(("a", first), ("b", second)))
    other = key_of(parts, exchange(("a", third), ("b", fourth)))
    assert (one == other) == ((first, second) == (third, fourth))


def test_a_limit_for_all_has_one_key() -> None:
    assert key_of((), exchange()) == b""
