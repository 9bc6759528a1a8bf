"""YAML as a tree of values that know where they stand.

PyYAML's C parser finds the structure (many times faster than its Python one); what the values mean is decided here, by the core
schema of YAML 1.2: `on` and `yes` are text, `012` is twelve, dates are text. Left out on purpose: tags, which could mean
anything, and names that are no scalars. Kept for the sake of people's files, though YAML 1.2 has dropped it: the merge key `<<`.

A line that begins with `---` ends a document wherever it stands, so that a mistake of syntax spoils its own document alone.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import yaml

from hauberk_core.model.document import DEEPEST, MOST_ERRORS
from hauberk_core.model.errors import ConfigError, ConfigErrors, Path, quote
from hauberk_core.model.tree import Node, Tree

LARGEST_FILE: Final = 4 << 20
"""Octets: some 10,000 routes. Larger ones would hold up everything else for seconds."""
MOST_VALUES: Final = 400_000
"""Values in a document, where an alias counts as all that it stands for: a few lines of aliases could otherwise mean billions."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MARKER: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
# Possessive throughout: nothing is ever tried in a second way, so that no text takes longer than its length.
_NOTHING: Final = re.compile(r"(?:---)?(?:[ \t\r\n]++|#[^\n]*+|%[^\n]*+|\.\.\.)*+")
# What YAML 1.2 section 5.1 does not let stand in a text.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# YAML 1.2 section 10.3.2.
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER_BEGINS: Final = frozenset("0123456789+-.")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# Longer ones are no numbers that a configuration needs, and slow to convert.
_LONGEST_NUMBER: Final = 100

_MERGE: Final = "<<"

# The parser's own words are kept; these tell what usually is behind them.
_PROBLEM_HINTS: Final = (
    ("cannot start any token", "indent with blanks, not with tabs; put text that begins with a special character in quotes"),
    ("mapping values are not allowed", "indent this line as its neighbours; put text that has a colon and a blank in quotes"),
    ("did not find expected key", "indent this line exactly as the other names of its object"),
    ("expected <block end>", "indent this line exactly as the other names of its object"),
    ("did not find expected '-' indicator", "begin this line with a dash, or indent it as part of the item above"),
    ("could not find expected ':'", "write a colon and a blank after the name; a text of several lines needs | or quotes"),
    ("unexpected end of stream", "close the quote"),
    ("did not find expected ','", "close the bracket or brace, or write a comma before this"),
    ("unknown escape character", "write \\\\ for a backslash, or use single quotes"),
    ("undefined alias", "define the anchor above its use, or put text that begins with an asterisk in quotes"),
)
_OTHER_PROBLEM_HINT: Final = "look at indentation and quotes here and in the line above"


class Parsed(NamedTuple):
    """A document: its values, unless its syntax is wrong, and its mistakes so far."""

    tree: Tree | None
    errors: list[ConfigError]


class YamlText(Tree):
    """The text of a file, in pieces that begin with the mark of a document and can be read each by itself."""

    def __init__(self, text: str, origin: str) -> None:
        super().__init__(origin, "yaml")
        self.root = Node(0, None)
        self._text = text

    @classmethod
    def of(cls, data: bytes, origin: str) -> Self:
        """The text of a file. Raises: ConfigErrors if it is too large or not UTF-8."""
        if len(data) > LARGEST_FILE:
            message = f"the file is larger than the {LARGEST_FILE} octets that are read"
            raise ConfigErrors([ConfigError(origin=origin, message=message, hint="split it into several files")])
        try:
            return cls(data.decode().removeprefix("\ufeff"), origin)
        except UnicodeDecodeError as error:
            readable = cls(data[: error.start].decode(), origin)
            hint = "save the file in the encoding UTF-8"
            raise ConfigErrors([readable.error_at(len(readable.text), (), "not UTF-8", hint)]) from None

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Where each piece that is not empty begins and ends."""
        starts = [match.start() for match in _MARKER.finditer(self._text)]
        if not starts or starts[0] > 0:
            starts.insert(0, 0)
        for start, end in zip(starts, [*starts[1:], len(self._text)], strict=True):
            if not _NOTHING.fullmatch(self._text, start, end):
                yield start, end

    def documents(self, start: int, end: int) -> Iterator[Parsed]:
        """The documents of a piece: one, unless some end by `...`; those without content are left out."""
        unprintable = _UNPRINTABLE.search(self._text, start, end)
        if unprintable is not None:
            message = f"the character {quote(unprintable[0])} cannot stand in YAML"
            hint = "remove it, or write it as an escape in double quotes"
            yield Parsed(None, [self.error_at(unprintable.start(), (), message, hint)])
            return
        composer = _Composer(self, start)
        loader = _LOADER(self._text[start:end])
        try:
            while loader.check_event():
                if composer.take(loader.get_event()):
                    document = composer.finished()
                    if document is not None:
                        yield document
        except _Refused as refused:
            path = composer.path()
            yield Parsed(None, [*composer.errors, self.error_at(refused.offset, path, refused.message, refused.hint)])
        except yaml.MarkedYAMLError as error:
            yield Parsed(None, [*composer.errors, self._syntax_error(error, start, end)])
        except yaml.YAMLError as error:
            yield Parsed(None, [*composer.errors, self.error_at(start, (), f"no YAML: {error}", _OTHER_PROBLEM_HINT)])
        finally:
            loader.dispose()

    def document_at(self, offset: int) -> Tree | None:
        """The document that a character of a sound text belongs to."""
        start, end = 0, len(self._text)
        for marker in _MARKER.finditer(self._text):
            if marker.start() > offset:
                end = marker.start()
                break
            start = marker.start()
        found: Tree | None = None
        for tree, _ in self.documents(start, end):
            if tree is not None and tree.root.offset <= offset:
                found = tree
        return found

    def _syntax_error(self, error: yaml.MarkedYAMLError, start: int, end: int) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        offset = min(start + mark.index, end) if mark else start
        problem = error.problem or "no YAML"
        if error.context and error.context_mark:
            line, _ = self.place(start + error.context_mark.index)
            problem = f"{problem} {error.context} that begins in line {line}"
        hint = next((hint for known, hint in _PROBLEM_HINTS if known in problem), _OTHER_PROBLEM_HINT)
        return self.error_at(offset, (), problem, hint)


class _Open:
    """An object or a list whose end has not been read yet."""

    __slots__ = ("anchor", "height", "merged", "merging", "name", "name_offset", "node", "repeated", "size")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node: Final = node
        self.anchor: Final = anchor
        self.size = 1
        self.height = 1
        self.name: str | None = None
        """In an object, the name whose value comes next."""
        self.name_offset = 0
        self.repeated = False
        """That name stood here before; its value is dropped."""
        self.merging = False
        """That name is the merge key."""
        self.merged: list[Node] = []


class _Anchored(NamedTuple):
    node: Node
    size: int
    height: int


class _Refused(Exception):
    """The rest of a document is not worth reading."""

    def __init__(self, offset: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.offset: Final = offset
        self.message: Final = message
        self.hint: Final = hint


class _Composer:
    """Makes trees of the parser's events. A loop with a stack of its own, because a file may nest as it likes."""

    def __init__(self, text: YamlText, start: int) -> None:
        self._text: Final = text
        self._start: Final = start
        self._begin()

    def _begin(self) -> None:
        self.errors: list[ConfigError] = []
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._anchors: dict[str, _Anchored] = {}
        self._values = 0

    def finished(self) -> Parsed | None:
        """The document whose end was just read, unless it was empty. The next one begins."""
        root, errors = self._root, self.errors
        self._begin()
        if root is None or (root.value is None and not errors):
            return None
        return Parsed(self._text.part(root), errors)

    def path(self) -> Path:
        """The way to where the composer is."""
        path: list[str | int] = []
        for opened in self._open:
            if isinstance(opened.node.value, list):
                path.append(len(opened.node.value))
            elif opened.name is not None:
                path.append(opened.name)
        return tuple(path)

    def take(self, event: yaml.Event) -> bool:
        """Take the next event. Returns: whether a document has ended. Raises: _Refused."""
        offset = self._start + (event.start_mark.index if event.start_mark else 0)
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, offset)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_tag(event.tag, offset)
                if len(self._open) >= DEEPEST:
                    raise _Refused(offset, f"nested deeper than {DEEPEST} levels", "flatten the document")
                if self._wants_name():
                    raise _Refused(offset, "a list or an object stands where a name should", "write a text as the name")
                self._count(1, offset)
                node = Node(offset, {} if isinstance(event, yaml.MappingStartEvent) else [])
                self._open.append(_Open(node, event.anchor))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event.anchor, offset)
            case yaml.DocumentEndEvent():
                return True
        return False

    def _wants_name(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].name is None

    def _count(self, values: int, offset: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise _Refused(
                offset, f"the document has more than {MOST_VALUES} values", "split it; mind what its aliases stand for"
            )

    def _refuse_tag(self, tag: str | None, offset: int) -> None:
        if tag is not None:
            message = f"the tag {quote(tag)} means nothing here"
            self._mistake(offset, message, "remove it; write text in quotes and numbers without")

    def _mistake(self, offset: int, message: str, hint: str) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(self._text.error_at(offset, self.path(), message, hint))

    def _scalar(self, event: yaml.ScalarEvent, offset: int) -> None:
        self._refuse_tag(event.tag, offset)
        plain = not event.style
        if self._wants_name():
            self._name(event.value, offset, plain)
            return
        self._count(1, offset)
        node = Node(offset, self._meaning(event.value, offset) if plain else event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._add(node, 1, 0)

    def _name(self, name: str, offset: int, plain: bool) -> None:
        opened = self._open[-1]
        members = opened.node.value
        assert isinstance(members, dict)
        opened.name = name
        opened.name_offset = offset
        opened.repeated = name in members
        opened.merging = plain and name == _MERGE
        if opened.repeated:
            first, _ = self._text.place(opened.node.name_offsets[name])
            message = f"{quote(name)} stands here a second time; the first is in line {first}"
            self._mistake(offset, message, "keep or rename one of the two")

    def _meaning(self, text: str, offset: int) -> object:
        """The value of a scalar without quotes."""
        if text in _NULLS:
            return None
        if text[0] not in _NUMBER_BEGINS:
            return _BOOLEANS.get(text, text)
        number: int | float
        if _DECIMAL.fullmatch(text):
            base = 10
        elif _OCTAL.fullmatch(text):
            base = 8
        elif _HEXADECIMAL.fullmatch(text):
            base = 16
        elif _FLOAT.fullmatch(text):
            base = 0
        elif _NO_NUMBER.fullmatch(text):
            self._mistake(offset, f"{quote(text)} is a number that nothing here can use", "write a finite one, or text in quotes")
            return 0
        else:
            return text
        if len(text) > _LONGEST_NUMBER:
            self._mistake(offset, "this number cannot be represented", "write a number of at most 18 digits, or text in quotes")
            return 0
        number = int(text[2:], base) if base in (8, 16) else int(text) if base else float(text)
        if number in (float("inf"), float("-inf")):
            self._mistake(offset, "this number is out of range", "write a smaller number")
            return 0
        return number

    def _alias(self, anchor: str | None, offset: int) -> None:
        assert anchor is not None
        found = self._anchors.get(anchor)
        if found is None:
            inside = any(opened.anchor == anchor for opened in self._open)
            message = (
                f"the alias {quote('*' + anchor)} stands for itself"
                if inside
                else f"no anchor {quote('&' + anchor)} stands above"
            )
            raise _Refused(offset, message, "define the anchor above, outside; put text that begins with an asterisk in quotes")
        if self._wants_name():
            raise _Refused(offset, "an alias stands where a name should", "write a text as the name")
        self._count(found.size, offset)
        if len(self._open) + found.height > DEEPEST:
            raise _Refused(offset, f"nested deeper than {DEEPEST} levels by this alias", "flatten the document")
        self._add(found.node, found.size, found.height)

    def _close(self) -> None:
        opened = self._open.pop()
        for source in opened.merged:
            self._merge(opened.node, source)
        if opened.anchor is not None:
            self._anchors[opened.anchor] = _Anchored(opened.node, opened.size, opened.height)
        self._add(opened.node, opened.size, opened.height)

    def _add(self, node: Node, size: int, height: int) -> None:
        """Put a whole value where it belongs."""
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
            return
        assert isinstance(parent.node.value, dict)
        assert parent.name is not None
        if parent.merging:
            self._note_merge(parent, node)
        elif not parent.repeated:
            parent.node.value[parent.name] = node
            parent.node.name_offsets[parent.name] = parent.name_offset
        parent.name = None

    def _note_merge(self, parent: _Open, node: Node) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if isinstance(source.value, dict):
                parent.merged.append(source)
            else:
                self._mistake(node.offset, "only objects can be merged", "name one by its alias: <<: *defaults")

    @staticmethod
    def _merge(node: Node, source: Node) -> None:
        """Give an object the members of another that it does not have."""
        assert isinstance(node.value, dict)
        assert isinstance(source.value, dict)
        for name, child in source.value.items():
            if name not in node.value:
                node.value[name] = child
                node.name_offsets[name] = source.name_offsets[name]
