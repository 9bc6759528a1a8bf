"""Documents change where they are to, and nowhere else: scalars stay as written, names in their order."""

import textwrap
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.resources.yaml_edit import Edit, edit_document

DOCUMENT = textwrap.dedent(
    """\
    # where it is from

    kind: Pod      # a comment within
    mode: 0644
    words: [yes, 'on', "12", 2020-01-01, 1_000, ~]
    text: |
      two
      lines
    folded: >-
      one long
      line
    """
)


def test_scalars_stay_as_they_are_written() -> None:
    changed = edit_document(DOCUMENT, [Edit("add", ("new",), {"port": "15020", "flag": True, "yes": "no"})])
    assert changed == textwrap.dedent(
        """\
        # where it is from

        kind: Pod
        mode: 0644
        words: [yes, 'on', "12", 2020-01-01, 1_000, ~]
        text: |
          two
          lines
        folded: >-
          one long line
        new:
          port: '15020'
          flag: true
          'yes': 'no'
        """
    )


def test_the_mark_of_a_document_and_comments_before_it_stay() -> None:
    edits = [Edit("replace", ("a",), 2)]
    assert edit_document("---\n# Source: chart/a.yaml\na: 1\n", edits) == "---\n# Source: chart/a.yaml\na: 2\n"
    assert edit_document("--- {a: 1}\n", edits) == "---\n{a: 2}\n"
    assert edit_document("a: 1", edits) == "a: 2\n"
    assert edit_document("---\r\na: 1\r\n", edits) == "---\r\na: 2\n"


def test_what_an_alias_stands_for_is_changed_in_one_place() -> None:
    text = "one: &x {a: 1}\ntwo: *x\nthree: {<<: *x, b: 2}\nfour: {<<: [*x, {a: 0, c: 3}]}\n"
    changed = edit_document(text, [Edit("replace", ("two", "a"), 9)])
    expected = {"one": {"a": 1}, "two": {"a": 9}, "three": {"b": 2, "a": 1}, "four": {"a": 1, "c": 3}}
    assert yaml.safe_load(changed) == expected
    assert "*" not in changed


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        (Edit("add", ("l", "0"), "x"), ["x", "a", "b"]),
        (Edit("add", ("l", 2), "x"), ["a", "b", "x"]),
        (Edit("replace", ("l", 1), "x"), ["a", "x"]),
        (Edit("remove", ("l", 0)), ["b"]),
    ],
)
def test_lists(edit: Edit, after: list[str]) -> None:
    assert yaml.safe_load(edit_document("l: [a, b]", [edit])) == {"l": after}


def test_members() -> None:
    edits = [Edit("remove", ("a",)), Edit("replace", ("b", "c"), None), Edit("add", ("d/e",), [])]
    assert yaml.safe_load(edit_document("{a: 1, b: {c: 2}}", edits)) == {"b": {"c": None}, "d/e": []}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cn", "Co")), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abyesno0:# ", max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), VALUES, min_size=1, max_size=3), VALUES)
def test_any_document_with_any_value_more(document: dict[str, Any], value: Any) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    changed = edit_document(text, [Edit("add", ("zzzz",), value)])
    assert yaml.safe_load(changed) == {**document, "zzzz": value}
    assert edit_document(changed, []) == changed
