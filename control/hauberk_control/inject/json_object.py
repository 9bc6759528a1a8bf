"""JSON as injection edits it: the whole object, members that we know nothing of included."""

from collections.abc import Iterable

import msgspec

JsonObject = dict[str, object]


def as_object(value: object) -> JsonObject:
    """The object that stands there; an empty one for nothing. Raises: msgspec.ValidationError: something else does."""
    return msgspec.convert({} if value is None else value, JsonObject)


def as_objects(value: object) -> list[JsonObject]:
    """The list of objects that stands there; an empty one for nothing. Raises: msgspec.ValidationError: something else does."""
    return msgspec.convert([] if value is None else value, list[JsonObject])


def same(one: object, other: object) -> bool:
    """Whether two values are the same JSON; the order of members does not matter."""
    return msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(other, order="deterministic")


def named(objects: Iterable[JsonObject], name: str) -> JsonObject | None:
    """The first object of that name."""
    return next((found for found in objects if found.get("name") == name), None)


def without(objects: Iterable[JsonObject], names: Iterable[str]) -> list[JsonObject]:
    """The objects that have other names."""
    left_out = frozenset(names)
    return [kept for kept in objects if kept.get("name") not in left_out]
