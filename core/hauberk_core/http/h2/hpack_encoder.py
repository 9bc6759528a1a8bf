"""Fields to header blocks (RFC 7541): one encoder for each connection.

A field is looked up by the whole line that HTTP/1.1 would send, so that what repeats costs one look-up and mostly one octet.
What changes with every message stays out of the table, where it would only push out what repeats: some names are known for that,
and a name whose fields leave the table again and again without having been used is found out.
"""

from typing import Final

from hauberk_core.http.h2.field import OVERHEAD
from hauberk_core.http.h2.hpack_decoder import TABLE_SIZE
from hauberk_core.http.h2.huffman import encode
from hauberk_core.http.h2.static_table import STATIC_FIELDS

_STATIC_COUNT: Final = len(STATIC_FIELDS)
_STATIC_LINES: Final = {name + ": " + value: index for index, (name, value) in enumerate(STATIC_FIELDS, 1) if value}
_STATIC_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC_FIELDS, 1)))}

# Their values are as many as there are messages.
_CHANGING: Final = frozenset(
    (
        "age",
        "content-length",
        "etag",
        "grpc-timeout",
        "if-modified-since",
        "if-none-match",
        "last-modified",
        "location",
        "set-cookie",
        "traceparent",
        "tracestate",
        "x-b3-spanid",
        "x-b3-traceid",
        "x-request-id",
    )
)
# Whoever sends requests of his own over a connection that others' secrets use could guess these by the length of what is sent,
# if they were in the table (RFC 7541 section 7.1.3); and nobody behind us may put them into one either.
_SECRET: Final = frozenset(("authorization", "proxy-authorization"))
# A cookie shorter than this can be guessed whole.
_SECRET_COOKIE: Final = 20
# A field of more than this share of the table pushes out too much.
_LARGEST: Final = TABLE_SIZE // 4
# Fields of one name that left the table unused, after which the name counts as one that changes.
_WASTED: Final = 4
# Names that are watched so; when they are more, all are forgotten.
_WATCHED: Final = 256


class _Entry:
    __slots__ = ("line", "name", "number", "size", "used")

    def __init__(self, name: str, line: str, number: int) -> None:
        self.name: Final = name
        self.line: Final = line
        self.number: Final = number
        self.size: Final = len(line) - 2 + OVERHEAD
        self.used = False


class HpackEncoder:
    """Keeps the table that the peer's decoder follows."""

    __slots__ = ("_announce", "_capacity", "_entries", "_inserted", "_lines", "_names", "_size", "_smallest", "_wasted")

    def __init__(self) -> None:
        self._entries: Final[list[_Entry]] = []
        """The oldest first."""
        self._lines: Final[dict[str, _Entry]] = {}
        self._names: Final[dict[str, _Entry]] = {}
        self._inserted = 0
        self._size = 0
        self._capacity = TABLE_SIZE
        self._smallest = TABLE_SIZE
        self._announce = False
        self._wasted: Final[dict[str, int]] = {}

    def resize(self, allowed: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE: the table is never larger, nor than 4 KiB."""
        capacity = allowed if allowed < TABLE_SIZE else TABLE_SIZE
        if capacity == self._capacity:
            return
        self._announce = True
        if capacity < self._smallest:
            self._smallest = capacity
        self._capacity = capacity
        self._evict()

    def begin(self) -> bytearray:
        """A new header block. Changes of the table's size go first (RFC 7541 section 4.2)."""
        block = bytearray()
        if self._announce:
            self._announce = False
            if self._smallest < self._capacity:
                _append_integer(block, 0x20, 0x1F, self._smallest)
            _append_integer(block, 0x20, 0x1F, self._capacity)
            self._smallest = self._capacity
        return block

    def add(self, block: bytearray, name: str, line: str) -> None:
        """Append one field. Args: name - in lower case; line - `Name: value`, in whatever case the name came."""
        entry = self._lines.get(line)
        if entry is not None:
            entry.used = True
            index = _STATIC_COUNT + 1 + self._inserted - entry.number
            if index < 0x7F:
                block.append(0x80 | index)
            else:
                _append_integer(block, 0x80, 0x7F, index)
            return
        static = _STATIC_LINES.get(line, 0)
        if static:
            block.append(0x80 | static)
            return
        value = line[len(name) + 2 :].encode("latin-1")
        if name in _SECRET or (name == "cookie" and len(value) < _SECRET_COOKIE):
            self._append_name(block, 0x10, 0x0F, name)
        elif name in _CHANGING or len(line) > _LARGEST or self._wasted.get(name, 0) >= _WASTED:
            self._append_name(block, 0x00, 0x0F, name)
        else:
            self._append_name(block, 0x40, 0x3F, name)
            self._insert(name, line)
            shorter = encode(value)
            if len(shorter) < len(value):
                # Worth its time once for what is then sent by its index.
                _append_integer(block, 0x80, 0x7F, len(shorter))
                block += shorter
                return
        _append_integer(block, 0x00, 0x7F, len(value))
        block += value

    def add_path(self, block: bytearray, path: str) -> None:
        """Append `:path`, whose values are too many for the table."""
        if path == "/":
            block.append(0x84)
            return
        value = path.encode("latin-1")
        block.append(0x04)
        _append_integer(block, 0x00, 0x7F, len(value))
        block += value

    def _append_name(self, block: bytearray, pattern: int, mask: int, name: str) -> None:
        index = _STATIC_NAMES.get(name, 0)
        if not index:
            entry = self._names.get(name)
            if entry is None:
                octets = name.encode("latin-1")
                block.append(pattern)
                _append_integer(block, 0x00, 0x7F, len(octets))
                block += octets
                return
            index = _STATIC_COUNT + 1 + self._inserted - entry.number
        _append_integer(block, pattern, mask, index)

    def _insert(self, name: str, line: str) -> None:
        self._inserted += 1
        entry = _Entry(name, line, self._inserted)
        self._entries.append(entry)
        self._lines[line] = entry
        self._names[name] = entry
        self._size += entry.size
        self._evict()

    def _evict(self) -> None:
        entries = self._entries
        gone = 0
        while self._size > self._capacity:
            entry = entries[gone]
            self._size -= entry.size
            gone += 1
            del self._lines[entry.line]
            if self._names[entry.name] is entry:
                del self._names[entry.name]
            if not entry.used:
                if len(self._wasted) >= _WATCHED:
                    self._wasted.clear()
                self._wasted[entry.name] = self._wasted.get(entry.name, 0) + 1
        if gone:
            del entries[:gone]


def _append_integer(block: bytearray, pattern: int, mask: int, value: int) -> None:
    """RFC 7541 section 5.1."""
    if value < mask:
        block.append(pattern | value)
        return
    block.append(pattern | mask)
    value -= mask
    while value >= 0x80:
        block.append(0x80 | (value & 0x7F))
        value >>= 7
    block.append(value)
