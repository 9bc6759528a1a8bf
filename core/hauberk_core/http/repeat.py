"""Heads repeat: on a kept-alive connection most differ from the one before in their first line alone.

The last header section is kept with what it said; where the same octets come again, comparing them replaces reading them. What is
compared has passed every check, so nothing passes that would not have passed before.
"""

from typing import Final

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.head import TEXT, Fields
from hauberk_core.http.headers import Headers

# Kept for each connection and side. Longer sections carry tokens and cookies, which change.
REPEAT_LIMIT: Final = 2048

# Sections kept in vain, one after another, until a connection is taken for one that does not repeat: its requests carry, say, an
# identifier of a fixed length, and keeping each would cost a fifth of reading it.
MISSES_LIMIT: Final = 4


class RepeatedFields:
    """The last header section of one direction of a connection."""

    __slots__ = ("_fields", "_headers", "_misses", "_section", "_size")

    def __init__(self) -> None:
        self._section = b""
        """From the CRLF behind the first line to the blank line, both included; empty: none is kept."""
        self._size = 0
        """Length of the last section, kept or not."""
        self._misses = 0
        self._fields: Fields | None = None
        self._headers: Headers | None = None

    def take_first_line(self, buffer: ReceiveBuffer, limit: int) -> str | None:
        """Take a head of at most `limit` octets whose header section is the last one again.

        Returns: its first line, and `fields` then says what the section says; None: it is another, or not whole.
        """
        section = self._section
        if not section or buffer.late:
            return None
        data = buffer.data
        start = buffer.start
        end = data.find(b"\r\n", start)
        if end < 0 or not data.startswith(section, end) or end + len(section) - start > limit:
            return None
        line = data[start:end]
        if line.translate(None, TEXT):
            return None
        buffer.start = end + len(section)
        self._misses = 0
        return line.decode("latin-1")

    def fields(self) -> Fields:
        """What the section says, with headers of the caller's own. Valid until the next head is read."""
        fields = self._fields
        headers = self._headers
        assert fields is not None
        assert headers is not None
        fields.headers = headers.copy()
        return fields

    def remember(self, data: bytes, begin: int, end: int, fields: Fields) -> None:
        """Keep `data[begin:end]`, a header section, if the one before had the same length: others do not repeat.

        Args: fields - as read from it, their headers not yet changed.
        """
        if self._misses == MISSES_LIMIT:
            return
        size = end - begin
        if self._section:
            self._misses += 1
        if size == self._size and size <= REPEAT_LIMIT and self._misses < MISSES_LIMIT:
            self._section = data[begin:end]
            self._fields = fields
            self._headers = fields.headers.copy()
        else:
            self._size = size
            self._section = b""
