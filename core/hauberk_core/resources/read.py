"""From a file's octets to objects: every object without mistake is kept, every mistake of the others is told with its place."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from msgspec import inspect

from hauberk_core.model.document import MOST_ERRORS, Document
from hauberk_core.model.errors import ConfigError, ConfigErrors, Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.shape import FromText, FromValue, check_shape, type_info
from hauberk_core.model.suggest import suggest
from hauberk_core.model.tree import Node, Tree
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Part
from hauberk_core.resources.registry import CORE_KINDS, Kinds, UnknownKind
from hauberk_core.resources.written import Written
from hauberk_core.resources.yaml import LARGEST_FILE, YamlText

MOST_DOCUMENTS: Final = 20_000
"""Documents in a file; a file of nothing but marks would otherwise take half a minute."""
MOST_OBJECTS: Final = 20_000
"""Objects in a file, lists taken apart."""

_LIST: Final = "List"


class ReadObject(NamedTuple):
    """An object and where it begins; line and column are counted from 1."""

    value: Resource
    line: int
    column: int
    written: Written


class ReadFile(NamedTuple):
    """What a file holds, in its order, and what is wrong with the rest; warnings tell what was passed over."""

    objects: tuple[ReadObject, ...]
    errors: tuple[ConfigError, ...]
    pieces: "Pieces"
    """To be given to the next reading of the file."""


class Piece(NamedTuple):
    """A part of a YAML file in which nothing was wrong, as it was read before."""

    offset: int
    line: int
    """Where it began then."""
    objects: tuple[ReadObject, ...]


Pieces = Mapping[str, Piece]
"""By their texts: of a file that is edited most stays as it was, and is not read again."""


def read_file(data: bytes, origin: str, known: Pieces = MappingProxyType({}), kinds: Kinds = CORE_KINDS) -> ReadFile:
    """Read all objects of a file.

    Args: data - YAML with any number of documents, or JSON where `origin` ends in `.json`; origin - the file's name; known - what
        the last reading of this file returned, with the same `kinds`.
    """
    reader = _Reader(origin, kinds)
    try:
        if origin.endswith(".json"):
            reader.read_json(data)
        else:
            reader.read_yaml(data, known)
    except ConfigErrors as refused:
        reader.note(refused.errors)
    return reader.finish()


class _Reader:
    """Gathers the objects of one file."""

    def __init__(self, origin: str, kinds: Kinds) -> None:
        self._origin: Final = origin
        self._kinds: Final = kinds
        self._objects: Final[list[ReadObject]] = []
        self._errors: Final[list[ConfigError]] = []
        self._passed_over: Final[dict[str, tuple[int, int]]] = {}
        self._pieces: Final[dict[str, Piece]] = {}
        self._flaws = 0
        """How much there was to tell so far."""

    def read_json(self, data: bytes) -> None:
        """Read a JSON file. Raises: ConfigErrors if it is none."""
        if len(data) > LARGEST_FILE:
            message = f"the file is larger than the {LARGEST_FILE} octets that are read"
            raise ConfigErrors([ConfigError(origin=self._origin, message=message, hint="split it into several files")])
        document = Document(data, self._origin)
        self._document(document, document.duplicates)

    def read_yaml(self, data: bytes, known: Pieces) -> None:
        """Read a YAML file. Raises: ConfigErrors if it is no text."""
        text = YamlText.of(data, self._origin)
        for number, (start, end) in enumerate(text.pieces()):
            if number == MOST_DOCUMENTS:
                message = f"the file has more than {MOST_DOCUMENTS} documents; this one and those behind it are not read"
                self.note([text.error_at(start, (), message, "split it into several files")])
                break
            line, _ = text.place(start)
            shown = text.text[start:end]
            objects, flaws = len(self._objects), self._flaws
            again = known.get(shown)
            if again is not None:
                self._reuse(again, start, line, text.text)
            else:
                for tree, errors in text.documents(start, end):
                    self._document(tree, errors)
            if self._flaws == flaws:
                self._pieces[shown] = Piece(start, line, tuple(self._objects[objects:]))

    def finish(self) -> ReadFile:
        """What was read."""
        self._tell_passed_over()
        in_order = sorted(self._errors, key=lambda error: (error.line, error.column))
        return ReadFile(tuple(self._objects), tuple(in_order), self._pieces)

    def note(self, errors: list[ConfigError]) -> None:
        """Keep mistakes, as far as anybody will read them."""
        self._flaws += len(errors)
        self._errors.extend(errors[: max(0, MOST_ERRORS - len(self._errors))])

    def _reuse(self, piece: Piece, offset: int, line: int, text: str) -> None:
        for value, old_line, column, written in piece.objects[: MOST_OBJECTS - len(self._objects)]:
            moved = Written(text, written.offset - piece.offset + offset, self._origin)
            self._objects.append(ReadObject(value, old_line - piece.line + line, column, moved))

    def _document(self, tree: Tree | None, errors: list[ConfigError]) -> None:
        """Take one object, or a list of them. Of a document that is not sound, only mistakes are wanted."""
        self.note(errors)
        waiting = [tree] if tree is not None else []
        while waiting:
            part = waiting.pop()
            kind = self._kind(part)
            if kind == _LIST:
                waiting += reversed(self._items(part))
            elif isinstance(kind, type):
                self._object(part, kind, sound=not errors)

    def _tell_passed_over(self) -> None:
        """One warning a file is enough: manifests are full of objects that mean nothing here."""
        if self._passed_over:
            line, column = next(iter(self._passed_over.values()))
            message = f"passed over, because a mesh does not read them: {', '.join(sorted(self._passed_over))}"
            hint = "nothing, unless you expected hauberk to act on them"
            error = ConfigError(origin=self._origin, line=line, column=column, message=message, hint=hint, severity="warning")
            self._errors.append(error)

    def _report(self, tree: Tree, path: Path, message: str, hint: str) -> None:
        self.note([tree.error_at(tree.offset_of(path), path, message, hint)])

    def _kind(self, tree: Tree) -> type[Resource] | str | None:
        """The kind of an object, or `List`; None if it is of no use."""
        root = tree.root
        if not isinstance(root.value, dict):
            self._report(
                tree, (), "this is no object", "write apiVersion, kind, metadata and spec; begin each object after a line ---"
            )
            return None
        told: dict[str, str] = {}
        for field in ("apiVersion", "kind"):
            node = root.value.get(field)
            if node is None or node.value in (None, ""):
                hint = f"add it to this object; {_misspelling(field, root.value)}".removesuffix("; ")
                self._report(tree, (), f"{quote(field)} missing", hint)
            elif not isinstance(node.value, str):
                self._report(tree, (field,), f"{field} is no text", "write for example apiVersion: v1 and kind: Service")
            else:
                told[field] = node.value
        if len(told) < 2:
            return None
        if told["kind"].endswith(_LIST) and "items" in root.value:
            return _LIST
        try:
            found = self._kinds.find(told["apiVersion"], told["kind"])
        except UnknownKind as unknown:
            self._report(tree, (unknown.field,), *unknown.fault)
            return None
        if found is None:
            self._flaws += 1
            self._passed_over.setdefault(told["kind"][:64], tree.place(root.offset))
        return found

    def _items(self, tree: Tree) -> list[Tree]:
        assert isinstance(tree.root.value, dict)
        items: Node = tree.root.value["items"]
        if items.value is None:
            return []
        if not isinstance(items.value, list):
            self._report(tree, ("items",), "the items of a List are no list", "write each object after a dash")
            return []
        return [tree.part(item) for item in items.value]

    def _object(self, tree: Tree, kind: type[Resource], *, sound: bool) -> None:
        if len(self._objects) >= MOST_OBJECTS:
            message = f"the file has more than {MOST_OBJECTS} objects"
            self._report(tree, (), message, "split it into several files")
            return
        value, found = build_object(tree, kind)
        self.note(found)
        if sound and value is not None:
            line, column = tree.place(tree.root.offset)
            self._objects.append(ReadObject(value, line, column, Written(tree.text, tree.root.offset, self._origin)))


def build_object(tree: Tree, kind: type[Resource]) -> tuple[Resource | None, list[ConfigError]]:
    """The object that a tree is the text of, or None if something is wrong with it; and all that is, warnings too."""
    tree.root = without_nulls(tree.root, type_info(kind))
    try:
        found = check_shape(tree, kind)
    except TypeError as error:  # a plugin's kind has a field of a type that the walk does not know
        message = f"objects of this kind cannot be read: {error}"
        return None, [tree.error_at(tree.root.offset, (), message, "report it to the plugin's author")]
    if found:
        return None, found
    try:
        value = msgspec.convert(tree.root.plain(), kind, dec_hook=make_field, str_keys=True)
    except (msgspec.MsgspecError, ValueError) as error:
        # The decoder is the judge. Where it is stricter than our own walk, its words are better than none.
        return None, [tree.error_at(tree.root.offset, (), str(error), "compare the object with the documentation of its kind")]
    mistakes = find_mistakes(value)
    for path, message, hint, severity in mistakes[:MOST_ERRORS]:
        told = tree.error_at(tree.offset_of(path), path, message, hint)
        found.append(msgspec.structs.replace(told, severity=severity))
    return (value if all(mistake.severity == "warning" for mistake in mistakes) else None), found


def find_mistakes(value: Resource) -> list[Mistake]:
    """What the types cannot tell of an object, whatever it was read from."""
    mistakes: list[Mistake] = []
    fault = value.name_fault(value.metadata.name)
    if fault is not None:
        mistakes.append(Mistake(("metadata", "name"), *fault))
    _collect(value, (), mistakes)
    return mistakes


def _collect(value: object, path: Path, into: list[Mistake]) -> None:
    """As deep as the types."""
    if isinstance(value, Part):
        into += [mistake._replace(path=(*path, *mistake.path)) for mistake in value.mistakes()]
        for attribute, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            child = getattr(value, attribute)
            if isinstance(child, Part | tuple | dict):
                _collect(child, (*path, name), into)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            if isinstance(item, Part):
                _collect(item, (*path, index), into)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, Part):
                _collect(item, (*path, str(key)), into)


def without_nulls(node: Node, wanted: inspect.Type) -> Node:
    """The value without those fields of structs that are null: to Kubernetes these are the same as absent ones.

    Nodes are copied where something changes, because an alias may use them elsewhere.
    """
    match wanted:
        case inspect.StructType() if isinstance(node.value, dict):
            fields = {field.encode_name: field for field in wanted.fields}
            kept: dict[str, Node] = {}
            for name, child in node.value.items():
                field = fields.get(name)
                if field is None:
                    kept[name] = child
                elif child.value is not None:
                    kept[name] = without_nulls(child, field.type)
            if len(kept) == len(node.value) and all(kept[name] is child for name, child in node.value.items()):
                return node
            changed = Node(node.offset, kept)
            changed.name_offsets = node.name_offsets
            return changed
        case inspect.VarTupleType() if isinstance(node.value, list):
            items = [without_nulls(item, wanted.item_type) for item in node.value]
            if all(item is old for item, old in zip(items, node.value, strict=True)):
                return node
            return Node(node.offset, items)
        case inspect.UnionType():
            structs = [choice for choice in wanted.types if isinstance(choice, inspect.StructType | inspect.Metadata)]
            return without_nulls(node, structs[0]) if structs else node
        case inspect.Metadata():
            return without_nulls(node, wanted.type)
        case _:
            return node


def _misspelling(field: str, members: dict[str, Node]) -> str:
    hint = suggest(field, [name for name in members if name not in ("metadata", "spec")])
    return f"is it {hint.removeprefix('did you mean ').partition('?')[0]}?" if hint.startswith("did you mean") else ""


def make_field(wanted: type, value: object) -> object:
    """The value of a field whose type is a class of ours. Raises: ValueError."""
    if issubclass(wanted, FromText) and isinstance(value, str):
        return wanted.parse(value)
    if issubclass(wanted, FromValue):
        return wanted.of(value)
    raise ValueError(f"expected {wanted.__name__}")
