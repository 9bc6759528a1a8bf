"""Places in a text, whatever its notation."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.document import Document
from hauberk_core.model.tree import Node, Tree


class _Text(Tree):
    def __init__(self, text: str) -> None:
        super().__init__("x", "yaml")
        self._text = text
        self.root = Node(0, None)


@given(st.text(alphabet="ab\n\r", max_size=30), st.integers(0, 30))
def test_lines_and_columns_are_counted_as_editors_count_them(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    before = text[:offset].split("\n")
    assert _Text(text).place(offset) == (len(before), len(before[-1]) + 1)


def test_a_part_has_paths_of_its_own_and_places_of_the_whole() -> None:
    document = Document(b'{"items": [\n  {"a": 1},\n  {"b": {"c": 2}}]}', "x")
    assert isinstance(document.root.value, dict)
    part = document.part(document.root.value["items"].value[1])
    assert part.place(part.offset_of(("b", "c"))) == (3, 15)
    assert part.text == document.text
    error = part.error_at(part.offset_of(("b",)), ("b",), "wrong", "correct it")
    assert (error.origin, error.line, error.column, error.path) == ("x", 3, 4, "b")
