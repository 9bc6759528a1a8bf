"""Tokens are read by who made them and by nobody else, and tell nothing."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from hauberk_canary.token import LENGTH, Sealer, Session

SECRET = "a secret of the mesh"
SEALER = Sealer(SECRET, "default/shop/s")
Times = st.integers(0, (1 << 32) - 1)


def sealed(address: str = "192.0.2.1:80") -> str:
    return SEALER.seal(Session(1_700_000_000, 1_700_000_001, SEALER.tag(address)))


@given(began=Times, used=Times, address=st.text(max_size=50))
def test_what_is_sealed_is_opened(began: int, used: int, address: str) -> None:
    token = SEALER.seal(Session(began, used, SEALER.tag(address)))
    assert len(token) == LENGTH
    session = Sealer(SECRET, "default/shop/s").open(token)
    assert session is not None
    assert (session.began, session.used, session.tag) == (began, used, SEALER.tag(address))


@given(st.integers(0, LENGTH - 1), st.characters(max_codepoint=300))
def test_no_changed_token_is_taken(position: int, character: str) -> None:
    token = sealed()
    changed = token[:position] + character + token[position + 1 :]
    assert changed == token or SEALER.open(changed) is None


@given(
    st.one_of(
        st.text(max_size=60), st.binary(min_size=36, max_size=36).map(lambda octets: base64.urlsafe_b64encode(octets).decode())
    )
)
def test_no_invented_token_is_taken(token: str) -> None:
    assert SEALER.open(token) is None


def test_one_of_another_scope_or_secret_is_nothing_here() -> None:
    assert Sealer(SECRET, "default/other/s").open(sealed()) is None
    assert Sealer("another secret, as long", "default/shop/s").open(sealed()) is None
    tag = SEALER.tag("192.0.2.1:80")
    assert tag != Sealer(SECRET, "default/other/s").tag("192.0.2.1:80")
    assert tag != Sealer("another secret, as long", "default/shop/s").tag("192.0.2.1:80")


def test_a_token_shows_no_address() -> None:
    octets = base64.urlsafe_b64decode(sealed())
    for shown in (b"192.0.2.1", bytes([192, 0, 2, 1]), b"80", b"default", b"shop"):
        assert shown not in octets
