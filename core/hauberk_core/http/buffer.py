"""Octets received and not yet consumed.

The common case is one read that holds everything wanted: it is kept as it came and never copied. Only what arrives while older
octets wait is collected in a `bytearray`, so that a peer who sends single octets costs linear time.
"""

from typing import Final

BLANK_LINE: Final = b"\r\n\r\n"


class ReceiveBuffer:
    """A queue of octets with a look-out for the blank line that ends a head. Its bound is kept by those who fill it."""

    __slots__ = ("_searched", "data", "late", "start")

    def __init__(self) -> None:
        self.data = b""
        self.start = 0
        """Where the unread octets of `data` begin."""
        self.late: Final = bytearray()
        """What follows `data`."""
        self._searched = 0
        """How much of `late` holds no blank line; only meaningful while `data` is used up."""

    def append(self, data: bytes) -> None:
        """Take what was received."""
        if self.late or self.start < len(self.data):
            self.late.extend(data)
        else:
            self.data = data
            self.start = 0

    def __len__(self) -> int:
        return len(self.data) - self.start + len(self.late)

    def join(self) -> None:
        """Bring all unread octets into `data`."""
        if self.late:
            self.data = self.data[self.start :] + bytes(self.late)
            self.start = 0
            self.late.clear()
            self._searched = 0

    def ends_in_blank_line(self, limit: int) -> bool:
        """Whether the unread octets, at most `limit`, are something and a blank line at the end; another may come before it."""
        return not self.late and 4 < len(self.data) - self.start <= limit and self.data.endswith(BLANK_LINE)

    def find_blank_line(self, limit: int) -> int:
        """Look for the first blank line that ends within the next `limit` octets.

        Returns: the index in `data` at which the line before it ends (its CR), or -1: then `data` is empty until more comes or
        `join` is called. No octet is searched twice, however small the pieces in which they come.
        """
        if not self.late:
            end = self.data.find(BLANK_LINE, self.start, self.start + limit)
            if end >= 0:
                return end
            self.late.extend(self.data[self.start :] if self.start else self.data)
            self.data = b""
            self.start = 0
            self._searched = min(limit, len(self.late))
            return -1
        if self.start < len(self.data):
            self.join()
            return self.find_blank_line(limit)
        end = self.late.find(BLANK_LINE, max(0, self._searched - 3), limit)
        if end < 0:
            self._searched = min(limit, len(self.late))
            return -1
        self.join()
        return end

    def hold(self, octets: bytes) -> None:
        """Take octets as if they had come in small pieces: `line_feed` and `beginning` see them."""
        self.late.extend(octets)

    def line_feed(self, since: int) -> int:
        """While `data` is used up: where the first LF at or after `since` is among the unread octets; -1: nowhere."""
        return self.late.find(b"\n", since)

    def beginning(self, size: int) -> bytes:
        """While `data` is used up: the first `size` unread octets."""
        return bytes(self.late[:size])

    def octet(self, index: int) -> int:
        """While `data` is used up: one unread octet."""
        return self.late[index]

    def take(self, size: int) -> bytes:
        """Remove and return up to `size` octets of `data`; a whole `data` is handed over without a copy."""
        data = self.data
        start = self.start
        end = start + size
        if start == 0 and end >= len(data):
            self.data = b""
            return data
        self.start = min(end, len(data))
        return data[start:end]

    def release(self) -> None:
        """Let go of octets that were consumed: a connection that waits for its next request holds none."""
        if self.start >= len(self.data):
            self.data = b""
            self.start = 0

    def take_all(self) -> bytes:
        """Remove and return everything."""
        self.join()
        return self.take(len(self.data))
