"""Bodies, going out and coming in, whose framing is settled by the head."""

from typing import Final

from hauberk_core.http.chunks import chunk, last_chunk
from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, End
from hauberk_core.http.headers import Headers

# The end of every message without trailers. Events are not changed once made, so one serves all.
END_WITHOUT_TRAILERS: Final = End(None)


class BodyWriter:
    """Frames the octets of one body, and refuses those that would put the peer out of step."""

    __slots__ = ("_remaining", "done", "framing", "open")

    def __init__(self) -> None:
        self.framing = NO_BODY
        self._remaining = 0
        self.open = False
        """A head was sent, and its end not yet."""
        self.done = False

    def begin(self, framing: int, length: int) -> None:
        """A head with this framing goes out."""
        self.framing = framing
        self._remaining = length
        self.open = True
        self.done = False

    def reset(self) -> None:
        """Be ready for the next message."""
        self.open = False
        self.done = False

    def data(self, data: bytes) -> bytes:
        """Octets of the body, framed. Raises: LocalProtocolError if they are more than were announced."""
        if not self.open:
            raise LocalProtocolError("there is no message that octets could belong to")
        if self.framing == COUNTED:
            if len(data) > self._remaining:
                raise LocalProtocolError("the body is longer than its Content-Length")
            self._remaining -= len(data)
            return data
        if self.framing == CHUNKED:
            return chunk(data) if data else b""
        if self.framing == NO_BODY:
            return b""
        return data

    def end(self, trailers: Headers | None) -> bytes:
        """The end of the body. Raises: LocalProtocolError if octets that were announced are missing."""
        if not self.open:
            raise LocalProtocolError("there is no message that could end")
        if self.framing == COUNTED and self._remaining:
            raise LocalProtocolError("the body is shorter than its Content-Length")
        self.open = False
        self.done = True
        return last_chunk(trailers) if self.framing == CHUNKED else b""


def settle_length(headers: Headers, length: int) -> None:
    """See to it that a counted body's head says its length, once.

    Raises: LocalProtocolError if the head says another.
    """
    names = headers.names
    if "content-length" not in names:
        headers.add("Content-Length", str(length))
        return
    if headers.lines[names.index("content-length")][16:] != str(length) or names.count("content-length") != 1:
        raise LocalProtocolError("the head's Content-Length is not the body's")
