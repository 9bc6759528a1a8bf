"""JSON Patch (RFC 6902): the operations that make one object of another.

Objects are compared member by member, lists of things with names item by item, so that a patch says what it does and touches
nothing else; other lists are replaced as a whole.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from hauberk_control.inject.json_object import JsonObject, same

_NAME: Final = "name"


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a patch."""

    op: Literal["add", "remove", "replace", "test"]
    path: str
    """A JSON Pointer (RFC 6901)."""
    value: object = msgspec.UNSET

    def steps(self) -> tuple[str, ...]:
        """The path taken apart: names of members, and positions in lists."""
        return tuple([step.replace("~1", "/").replace("~0", "~") for step in self.path.split("/")[1:]])


def diff(before: JsonObject, after: JsonObject) -> list[Operation]:
    """The patch from one object to the other; empty if they are the same."""
    return list(_members(before, after, ""))


def _members(before: JsonObject, after: JsonObject, path: str) -> Iterator[Operation]:
    for name in before:
        if name not in after:
            yield Operation("remove", _below(path, name))
    for name, value in after.items():
        if name not in before:
            yield Operation("add", _below(path, name), value)
        else:
            yield from _value(before[name], value, _below(path, name))


def _value(before: object, after: object, path: str) -> Iterator[Operation]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, path)
        return
    if isinstance(before, list) and isinstance(after, list):
        old, new = _by_name(before), _by_name(after)
        if old is not None and new is not None:
            yield from _items(old, new, path)
            return
    if not same(before, after):
        yield Operation("replace", path, after)


def _items(old: dict[str, JsonObject], new: dict[str, JsonObject], path: str) -> Iterator[Operation]:
    order = list(old)
    for position in range(len(order) - 1, -1, -1):
        if order[position] not in new:
            yield Operation("remove", f"{path}/{position}")
            del order[position]
    for position, (name, item) in enumerate(new.items()):
        if position < len(order) and order[position] == name:
            yield from _members(old[name], item, f"{path}/{position}")
            continue
        if name in order:
            found = order.index(name)
            yield Operation("remove", f"{path}/{found}")
            del order[found]
        yield Operation("add", f"{path}/{position}", item)
        order.insert(position, name)


def _by_name(items: list[object]) -> dict[str, JsonObject] | None:
    """The items by their names; None if they have none, or two the same."""
    found: dict[str, JsonObject] = {}
    for item in items:
        name = item.get(_NAME) if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(name, str) or name in found:
            return None
        found[name] = item
    return found


def _below(path: str, name: str) -> str:
    """Section 3 of RFC 6901: a tilde and a slash in a name are escaped."""
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
