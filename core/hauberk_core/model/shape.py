"""Holds a document against the types of the model and reports every mistake, where msgspec's decoder stops at the first."""

import difflib
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import inspect

from hauberk_core.model.document import MOST_ERRORS, Document, Node
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import ConfigError, Path, quote
from hauberk_core.model.plugin import JsonObject

_NUMBER_WITHOUT_UNIT: Final = "0123456789."


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` most like `name`, or None if none is like it. Case does not count."""
    # Longer texts are no typing mistakes, and difflib takes quadratic time over them.
    if len(name) > 100:
        return None
    lower = {candidate.lower(): candidate for candidate in names}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def suggest(name: str, names: Iterable[str]) -> str:
    """A hint for somebody who wrote `name` where one of `names` is wanted."""
    known = sorted(names)
    listed = ", ".join([quote(other) for other in known[:20]]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    close = nearest(name, known)
    if not known:
        return "there is none to choose from"
    return f"did you mean {quote(close)}? known: {listed}" if close else f"known: {listed}"


def check_shape(document: Document, root: type) -> list[ConfigError]:
    """Every place where the document has not the form of `root`, a msgspec struct; at most 100, in the document's order."""
    walk = _Walk(document)
    walk.value(document.root, inspect.type_info(root), ())
    return walk.errors


class _Walk:
    """One pass over a document. Recursion follows the types, so it is as shallow as they are."""

    def __init__(self, document: Document) -> None:
        self._document: Final = document
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
                if isinstance(node.value, list):
                    for index, item in enumerate(node.value):
                        self.value(item, wanted.item_type, (*path, index))
                else:
                    self._mismatch(node, path, "a list", "write it in brackets, also where it has one item: [...]")
            case inspect.TupleType():
                self._tuple(node, wanted, path)
            case inspect.UnionType():
                self._optional(node, wanted, path)
            case inspect.LiteralType():
                self._literal(node, wanted, path)
            case inspect.IntType():
                self._integer(node, wanted, path)
            case inspect.StrType():
                if not isinstance(node.value, str):
                    self._mismatch(node, path, "text", "write it in double quotes")
            case inspect.BoolType():
                if not isinstance(node.value, bool):
                    self._mismatch(node, path, "true or false", "write it without quotes")
            case inspect.CustomType(cls=cls):
                self._custom(node, cls, path)
            case _:
                raise TypeError(f"the model has a type that configuration cannot be checked against: {wanted}")

    def _report(self, offset: int, path: Path, message: str, hint: str) -> None:
        self.errors.append(self._document.error_at(offset, path, message, hint))

    def _mismatch(self, node: Node, path: Path, wanted: str, hint: str) -> None:
        self._report(node.offset, path, f"expected {wanted}, got {_describe(node.value)}", hint)

    def _struct(self, node: Node, wanted: inspect.StructType, path: Path) -> None:
        if not isinstance(node.value, dict):
            self._mismatch(node, path, "an object", "write it in braces: {...}")
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
            elif len(self.errors) < MOST_ERRORS:
                message = f"no member is called {quote(name)} here"
                self._report(node.name_offsets[name], (*path, name), message, suggest(name, absent or fields))

    def _dict(self, node: Node, wanted: inspect.DictType, path: Path) -> None:
        if not isinstance(node.value, dict):
            hint = 'write it in braces, each value under its name: {"a-name": ...}'
            self._mismatch(node, path, "an object", hint)
            return
        for name, child in node.value.items():
            self.value(child, wanted.value_type, (*path, name))

    def _tuple(self, node: Node, wanted: inspect.TupleType, path: Path) -> None:
        size = len(wanted.item_types)
        example = 'write for example ["name", "value"]'
        if not isinstance(node.value, list):
            self._mismatch(node, path, f"a list of {size}", example)
        elif len(node.value) != size:
            self._report(node.offset, path, f"expected {size} items, got {len(node.value)}", example)
        else:
            for index, (item, item_type) in enumerate(zip(node.value, wanted.item_types, strict=True)):
                self.value(item, item_type, (*path, index))

    def _optional(self, node: Node, wanted: inspect.UnionType, path: Path) -> None:
        if node.value is None and wanted.includes_none:
            return
        others = [choice for choice in wanted.types if not isinstance(choice, inspect.NoneType)]
        if len(others) != 1:
            raise TypeError(f"the model has a union that configuration cannot be checked against: {wanted}")
        self.value(node, others[0], path)

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
            self._report(node.offset, path, message, f"write a number from {wanted.ge} to {wanted.le}")

    def _custom(self, node: Node, wanted: type, path: Path) -> None:
        if wanted is Duration:
            self._duration(node, path)
        elif wanted is JsonObject:
            try:
                JsonObject.of(node.plain())
            except ValueError as error:
                message, _, hint = str(error).partition("; ")
                self._report(node.offset, path, message, hint)
        else:
            raise TypeError(f"the model has a type that configuration cannot be checked against: {wanted}")

    def _duration(self, node: Node, path: Path) -> None:
        value = node.value
        if not isinstance(value, str):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            hint = f'write it with a unit in double quotes, for example "{value}s"' if number else 'write for example "15s"'
            self._mismatch(node, path, "a duration", hint)
            return
        try:
            Duration.parse(value)
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
