"""A patch makes of one object the other, whatever they are, and says no more than it has to."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from json_patch import apply_patch

from hauberk_control.inject.json_object import JsonObject, same
from hauberk_control.inject.patch import Operation, diff

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("", "a", "a/b", "~0"))
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcde")}, optional={"x": SCALARS}),
    max_size=5,
    unique_by=lambda it: it["name"],
)
VALUES = st.recursive(
    SCALARS | NAMED,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "b", "c/d", "~", "name", "")), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(("a", "b", "c/d", "~1")), VALUES, max_size=4)


def operations(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = msgspec.to_builtins(diff(before, after))
    return built


@settings(max_examples=60)
@given(OBJECTS, OBJECTS)
def test_it_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert same(apply_patch(before, operations(before, after)), after)


@settings(max_examples=30)
@given(OBJECTS)
def test_it_is_empty_for_the_same(value: dict[str, Any]) -> None:
    assert diff(value, msgspec.json.decode(msgspec.json.encode(value))) == []


def test_a_thing_that_comes_before_others_is_one_operation() -> None:
    before: JsonObject = {"containers": [{"name": "a"}, {"name": "b"}]}
    after: JsonObject = {"containers": [{"name": "ours"}, {"name": "a"}, {"name": "b"}]}
    assert diff(before, after) == [Operation("add", "/containers/0", {"name": "ours"})]


def test_a_number_is_not_a_truth_value() -> None:
    assert diff({"a": 1}, {"a": True}) == [Operation("replace", "/a", True)]


def test_null_is_written_and_a_removal_has_no_value() -> None:
    encoded = msgspec.json.encode(diff({"a": 1, "b": 2}, {"a": None}))
    assert encoded == b'[{"op":"remove","path":"/b"},{"op":"replace","path":"/a","value":null}]'
