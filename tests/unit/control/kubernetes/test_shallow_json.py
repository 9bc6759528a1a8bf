"""JSON of any depth becomes such that the decoder takes, and what is not too deep stays as it is."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.kubernetes.shallow_json import DEEPEST, shallow

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
)


@given(VALUES)
def test_what_is_not_too_deep_stays_as_it_is(value: object) -> None:
    data = json.dumps(value).encode()
    assert shallow(data) == data


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a": ', "}"), ('["]}\\"", ', "]")])
def test_what_is_too_deep_is_null(begin: str, end: str) -> None:
    def nested(levels: int, inmost: str) -> bytes:
        return f"{begin * levels}{inmost}{end * levels}".encode()

    assert shallow(nested(DEEPEST, "1")) == nested(DEEPEST, "1")
    assert shallow(nested(5_000, "1")) == nested(DEEPEST, "null")
    assert json.loads(shallow(b'{"a": ' + nested(5_000, "1") + b', "b": [2]}'))["b"] == [2]


@pytest.mark.parametrize("data", [b"", b"[" * 5_000, b"]" * 5_000, b'"', b'["\\'])
def test_what_is_no_json_stays_none(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        msgspec.json.decode(shallow(data))
