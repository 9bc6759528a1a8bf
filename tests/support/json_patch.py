"""Applies JSON patches (RFC 6902) as the API server does: what is not there is an error, and the document given is left alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


def apply_patch(document: Any, operations: Iterable[Mapping[str, Any]]) -> Any:
    """The document after every operation."""
    whole = {"": _copy(document)}
    for operation in operations:
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")]
        holder: Any = whole
        value = _copy(operation.get("value"))
        for step in way:
            holder = _at(holder, step)
        if operation["op"] == "test":
            assert _at(holder, last) == value, operation
        elif isinstance(holder, list):
            position = len(holder) if last == "-" else int(last)
            _apply_to_list(holder, operation["op"], position, value)
        else:
            _apply_to_object(holder, operation["op"], last, value)
    return whole[""]


def _at(holder: Any, step: str) -> Any:
    return holder[int(step)] if isinstance(holder, list) else holder[step]


def _apply_to_list(holder: list[Any], op: str, position: int, value: Any) -> None:
    assert 0 <= position <= len(holder) - (op != "add"), f"no item {position}"
    match op:
        case "add":
            holder.insert(position, value)
        case "replace":
            holder[position] = value
        case "remove":
            del holder[position]


def _apply_to_object(holder: dict[str, Any], op: str, name: str, value: Any) -> None:
    assert op == "add" or name in holder, f"no member {name}"
    if op == "remove":
        del holder[name]
    else:
        holder[name] = value


def _copy(value: Any) -> Any:
    """A copy in which nothing stands in two places at once."""
    return msgspec.json.decode(msgspec.json.encode(value))
