import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.identity import LONGEST_ID, SpiffeError, SpiffeId, SpiffeUri, parse, parse_uri

LABEL = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\Z")
ACCOUNT = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
TRUST_DOMAIN = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=60)


@given(TRUST_DOMAIN, LABEL, ACCOUNT)
def test_what_is_written_is_read_again(trust_domain: str, namespace: str, account: str) -> None:
    identity = SpiffeId(trust_domain, namespace, account)

    assert parse(str(identity)) == identity
    assert str(parse_uri(str(identity))) == str(identity)


@given(st.text(max_size=80) | st.text(string.ascii_letters + ":/.%@?#-_", max_size=60).map(lambda rest: "spiffe://" + rest))
def test_any_text_is_taken_as_it_is_or_refused(text: str) -> None:
    try:
        assert str(parse_uri(text)) == text
    except SpiffeError:
        with pytest.raises(SpiffeError):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "spiffe://example.org",
        "spiffe://example.org/workload-1",
        "spiffe://1.2.3.4/a_b/C.D/e-f",
        "spiffe://" + "d" * 255 + "/x",
        "spiffe://td/" + "a" * (LONGEST_ID - 12),
    ],
)
def test_ids_of_every_form(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_the_parts_of_an_id() -> None:
    assert parse_uri("spiffe://example.org/a/b") == SpiffeUri("example.org", "/a/b")
    assert parse("spiffe://cluster.local/ns/shop/sa/reviews") == SpiffeId("cluster.local", "shop", "reviews")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe:",
        "spiffe://",
        "spiffe:///path",
        "SPIFFE://td/x",
        "http://td/x",
        "spiffe://TD/x",
        "spiffe://td/",
        "spiffe://td/x/",
        "spiffe://td//x",
        "spiffe://td/./x",
        "spiffe://td/../x",
        "spiffe://td/%41",
        "spiffe://td/x?query",
        "spiffe://td/x#fragment",
        "spiffe://user@td/x",
        "spiffe://td:80/x",
        "spiffe://td/x\n",
        "spiffe://td\n/x",
        "spiffe://td/x y",
        "spiffe://td/\u00e4",
        "spiffe://" + "d" * 256 + "/x",
        "spiffe://td/" + "a" * (LONGEST_ID - 11),
        " spiffe://td/x",
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(SpiffeError):
        parse_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "spiffe://td",
        "spiffe://td/workload",
        "spiffe://td/ns/shop",
        "spiffe://td/ns/shop/sa",
        "spiffe://td/ns/shop/sa/a/b",
        "spiffe://td/sa/shop/ns/reviews",
        "spiffe://td/ns/Shop/sa/reviews",
        "spiffe://td/ns/sh.op/sa/reviews",
        "spiffe://td/ns/-shop/sa/reviews",
        "spiffe://td/ns/shop/sa/reviews-",
        "spiffe://td/ns/shop/sa/a..b",
        "spiffe://td/ns/" + "a" * 64 + "/sa/reviews",
        "spiffe://td/ns/shop/sa/" + "a" * 254,
    ],
)
def test_ids_that_name_no_service_account(text: str) -> None:
    with pytest.raises(SpiffeError):
        parse(text)


@pytest.mark.parametrize("parts", [("", "a", "b"), ("TD", "a", "b"), ("td", "", "b"), ("td", "a", ""), ("td", "a/b", "c")])
def test_an_identity_is_not_made_of_wrong_parts(parts: tuple[str, str, str]) -> None:
    with pytest.raises(SpiffeError):
        SpiffeId(*parts)


def test_a_long_text_is_not_quoted_whole() -> None:
    with pytest.raises(SpiffeError) as caught:
        parse_uri("x" * LONGEST_ID)

    assert len(str(caught.value)) < 250
