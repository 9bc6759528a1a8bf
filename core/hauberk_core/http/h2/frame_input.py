"""Octets received and not yet taken, in a form that copies none twice.

One read is cut where its frames are. Only what is left of it at the end, the beginning of a frame, is kept aside and completed
from the next read, so that a peer who sends single octets costs linear time.
"""

from typing import Final


class FrameInput:
    """A queue of octets. Whoever fills it takes everything out before it fills it again, but for the beginning of a frame."""

    __slots__ = ("_data", "_rest", "_start")

    def __init__(self) -> None:
        self._rest: Final = bytearray()
        """What comes before `_data`."""
        self._data = b""
        self._start = 0

    def append(self, data: bytes) -> None:
        """Take what was received."""
        if self._start < len(self._data):
            self._rest.extend(self._data[self._start :])
        self._data = data
        self._start = 0

    def take(self, size: int) -> bytes | None:
        """Remove and return exactly `size` octets; None, and nothing is lost, if there are fewer."""
        rest = self._rest
        start = self._start
        if not rest:
            end = start + size
            if end <= len(self._data):
                self._start = end
                return self._data[start:end]
            missing = size
        else:
            missing = size - len(rest)
            if missing <= 0:
                piece = bytes(rest[:size])
                del rest[:size]
                return piece
            if len(self._data) - start >= missing:
                rest.extend(self._data[start : start + missing])
                self._start = start + missing
                piece = bytes(rest)
                rest.clear()
                return piece
        if start < len(self._data):
            rest.extend(self._data[start:])
        self._data = b""
        self._start = 0
        return None

    def take_some(self, most: int) -> bytes:
        """Remove and return what there is, up to `most` octets."""
        rest = self._rest
        if rest:
            piece = bytes(rest[:most])
            del rest[:most]
            return piece
        start = self._start
        end = start + most
        if end >= len(self._data):
            piece = self._data[start:] if start else self._data
            self._data = b""
            self._start = 0
            return piece
        self._start = end
        return self._data[start:end]
