import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.route.query import MOST_PARAMETERS, decode, octets, parameters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("?", {}),
        ("?a=1", {"a": "1"}),
        ("?a=1&b=2", {"a": "1", "b": "2"}),
        ("?a=1&a=2", {"a": "1"}),
        ("?a", {"a": ""}),
        ("?a=", {"a": ""}),
        ("?a=b=c", {"a": "b=c"}),
        ("?a=x+y%20z", {"a": "x y z"}),
        ("?%61=%31", {"a": "1"}),
        ("?a=1&%61=2", {"a": "1"}),
        ("?a=100%", {"a": "100%"}),
        ("?a=%zz%4", {"a": "%zz%4"}),
        ("?a=%2541", {"a": "%41"}),
        ("?caf%C3%A9=1", {"caf\xc3\xa9": "1"}),
    ],
)
def test_parameters(query: str, expected: dict[str, str]) -> None:
    assert parameters(query) == expected


def test_configured_text_equals_what_arrives_percent_encoded() -> None:
    assert octets("café") == decode(urllib.parse.quote("café"))
    assert octets("plain") == "plain"


@given(st.binary())
def test_decode_undoes_form_encoding(data: bytes) -> None:
    assert decode(urllib.parse.quote_plus(data)) == data.decode("latin-1")


@given(st.text(alphabet="ab%+=&;41f", max_size=40))
def test_decode_agrees_with_the_standard_library_on_malformed_escapes_too(text: str) -> None:
    assert decode(text) == urllib.parse.unquote_plus(text, encoding="latin-1")


def test_parameters_behind_the_bound_are_not_seen() -> None:
    filler = "&".join(f"p{number}" for number in range(MOST_PARAMETERS - 1))
    assert "last" in parameters(f"?{filler}&last=1")
    assert "last" not in parameters(f"?{filler}&more&last=1")
    assert parameters("?" + "&" * MOST_PARAMETERS + "a=1") == {"": ""}
