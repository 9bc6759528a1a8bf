"""YAML is read by the core rules of 1.2, every value knows its place, and nothing in a file can exhaust the reader."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.errors import ConfigError, ConfigErrors, Path
from hauberk_core.resources import yaml as reader
from hauberk_core.resources.read import read_file
from hauberk_core.resources.yaml import LARGEST_FILE, Parsed, YamlText

# The writer follows YAML 1.1 and leaves quotes away from some texts, such as 0E0, that are numbers in YAML 1.2.
TEXT: st.SearchStrategy[str] = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(
    lambda text: text[:1] not in set("0123456789+-.")
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def _documents(data: bytes) -> list[Parsed]:
    try:
        text = YamlText.of(data, "x.yaml")
    except ConfigErrors as refused:
        return [Parsed(None, refused.errors)]
    return [document for start, end in text.pieces() for document in text.documents(start, end)]


def _read(text: str) -> list[object]:
    """The values of all documents, none of which may have a mistake."""
    values: list[object] = []
    for tree, errors in _documents(text.encode()):
        assert errors == []
        assert tree is not None
        values.append(tree.root.plain())
    return values


def _errors(text: str | bytes) -> list[ConfigError]:
    data = text if isinstance(text, bytes) else text.encode()
    return [error for document in _documents(data) for error in document.errors]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("v1", "v1"),
        ("'12'", "12"),
        ('"true"', "true"),
        ('"\\u00e9"', "é"),
        ("=", "="),
        ("<<", "<<"),
        ("15s", "15s"),
        ("-", [None]),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert _read(f"a: [1]\nb: {text}\n" if value != [None] else f"a: [1]\nb:\n{text}\n") == [{"a": [1], "b": value}]


@given(VALUES.filter(lambda value: value is not None), st.booleans())
def test_what_a_writer_writes_is_read_back(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    assert _read(text) == [json.loads(json.dumps(value))]


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[a-z]{3,8}é?", fullmatch=True), min_size=1))
def test_a_value_is_where_it_is_said_to_be(members: dict[str, str]) -> None:
    text = "# é comment\n---\n" + "".join([f"{name}:   {value}\n" for name, value in members.items()])
    lines = text.split("\n")
    (document,) = _documents(text.encode())
    assert document.tree is not None
    for name, value in members.items():
        line, column = document.tree.place(document.tree.offset_of((name,)))
        shown = lines[line - 1][column - 1 :]
        assert shown == value or shown in ("null", "true", "false")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("metadata", "name"), (3, 9)),
        (("spec",), (4, 1)),
        (("spec", "rules", 0), (6, 5)),
        (("spec", "rules", 1, "port"), (7, 12)),
        (("spec", "rules", 9), (5, 3)),
    ],
)
def test_places_in_block_and_flow_style(path: Path, place: tuple[int, int]) -> None:
    text = "kind: A\nmetadata:\n  name: b\nspec:\n  rules:\n  - port: 1\n  - {port: 2}\n"
    (document,) = _documents(text.encode())
    assert document.tree is not None
    assert document.tree.place(document.tree.offset_of(path)) == place


def test_a_byte_order_mark_and_other_line_ends_do_not_shift_places() -> None:
    (document,) = _documents(b"\xef\xbb\xbfa: 1\r\nb: [\r\n  2]\r\n")
    assert document.tree is not None
    assert document.tree.place(document.tree.offset_of(("b", 0))) == (3, 3)


def test_documents_are_apart_and_empty_ones_are_left_out() -> None:
    text = (
        "%YAML 1.2\n---\na: 1\n---\n# nothing\n---\n\n---\nb: |\n  text\n  --- not a marker\n...\n---\nc: 3\n--- # last\nd: 4\n"
    )
    assert _read(text) == [{"a": 1}, {"b": "text\n--- not a marker\n"}, {"c": 3}, {"d": 4}]


def test_a_mistake_of_syntax_spoils_its_own_document_alone() -> None:
    documents = _documents(b"a: 1\n---\nb: [\n---\nc: 3\n")
    assert [document.tree.root.plain() if document.tree else None for document in documents] == [{"a": 1}, None, {"c": 3}]


def test_anchors_aliases_and_merge_keys() -> None:
    text = "base: &base {x: 1, y: 2}\none: *base\ntwo:\n  <<: *base\n  y: 3\nthree:\n  <<: [{z: 1}, *base]\n"
    base = {"x": 1, "y": 2}
    assert _read(text) == [{"base": base, "one": base, "two": {"x": 1, "y": 3}, "three": {"z": 1, "x": 1, "y": 2}}]


def test_a_merge_key_in_quotes_is_a_name() -> None:
    assert _read("'<<': {x: 1}\n") == [{"<<": {"x": 1}}]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\na: 2\n", 2, 1, "'a' stands here a second time; the first is in line 1"),
        ("a: !!int 1\n", 1, 4, "tag"),
        ("a: !secret {b: 1}\n", 1, 4, "tag"),
        ("a: *b\n", 1, 4, "no anchor '&b' stands above"),
        ("a: &a [*a]\n", 1, 8, "stands for itself"),
        ("? [1]\n: 2\n", 1, 3, "where a name should"),
        ("x: &x 1\n*x : 2\n", 2, 1, "where a name should"),
        ("a: [1, 2\nb: 3\n", 2, 2, "flow sequence that begins in line 1"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed"),
        ("a:\n\t- b\n", 2, 1, "cannot start any token"),
        ('a: "b\n', 2, 1, "unexpected end of stream"),
        ('a: "\\q"\n', 1, 5, "unknown escape character"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "did not find expected key"),
        ("a: .inf\n", 1, 4, "number that nothing here can use"),
        ("a: " + "9" * 5000 + "\n", 1, 4, "cannot be represented"),
        ("a: 1e999\n", 1, 4, "out of range"),
        ("a: \x01\n", 1, 4, "cannot stand in YAML"),
        ("<<: 1\n", 1, 5, "only objects can be merged"),
    ],
)
def test_mistakes_have_place_reason_and_hint(text: str, line: int, column: int, message: str) -> None:
    (error,) = _errors(text)
    assert (error.origin, error.line, error.column) == ("x.yaml", line, column)
    assert message in error.message
    assert error.hint


def test_not_utf_8_is_told_with_its_place() -> None:
    (error,) = _errors(b"a: 1\nb: \xff\n")
    assert (error.line, error.column, error.message) == (2, 4, "not UTF-8")


def test_aliases_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (error,) = _errors("\n".join(lines))
    assert "more than" in error.message


def test_nesting_is_bounded_also_through_aliases() -> None:
    (error,) = _errors("a: " + "[" * 100_000)
    assert "nested deeper" in error.message
    deep = "[" * 40 + "]" * 40
    (error,) = _errors(f"a: &a {deep}\nb: " + "[" * 40 + "*a" + "]" * 40)
    assert "nested deeper" in error.message


def test_a_file_beyond_the_bound_is_not_read() -> None:
    (error,) = _errors(b"#" * (LARGEST_FILE + 1))
    assert "larger than" in error.message


def test_the_python_parser_reads_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: on\nb: [012, &x {c: 'd'}]\ne: *x\n"
    expected = _read(text)
    monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    assert _read(text) == expected == [{"a": "on", "b": [12, {"c": "d"}], "e": {"c": "d"}}]


@given(st.binary(max_size=200) | st.text(alphabet=" \n\t-:?[]{}&*!|>'\"%@`#,a1.~<é", max_size=60).map(str.encode))
def test_any_octets_are_values_or_mistakes(data: bytes) -> None:
    for tree, errors in _documents(data):
        assert tree is not None or errors
        assert all(error.line >= 1 and error.hint for error in errors)


def test_empty_lines_of_carriage_returns_take_no_longer_than_others() -> None:
    # Each more used to double the time; at this length nobody would have waited for the end.
    read = read_file(b"\r" * 10_000 + b":", "returns.yaml")
    assert len(read.errors) == 1
