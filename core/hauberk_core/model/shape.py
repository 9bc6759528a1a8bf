"""Holds a text against the types of msgspec structs and reports every mistake, where msgspec's decoder stops at the first.

Beyond what msgspec knows, a type of text may carry a rule in its metadata (`syntax.RULE`), and two kinds of classes may stand for
a value: those that are parsed from a text, and those that are made of any value.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple, Protocol, Self, runtime_checkable

import msgspec
from msgspec import inspect

from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import ConfigError, Path, quote
from hauberk_core.model.suggest import nearest, suggest
from hauberk_core.model.syntax import RULE
from hauberk_core.model.tree import Node, Notation, Tree

_NUMBER_WITHOUT_UNIT: Final = "0123456789."


@runtime_checkable
class FromText(Protocol):
    """A class whose values are written as text."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text. Raises: ValueError: what is wrong, a semicolon, and what to write."""


@runtime_checkable
class FromValue(Protocol):
    """A class whose values are written in several forms."""

    @classmethod
    def of(cls, value: object) -> object:
        """Keep a decoded value. Raises: ValueError: what is wrong, a semicolon, and what to write."""


class _Hints(NamedTuple):
    """How to write each form in one notation."""

    text: str
    boolean: str
    object: str
    list: str
    by_name: str
    pair: str


_HINTS: Final[dict[Notation, _Hints]] = {
    "json": _Hints(
        text="write it in double quotes",
        boolean="write it without quotes",
        object="write it in braces: {...}",
        list="write it in brackets, also where it has one item: [...]",
        by_name='write it in braces, each value under its name: {"a-name": ...}',
        pair='write for example ["name", "value"]',
    ),
    "yaml": _Hints(
        text='write it in quotes, as in "1" or "true"',
        boolean="write true or false, without quotes",
        object="write its fields in lines of their own, indented below it",
        list="write each item in a line of its own after a dash, also a single one",
        by_name="write each value after its name and a colon, in lines of their own, indented below it",
        pair='write for example ["name", "value"]',
    ),
}


def check_shape(tree: Tree, root: type) -> list[ConfigError]:
    """Every place where the text has not the form of `root`, a msgspec struct; at most 100, in the text's order."""
    walk = _Walk(tree)
    walk.value(tree.root, type_info(root), ())
    return walk.errors


@cache
def type_info(root: type) -> inspect.Type:
    """What msgspec knows of a type; of each type once, because it takes a millisecond."""
    return inspect.type_info(root)


class _Walk:
    """One pass over a text. Recursion follows the types, so it is as shallow as they are."""

    def __init__(self, tree: Tree) -> None:
        self._tree: Final = tree
        self._hints: Final = _HINTS[tree.notation]
        self.errors: Final[list[ConfigError]] = []

    def value(self, node: Node, wanted: inspect.Type, path: Path) -> None:
        """Report what is wrong with one value and all below it."""
        if len(self.errors) >= MOST_ERRORS:
            return
        match wanted:
            case inspect.StructType():
                self._struct(node, wanted, path)
            case inspect.DictType():
                self._dict(node, wanted, path)
            case inspect.VarTupleType():
                self._list(node, wanted, path)
            case inspect.TupleType():
                self._tuple(node, wanted, path)
            case inspect.UnionType():
                self._union(node, wanted, path)
            case inspect.LiteralType():
                self._literal(node, wanted, path)
            case inspect.IntType():
                self._integer(node, wanted, path)
            case inspect.FloatType():
                self._number(node, wanted, path)
            case inspect.StrType():
                self._text(node, wanted, path)
            case inspect.Metadata():
                self._ruled(node, wanted, path)
            case inspect.BoolType():
                if not isinstance(node.value, bool):
                    self._mismatch(node, path, "true or false", self._hints.boolean)
            case inspect.CustomType(cls=cls):
                self._custom(node, cls, path)
            case _:
                raise TypeError(f"the model has a type that configuration cannot be checked against: {wanted}")

    def _report(self, offset: int, path: Path, message: str, hint: str) -> None:
        self.errors.append(self._tree.error_at(offset, path, message, hint))

    def _mismatch(self, node: Node, path: Path, wanted: str, hint: str) -> None:
        self._report(node.offset, path, f"expected {wanted}, got {_describe(node.value)}", hint)

    def _struct(self, node: Node, wanted: inspect.StructType, path: Path) -> None:
        if not isinstance(node.value, dict):
            self._mismatch(node, path, "an object", self._hints.object)
            return
        fields = {field.encode_name: field for field in wanted.fields}
        absent = [name for name in fields if name not in node.value]
        # A member whose name is mistyped is one mistake, not two.
        mistyped = {nearest(name, absent) for name in node.value if name not in fields}
        missing = [name for name in absent if fields[name].required and name not in mistyped]
        if missing:
            listed = ", ".join([quote(name) for name in missing])
            self._report(node.offset, path, f"{listed} missing", f"add {'it' if len(missing) == 1 else 'them'} to this object")
        for name, child in node.value.items():
            field = fields.get(name)
            if field is not None:
                self.value(child, field.type, (*path, name))
            elif wanted.forbid_unknown_fields and len(self.errors) < MOST_ERRORS:
                message = f"no member is called {quote(name)} here"
                self._report(node.name_offsets[name], (*path, name), message, suggest(name, absent or fields))

    def _dict(self, node: Node, wanted: inspect.DictType, path: Path) -> None:
        if not isinstance(node.value, dict):
            self._mismatch(node, path, "an object", self._hints.by_name)
            return
        for name, child in node.value.items():
            key: object = name
            if isinstance(wanted.key_type, inspect.IntType) and len(name) < 10 and name.isascii() and name.isdigit():
                key = int(name)
            self.value(Node(node.name_offsets[name], key), wanted.key_type, (*path, name))
            self.value(child, wanted.value_type, (*path, name))

    def _list(self, node: Node, wanted: inspect.VarTupleType, path: Path) -> None:
        if not isinstance(node.value, list):
            self._mismatch(node, path, "a list", self._hints.list)
            return
        size = len(node.value)
        if wanted.min_length is not None and size < wanted.min_length:
            self._report(node.offset, path, f"expected at least {wanted.min_length} items, got {size}", "add what is missing")
        elif wanted.max_length is not None and size > wanted.max_length:
            message = f"expected at most {wanted.max_length} items, got {size}"
            self._report(node.offset, path, message, "split the object into several")
        for index, item in enumerate(node.value):
            self.value(item, wanted.item_type, (*path, index))

    def _text(self, node: Node, wanted: inspect.StrType, path: Path) -> None:
        if not isinstance(node.value, str):
            self._mismatch(node, path, "text", self._hints.text)
        elif wanted.max_length is not None and len(node.value) > wanted.max_length:
            message = f"this text has {len(node.value)} characters, {wanted.max_length} are allowed"
            self._report(node.offset, path, message, "shorten it")
        elif wanted.min_length is not None and len(node.value) < wanted.min_length:
            self._report(node.offset, path, "this text is empty", "write something, or leave the field out")

    def _ruled(self, node: Node, wanted: inspect.Metadata, path: Path) -> None:
        known = len(self.errors)
        self.value(node, wanted.type, path)
        rule = (wanted.extra or {}).get(RULE)
        if rule is not None and len(self.errors) == known and isinstance(node.value, str):
            fault = rule(node.value)
            if fault is not None:
                self._report(node.offset, path, *fault)

    def _tuple(self, node: Node, wanted: inspect.TupleType, path: Path) -> None:
        size = len(wanted.item_types)
        example = self._hints.pair
        if not isinstance(node.value, list):
            self._mismatch(node, path, f"a list of {size}", example)
        elif len(node.value) != size:
            self._report(node.offset, path, f"expected {size} items, got {len(node.value)}", example)
        else:
            for index, (item, item_type) in enumerate(zip(node.value, wanted.item_types, strict=True)):
                self.value(item, item_type, (*path, index))

    def _union(self, node: Node, wanted: inspect.UnionType, path: Path) -> None:
        if node.value is None and wanted.includes_none:
            return
        others = [choice for choice in wanted.types if not isinstance(choice, inspect.NoneType)]
        if len(others) == 1:
            self.value(node, others[0], path)
            return
        fitting = [choice for choice in others if isinstance(choice, inspect.StrType) == isinstance(node.value, str)]
        if len(others) != 2 or len(fitting) != 1 or not all(isinstance(one, inspect.IntType | inspect.StrType) for one in others):
            raise TypeError(f"the model has a union that configuration cannot be checked against: {wanted}")
        self.value(node, fitting[0], path)

    def _literal(self, node: Node, wanted: inspect.LiteralType, path: Path) -> None:
        # True equals 1, hence the comparison of types.
        if any(type(node.value) is type(choice) and node.value == choice for choice in wanted.values):
            return
        shown = str(node.value) if isinstance(node.value, str | int) else ""
        hint = suggest(shown, [str(choice) for choice in wanted.values])
        if isinstance(node.value, str) and node.value in {str(choice) for choice in wanted.values}:
            hint = f"write {node.value} without quotes"
        self._report(node.offset, path, f"{_describe(node.value)} is not one of the values known here", hint)

    def _integer(self, node: Node, wanted: inspect.IntType, path: Path) -> None:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int):
            hint = "write a number without quotes and without a fraction"
            if isinstance(value, str) and len(value) < 19 and value.isascii() and value.isdigit():
                hint = f"write {int(value)} without quotes"
            self._mismatch(node, path, "a whole number", hint)
        elif (wanted.ge is not None and value < wanted.ge) or (wanted.le is not None and value > wanted.le):
            message = f"{_describe(value)} is out of range"
            bounds = f"of at least {wanted.ge}" if wanted.le is None else f"from {wanted.ge} to {wanted.le}"
            self._report(node.offset, path, message, f"write a number {bounds}")

    def _number(self, node: Node, wanted: inspect.FloatType, path: Path) -> None:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._mismatch(node, path, "a number", "write it without quotes")
        elif (wanted.ge is not None and value < wanted.ge) or (wanted.le is not None and value > wanted.le):
            self._report(
                node.offset, path, f"{_describe(value)} is out of range", f"write a number from {wanted.ge} to {wanted.le}"
            )

    def _custom(self, node: Node, wanted: type[Any], path: Path) -> None:
        if wanted is object:  # whatever somebody else understands
            return
        if issubclass(wanted, Duration):
            self._duration(node, wanted, path)
        elif issubclass(wanted, FromValue):
            self._made(node, path, wanted.of, node.plain())
        elif issubclass(wanted, FromText):
            if isinstance(node.value, str):
                self._made(node, path, wanted.parse, node.value)
            else:
                self._mismatch(node, path, "text", self._hints.text)
        else:
            raise TypeError(f"the model has a type that configuration cannot be checked against: {wanted}")

    def _made(self, node: Node, path: Path, make: Callable[[Any], object], value: object) -> None:
        try:
            make(value)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            self._report(node.offset, path, message, hint)

    def _duration(self, node: Node, wanted: type[Duration], path: Path) -> None:
        value = node.value
        if not isinstance(value, str):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            hint = f'write it with a unit in double quotes, for example "{value}s"' if number else 'write for example "15s"'
            self._mismatch(node, path, "a duration", hint)
            return
        try:
            wanted.parse(value)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            if 0 < len(value) < 10 and not value.strip(_NUMBER_WITHOUT_UNIT):
                hint = f"a unit is missing: write '{value}s' or '{value}ms'"
            self._report(node.offset, path, message, hint)


def _describe(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."
