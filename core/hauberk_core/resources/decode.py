"""From an API server's JSON to an object: quick where it is right, and with each mistake's path where it is not.

What comes from an API server has passed its own checks, yet two things are different from what a person writes in a file. It has
fields that are null, which mean the same as absent ones. And it may have fields that we do not know, because the cluster is newer
than we are: nobody has mistyped these, so that they are dropped instead of refused.
"""

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import msgspec
from msgspec import inspect

from hauberk_core.model.document import MOST_ERRORS, Document
from hauberk_core.model.errors import ConfigError, ConfigErrors, Path, quote
from hauberk_core.model.shape import type_info
from hauberk_core.model.syntax import RULE
from hauberk_core.model.tree import Node
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Ignored
from hauberk_core.resources.read import build_object, find_mistakes, make_field

# Kubernetes' own kinds have a great many fields that say nothing to a mesh, and each release adds some.
_LARGE_GROUPS: Final = frozenset(("", "apps", "discovery.k8s.io"))


class Decoded(NamedTuple):
    """An object, or None if it is wrong; and what is wrong with it, warnings too."""

    value: Resource | None
    errors: tuple[ConfigError, ...]


def decode_object(data: bytes, kind: type[Resource], origin: str, api_version: str) -> Decoded:
    """Read one object.

    Args: data - its JSON; origin - what mistakes are told to be in; api_version - in which it was asked for: the items of a list
    do not say.
    """
    try:
        sieve = _Sieve()
        told = msgspec.json.decode(data, type=dict[str, object]) | {"apiVersion": api_version, "kind": kind.KIND}
        plain = sieve.part(told, type_info(kind))
        if not sieve.faults and (not sieve.unknown or kind.GROUP in _LARGE_GROUPS):
            value = msgspec.convert(plain, kind, dec_hook=make_field, str_keys=True)
            if not find_mistakes(value):
                return Decoded(value, ())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # said better below
    return _look_closely(data, kind, origin, api_version)


class _Sieve:
    """One pass over decoded JSON: keeps what the type knows, and notes what has to be looked at closely."""

    def __init__(self) -> None:
        self.unknown = False
        """A field was dropped that no type knows."""
        self.faults = False
        """A text breaks a rule that msgspec does not know of."""

    def part(self, value: object, wanted: inspect.Type) -> object:
        """The value without what is not known. As deep as the types."""
        match wanted:
            case inspect.StructType() if isinstance(value, dict):
                return self._struct(value, _fields(wanted.cls))
            case inspect.VarTupleType() if isinstance(value, list):
                return [self.part(item, wanted.item_type) for item in value]
            case inspect.DictType() if isinstance(value, dict):
                for key in value:
                    self.part(key, wanted.key_type)
                return {key: self.part(item, wanted.value_type) for key, item in value.items()}
            case inspect.Metadata():
                rule: Callable[[str], object] | None = (wanted.extra or {}).get(RULE)
                if rule is not None and isinstance(value, str) and rule(value) is not None:
                    self.faults = True
                return self.part(value, wanted.type)
            case inspect.UnionType():
                for choice in wanted.types:
                    if isinstance(choice, inspect.StructType | inspect.Metadata | inspect.VarTupleType | inspect.DictType):
                        return self.part(value, choice)
        return value

    def _struct(self, value: dict[str, object], fields: dict[str, inspect.Type | None]) -> dict[str, object]:
        kept: dict[str, object] = {}
        for name, child in value.items():
            if name not in fields:
                self.unknown = True
                continue
            wanted = fields[name]
            if wanted is not None and child is not None:
                kept[name] = self.part(child, wanted)
        return kept


@cache
def _fields(cls: type) -> dict[str, inspect.Type | None]:
    """The types of a struct's fields by their written names; None for one that is not read."""
    info = type_info(cls)
    assert isinstance(info, inspect.StructType)
    return {
        field.encode_name: None
        if isinstance(field.type, inspect.CustomType) and issubclass(field.type.cls, Ignored)
        else field.type
        for field in info.fields
    }


def _look_closely(data: bytes, kind: type[Resource], origin: str, api_version: str) -> Decoded:
    try:
        tree = Document(data, origin)
    except ConfigErrors as refused:
        return Decoded(None, tuple([_without_line(error) for error in refused.errors]))
    if isinstance(tree.root.value, dict):
        tree.root.value |= {"apiVersion": Node(0, api_version), "kind": Node(0, kind.KIND)}
    dropped: list[Path] = []
    tree.root = _known(tree.root, type_info(kind), (), dropped)
    value, errors = build_object(tree, kind)
    if kind.GROUP not in _LARGE_GROUPS:
        for path in dropped[: MOST_ERRORS - len(errors)]:
            message = f"{quote(str(path[-1]))} is not known to this version of hauberk and has no effect"
            told = tree.error_at(0, path, message, "remove it, or install a version that knows it")
            errors.append(msgspec.structs.replace(told, severity="warning"))
    return Decoded(value, tuple([_without_line(error) for error in errors]))


def _known(node: Node, wanted: inspect.Type, path: Path, dropped: list[Path]) -> Node:
    """The node without fields that no type knows, whose paths are noted."""
    match wanted:
        case inspect.StructType() if isinstance(node.value, dict):
            fields = {field.encode_name: field.type for field in wanted.fields}
            kept: dict[str, Node] = {}
            for name, child in node.value.items():
                if name in fields:
                    kept[name] = _known(child, fields[name], (*path, name), dropped)
                else:
                    dropped.append((*path, name))
            changed = Node(node.offset, kept)
            changed.name_offsets = node.name_offsets
            return changed
        case inspect.VarTupleType() if isinstance(node.value, list):
            items = [_known(item, wanted.item_type, (*path, index), dropped) for index, item in enumerate(node.value)]
            return Node(node.offset, items)
        case inspect.DictType() if isinstance(node.value, dict):
            members = {name: _known(child, wanted.value_type, (*path, name), dropped) for name, child in node.value.items()}
            changed = Node(node.offset, members)
            changed.name_offsets = node.name_offsets
            return changed
        case inspect.UnionType():
            structs = [choice for choice in wanted.types if isinstance(choice, inspect.StructType | inspect.Metadata)]
            return _known(node, structs[0], path, dropped) if structs else node
        case inspect.Metadata():
            return _known(node, wanted.type, path, dropped)
    return node


def _without_line(error: ConfigError) -> ConfigError:
    """Places in the API server's JSON mean nothing to a person, who wrote YAML."""
    return msgspec.structs.replace(error, line=0, column=0)
