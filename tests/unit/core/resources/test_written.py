"""Fields are found again in the text that an object was read from."""

import pytest

from hauberk_core.model.errors import Path
from hauberk_core.resources.read import ReadObject, read_file
from hauberk_core.resources.written import Written

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{a: b}}\n"
LIST = """{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b",
    "labels": {"a": "b"}}}
]}"""


def _named(text: str, origin: str, name: str) -> ReadObject:
    (found,) = [item for item in read_file(text.encode(), origin).objects if item.value.metadata.name == name]
    return found


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (9, 1)),
        (("metadata",), (11, 1)),
        (("metadata", "name"), (12, 9)),
        (("metadata", "labels", "a"), (13, 15)),
        (("metadata", "annotations", "x"), (11, 1)),
        (("spec", "rules", 0), (9, 1)),
    ],
)
def test_in_one_document_of_several(path: Path, place: tuple[int, int]) -> None:
    text = "---\n".join(["# first\n", NAMESPACE.format(name="a"), NAMESPACE.format(name="b"), NAMESPACE.format(name="c")])
    item = _named(text, "x.yaml", "b")
    assert (item.line, item.column) == (9, 1)
    assert item.written.place(path) == place


@pytest.mark.parametrize("origin", ["x.json", "x.yaml"])
def test_in_an_item_of_a_list(origin: str) -> None:
    item = _named(LIST, origin, "b")
    assert item.written.place(("metadata", "labels", "a")) == (4, 21)
    assert item.written.place(("metadata", "name")) == (3, 66)


def test_where_aliases_stand_for_the_fields() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels: &l {a: b}\n  annotations: *l\n  name: n\n"
    assert _named(text, "x.yaml", "n").written.place(("metadata", "annotations", "a")) == (4, 18)


@pytest.mark.parametrize("origin", ["x.json", "x.yaml"])
def test_a_text_that_holds_no_such_object_tells_no_place(origin: str) -> None:
    assert Written("{", 0, origin).place(()) is None
    assert Written("[1]", 0, origin).place(()) is None
