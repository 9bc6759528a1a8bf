"""Header blocks to fields (RFC 7541): one decoder for each connection.

A field that the peer put into its table is made and checked when it comes, and from then on handed out as it is.
"""

from typing import Final

from hauberk_core.http.h2.codes import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFault
from hauberk_core.http.h2.field import Field, check
from hauberk_core.http.h2.huffman import REMEMBERED
from hauberk_core.http.h2.static_table import STATIC_FIELDS

# The default of SETTINGS_HEADER_TABLE_SIZE, to which we hold every peer: 4 KiB a connection carry what requests repeat.
TABLE_SIZE: Final = 4096
# A list this many times over its limit is not even decoded to its end: who sends that means harm.
HOPELESS: Final = 4
# Octets that an integer may have behind its first: 28 bits, more than any length or index that is allowed.
_INTEGER_OCTETS: Final = 4

_STATIC: Final = [check(name, value.encode()) for name, value in STATIC_FIELDS]


class HpackDecoder:
    """Keeps the table that the peer's encoder fills."""

    __slots__ = ("_at", "_block", "_capacity", "_entries", "_limit", "_size", "decoded")

    def __init__(self, limit: int) -> None:
        """Args: limit - octets that a header list may have after decoding, with 32 for each field (RFC 9113 section 6.5.2)."""
        self._limit: Final = limit
        self._entries: Final[list[Field]] = []
        """The newest last."""
        self._size = 0
        self._capacity = TABLE_SIZE
        self._block = b""
        self._at = 0
        self.decoded = 0
        """The size of the last list; above the limit the list is not complete."""

    def decode(self, block: bytes) -> list[Field]:
        """The fields of one header block, as far as they keep to the limit.

        Raises: ConnectionFault: the tables are out of step, or the list is far beyond the limit.
        """
        self._block = block
        self._at = 0
        fields: list[Field] = []
        total = 0
        limit = self._limit
        end = len(block)
        while self._at < end:
            first = block[self._at]
            if first & 0x80:
                index = first & 0x7F
                if index == 0x7F:
                    index = self._integer(0x7F)
                else:
                    self._at += 1
                field = self._field(index)
            elif first & 0x40:
                field = self._literal(0x3F)
                self._insert(field)
            elif first & 0x20:
                if fields:
                    raise ConnectionFault(COMPRESSION_ERROR, "a change of the table's size follows a field")
                self._resize(self._integer(0x1F))
                continue
            else:
                field = self._literal(0x0F)
            total += field.size
            if total <= limit:
                fields.append(field)
            elif total > limit * HOPELESS:
                raise ConnectionFault(ENHANCE_YOUR_CALM, "a header list is many times longer than SETTINGS_MAX_HEADER_LIST_SIZE")
        self.decoded = total
        self._block = b""
        return fields

    def _field(self, index: int) -> Field:
        if index <= len(_STATIC):
            if not index:
                raise ConnectionFault(COMPRESSION_ERROR, "a field has the index 0")
            return _STATIC[index - 1]
        behind = index - len(_STATIC)
        if behind > len(self._entries):
            raise ConnectionFault(COMPRESSION_ERROR, "a field has an index beyond the table")
        return self._entries[len(self._entries) - behind]

    def _literal(self, mask: int) -> Field:
        index = self._block[self._at] & mask
        if index == mask:
            index = self._integer(mask)
        else:
            self._at += 1
        name = self._field(index).name if index else self._string().decode("latin-1")
        return check(name, self._string())

    def _string(self) -> bytes:
        block = self._block
        at = self._at
        if at >= len(block):
            raise ConnectionFault(COMPRESSION_ERROR, "a header block ends within a field")
        first = block[at]
        length = first & 0x7F
        if length == 0x7F:
            length = self._integer(0x7F)
            at = self._at
        else:
            at += 1
        end = at + length
        if end > len(block):
            raise ConnectionFault(COMPRESSION_ERROR, "a header block ends within a string")
        self._at = end
        string = block[at:end]
        return REMEMBERED.decode(string) if first & 0x80 else string

    def _integer(self, mask: int) -> int:
        """Read an integer whose first octet has its low bits under `mask` (RFC 7541 section 5.1)."""
        block = self._block
        value = block[self._at] & mask
        self._at += 1
        if value < mask:
            return value
        shift = 0
        for _ in range(_INTEGER_OCTETS):
            if self._at >= len(block):
                raise ConnectionFault(COMPRESSION_ERROR, "a header block ends within an integer")
            octet = block[self._at]
            self._at += 1
            value += (octet & 0x7F) << shift
            if octet < 0x80:
                return value
            shift += 7
        raise ConnectionFault(COMPRESSION_ERROR, "an integer in a header block has too many octets")

    def _insert(self, field: Field) -> None:
        self._size += field.size
        self._entries.append(field)
        self._evict()

    def _resize(self, capacity: int) -> None:
        if capacity > TABLE_SIZE:
            raise ConnectionFault(COMPRESSION_ERROR, "the peer's table is larger than SETTINGS_HEADER_TABLE_SIZE")
        self._capacity = capacity
        self._evict()

    def _evict(self) -> None:
        entries = self._entries
        gone = 0
        while self._size > self._capacity:
            self._size -= entries[gone].size
            gone += 1
        if gone:
            del entries[:gone]
