"""Places in a JSON text, and that the text is read as the standard library reads it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.document import Document
from hauberk_core.model.errors import ConfigErrors, Path

TEXT = """{
  "clusters": {
    "a": {"endpoints": [{"address": "h:1"}, {}]}
  },
  "version": "1"
}"""

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("clusters",), (2, 3)),
        (("clusters", "a"), (3, 5)),
        (("clusters", "a", "endpoints"), (3, 11)),
        (("clusters", "a", "endpoints", 0), (3, 25)),
        (("clusters", "a", "endpoints", 0, "address"), (3, 37)),
        (("clusters", "a", "endpoints", 1, "address"), (3, 45)),
        (("clusters", "a", "endpoints", 7), (3, 11)),
        (("clusters", "a", "max_pending"), (3, 5)),
        (("clusters", "b"), (2, 3)),
        (("version",), (5, 14)),
        (("version", "deeper"), (5, 14)),
    ],
)
def test_the_place_of_a_path_or_of_as_much_of_it_as_is_written(path: Path, place: tuple[int, int]) -> None:
    document = Document(TEXT.encode(), "x")
    assert document.place(document.offset_of(path)) == place


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_values_are_read_as_the_standard_library_reads_them(value: Any, indent: int | None, escaped: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=escaped)
    assert Document(text.encode(), "x").root.plain() == json.loads(text)


@given(st.text(alphabet='{}[]",:\\ 01.-eEtrufalsn\n', max_size=24))
def test_what_the_standard_library_refuses_is_refused_and_the_rest_read_alike(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ConfigErrors):
            Document(text.encode(), "x")
    else:
        document = Document(text.encode(), "x")
        if not document.duplicates:
            assert document.root.plain() == expected


def test_of_a_name_that_stands_twice_the_first_value_is_kept_and_the_second_reported() -> None:
    document = Document(b'{"a": 1, "a": 2}', "x")
    assert document.root.plain() == {"a": 1}
    assert [error.column for error in document.duplicates] == [10]
