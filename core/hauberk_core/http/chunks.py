"""Chunked bodies (RFC 9112 section 7.1), read strictly: what is loose here is how a body becomes a second request."""

import re
from typing import Final

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import Violation
from hauberk_core.http.fields import NOT_IN_TRAILERS, acted_on
from hauberk_core.http.head import Limits, plain, read_fields, take_trailers
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason

# One exbibyte less one in hexadecimal: no body is longer, and no counter overflows.
SIZE_DIGITS: Final = 15
# Size and extensions of one chunk. Nothing in use sends extensions; signatures of uploads have about 90 octets.
LINE_LIMIT: Final = 256
# Extensions of a whole body: a sender of octets that mean nothing is stopped.
EXTENSIONS_LIMIT: Final = 16384

# No blanks (RFC 9112 calls them bad), no bare CR, no control characters.
_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
    rb'(?:=(?:[!#$%&\'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"))?)*)'
)

_CRLF_BEGINNINGS: Final = (b"", b"\r", b"\r\n")

_SIZE: Final = 1
_DATA: Final = 2
_DATA_END: Final = 3
_TRAILERS: Final = 4


class ChunkReader:
    """Reads one chunked body off a buffer."""

    __slots__ = (
        "_extensions",
        "_fault",
        "_limit",
        "_limits",
        "_remaining",
        "_state",
        "_total",
        "_trailers_begun",
        "done",
        "trailers",
    )

    def __init__(self, limits: Limits, body_bytes: int) -> None:
        self._limits: Final = limits
        self._limit: Final = body_bytes
        """Octets that the body may have; 0: any number."""
        self._state = _SIZE
        self._remaining = 0
        self._total = 0
        self._extensions = 0
        self._fault: Violation | None = None
        self._trailers_begun = False
        self.done = False
        self.trailers: Headers | None = None

    def read(self, buffer: ReceiveBuffer) -> bytes:
        """All octets of the body that the buffer holds, in one piece however many chunks they came in; empty: none yet.

        After the last ones `done` is True. Raises: Violation, once all octets before the mistake were returned.
        """
        if self._fault is not None:
            raise self._fault
        if self.done:
            return b""
        first = b""
        more: list[bytes] = []
        try:
            while not self.done:
                piece = self._step(buffer)
                if piece is None:
                    break
                if not first:
                    first = piece
                elif piece:
                    more.append(piece)
        except Violation as fault:
            if not first:
                raise
            self._fault = fault
        if more:
            more.insert(0, first)
            return b"".join(more)
        return first

    def _step(self, buffer: ReceiveBuffer) -> bytes | None:
        """One step over the buffer. Returns: octets of the body, empty after other progress, None if more is needed."""
        state = self._state
        if state == _TRAILERS:
            return self._read_trailers(buffer)
        buffer.join()
        available = len(buffer.data) - buffer.start
        if state == _DATA:
            if not available:
                return None
            piece = buffer.take(self._remaining)
            self._remaining -= len(piece)
            if not self._remaining:
                self._state = _DATA_END
            return piece
        if state == _DATA_END:
            if buffer.data[buffer.start : buffer.start + 2] not in _CRLF_BEGINNINGS:
                raise Violation(Reason.BAD_REQUEST, "a chunk is not followed by CRLF")
            if available < 2:
                return None
            buffer.start += 2
            self._state = _SIZE
            return b""
        return self._read_size(buffer, available)

    def _read_size(self, buffer: ReceiveBuffer, available: int) -> bytes | None:
        start = buffer.start
        end = buffer.data.find(b"\r\n", start, start + LINE_LIMIT + 2)
        if end < 0:
            if available >= LINE_LIMIT + 2:
                raise Violation(Reason.BAD_REQUEST, "a chunk's size line is longer than " + str(LINE_LIMIT) + " octets")
            return None
        line = buffer.data[start:end]
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise Violation(Reason.BAD_REQUEST, "the chunk size line " + repr(line[:32].decode("latin-1")) + " is malformed")
        digits: bytes = match.group(1)
        size = int(digits, 16)
        self._extensions += len(line) - len(digits)
        if self._extensions > EXTENSIONS_LIMIT:
            raise Violation(
                Reason.BAD_REQUEST, "the chunk extensions of a body have more than " + plain(EXTENSIONS_LIMIT) + " octets"
            )
        self._total += size
        if self._limit and self._total > self._limit:
            raise body_too_large(self._limit)
        buffer.start = end + 2
        self._remaining = size
        self._state = _DATA if size else _TRAILERS
        return b""

    def _read_trailers(self, buffer: ReceiveBuffer) -> bytes | None:
        # An empty section is an empty line; with lines in it, it ends in a blank line, which a head's end looks like.
        if not self._trailers_begun:
            buffer.join()
            beginning = buffer.data[buffer.start : buffer.start + 2]
            if beginning == b"\r\n":
                buffer.start += 2
                self.done = True
                return b""
            if beginning in _CRLF_BEGINNINGS:
                return None
            if beginning[0] == 13:
                raise Violation(Reason.BAD_REQUEST, "the trailer section begins with a bare CR")
            self._trailers_begun = True
        lines = take_trailers(buffer, self._limits)
        if lines is None:
            return None
        self.trailers = kept_trailers(lines)
        self.done = True
        return b""


def kept_trailers(lines: list[str]) -> Headers | None:
    """The trailers that may be passed on; those that decisions were made by, or that frame messages, are dropped.

    Raises: Violation.
    """
    received = read_fields(lines, 0).headers
    kept = Headers()
    for index in range(len(received.names)):
        name = received.names[index]
        if name not in NOT_IN_TRAILERS and not acted_on(name):
            kept.names.append(name)
            kept.lines.append(received.lines[index])
    return kept if kept.names else None


def body_too_large(limit: int) -> Violation:
    """Say that a body is longer than it may be."""
    return Violation(
        Reason.BODY_TOO_LARGE, "the request's body is longer than " + plain(limit) + " octets (setting limits.body_bytes)"
    )


def chunk(data: bytes) -> bytes:
    """Frame octets, of which there must be some, as one chunk."""
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n"))


def last_chunk(trailers: Headers | None) -> bytes:
    """The end of a chunked body."""
    if trailers is None or not trailers.lines:
        return b"0\r\n\r\n"
    return ("0\r\n" + "\r\n".join(trailers.lines) + "\r\n\r\n").encode("latin-1")
