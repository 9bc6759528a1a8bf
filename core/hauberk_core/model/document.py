"""A JSON text (RFC 8259) with the place of every value, read when a mistake must be shown where it stands.

The happy road does not come through here: msgspec decodes some fifty times faster. Stricter than the RFC allows parsers to be:
a name may stand only once in an object, because two readers of the same file must not differ on which one counts.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Final

from hauberk_core.model.errors import ConfigError, ConfigErrors, quote
from hauberk_core.model.tree import Node, Tree

LARGEST_DOCUMENT: Final = 16 << 20
"""Octets. About 40,000 routes; more in one proxy is a mistake or an attack."""
MOST_VALUES: Final = 1_000_000
"""Values in a document, because each costs memory while places are kept."""
MOST_ERRORS: Final = 100
"""Mistakes reported at once; nobody reads more, and finding each one's line costs a walk over the text."""
DEEPEST: Final = 64
"""Levels of nesting. The configuration itself needs 13, a plugin's own may add 32."""

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE: Final = re.compile(f"[{chr(0xD800)}-{chr(0xDFFF)}]")
_LITERAL_HINTS: Final = {
    "True": "write true",
    "False": "write false",
    "None": "write null, or leave the member out",
    "NaN": "JSON has no such number; write a finite one",
    "Infinity": "JSON has no such number; write a finite one",
}


class Document(Tree):
    """A text that was read; answers where a value stands.

    Raises: ConfigErrors, from the constructor, at the first mistake of syntax; nothing after that can be trusted.
    """

    def __init__(self, data: bytes, origin: str) -> None:
        super().__init__(origin, "json")
        self.duplicates: Final[list[ConfigError]] = []
        self._decoder: Final = JSONDecoder(parse_constant=_refuse_constant)
        self._path: Final[list[str | int]] = []
        self._end = 0
        if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
            raise self._syntax_error(
                0, f"the document has more than {MOST_VALUES} values", "split the configuration over several proxies"
            )
        try:
            self._text = data.decode()
        except UnicodeDecodeError as error:
            self._text = data[: error.start].decode()
            raise self._syntax_error(len(self._text), "not UTF-8", "save the file in the encoding UTF-8") from None
        if self._text.startswith("\ufeff"):
            raise self._syntax_error(0, "begins with a byte order mark", "save the file as UTF-8 without BOM")
        self.root = self._value(self._skip_blanks(0))
        end = self._skip_blanks(self._end)
        if end != len(self._text):
            raise self._syntax_error(
                end, "text after the end of the document", "remove it, or a closing brace too many before it"
            )

    def _syntax_error(self, offset: int, message: str, hint: str) -> ConfigErrors:
        return ConfigErrors([*self.duplicates, self.error_at(offset, tuple(self._path), message, hint)])

    def _skip_blanks(self, offset: int) -> int:
        match = _BLANKS.match(self._text, offset)
        return match.end() if match else offset

    def _character(self, offset: int) -> str:
        return self._text[offset : offset + 1]

    def _value(self, offset: int) -> Node:
        """Read the value at `offset`; `_end` is then behind it. Recursion is bounded by DEEPEST."""
        character = self._character(offset)
        if character not in ("{", "["):
            return self._scalar(offset, "a value")
        if len(self._path) >= DEEPEST:
            raise self._syntax_error(offset, f"nested deeper than {DEEPEST} levels", "flatten the document")
        return self._object(offset) if character == "{" else self._array(offset)

    def _object(self, start: int) -> Node:
        members: dict[str, Node] = {}
        node = Node(start, members)
        offset = self._skip_blanks(start + 1)
        if self._character(offset) == "}":
            self._end = offset + 1
            return node
        while True:
            if self._character(offset) != '"':
                raise self._unexpected(offset, "a member's name in double quotes", start)
            name_offset = offset
            name = self._scalar(offset, "a name").value
            assert isinstance(name, str)
            offset = self._skip_blanks(self._end)
            if self._character(offset) != ":":
                raise self._unexpected(offset, f"a colon after the name {quote(name)}", start)
            self._path.append(name)
            child = self._value(self._skip_blanks(offset + 1))
            if name in members and len(self.duplicates) < MOST_ERRORS:
                first_line, _ = self.place(node.name_offsets[name])
                message = f"{quote(name)} stands here a second time; the first is in line {first_line}"
                self.duplicates.append(self.error_at(name_offset, tuple(self._path), message, "keep or rename one of the two"))
            elif name not in members:
                members[name] = child
                node.name_offsets[name] = name_offset
            self._path.pop()
            offset = self._skip_blanks(self._end)
            character = self._character(offset)
            if character == "}":
                self._end = offset + 1
                return node
            if character != ",":
                raise self._unexpected(offset, "a comma or a closing brace", start)
            comma = offset
            offset = self._skip_blanks(offset + 1)
            if self._character(offset) == "}":
                raise self._syntax_error(comma, "a comma after the last member", "remove the comma")

    def _array(self, start: int) -> Node:
        items: list[Node] = []
        node = Node(start, items)
        offset = self._skip_blanks(start + 1)
        if self._character(offset) == "]":
            self._end = offset + 1
            return node
        while True:
            self._path.append(len(items))
            items.append(self._value(offset))
            self._path.pop()
            offset = self._skip_blanks(self._end)
            character = self._character(offset)
            if character == "]":
                self._end = offset + 1
                return node
            if character != ",":
                raise self._unexpected(offset, "a comma or a closing bracket", start)
            comma = offset
            offset = self._skip_blanks(offset + 1)
            if self._character(offset) == "]":
                raise self._syntax_error(comma, "a comma after the last item", "remove the comma")

    def _scalar(self, offset: int, wanted: str) -> Node:
        try:
            value, self._end = self._decoder.raw_decode(self._text, offset)
        except JSONDecodeError as error:
            if error.msg == "Expecting value":
                raise self._unexpected(offset, wanted, -1) from None
            message, hint = _explain_string(error.msg)
            # An unterminated string is reported at its first quote: that is the one to look at.
            raise self._syntax_error(error.pos, message, hint) from None
        except ValueError:
            raise self._syntax_error(offset, "this number cannot be represented", "write a number of at most 18 digits") from None
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            raise self._syntax_error(offset, "this number is out of range", "write a smaller number")
        if isinstance(value, str) and _SURROGATE.search(value):
            raise self._syntax_error(offset, "half of a surrogate pair", "write the character itself, or both halves")
        return Node(offset, value)

    def _unexpected(self, offset: int, wanted: str, opened_at: int) -> ConfigErrors:
        character = self._character(offset)
        if not character:
            message = f"the document ends where {wanted} should stand"
            if opened_at >= 0:
                line, column = self.place(opened_at)
                return self._syntax_error(offset, message, f"close what begins in line {line}, column {column}")
            return self._syntax_error(offset, message, "write the whole document; the shortest is {}")
        hint = f"write {wanted}"
        shown = quote(character)
        word = _WORD.match(self._text, offset)
        if word is not None:
            shown = quote(word[0])
            hint = _LITERAL_HINTS.get(word[0], "text stands in double quotes")
        elif character == "'":
            hint = "JSON wants double quotes"
        elif character in ("/", "#"):
            hint = "JSON has no comments; remove it"
        elif character == '"' and wanted.startswith("a comma"):
            hint = "write a comma before it"
        return self._syntax_error(offset, f"expected {wanted}, found {shown}", hint)


def _refuse_constant(name: str) -> object:
    raise JSONDecodeError("Expecting value", name, 0)


def _explain_string(reason: str) -> tuple[str, str]:
    if reason.startswith("Unterminated"):
        return "this text is not closed", "write the closing double quote"
    if reason.startswith("Invalid control"):
        return "a line break or another control character inside text", "write \\n or \\t for it, or close the text first"
    return "a backslash that begins no escape", 'write \\\\ for a backslash; escapes are \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX'
