"""What goes out on a connection: frames, cut and held back as the peer's windows ask (RFC 9113 sections 4.2 and 5.2).

Frames gather until somebody takes them all in one piece. The end of a stream is no frame of its own where the stream's last frame
has not been taken yet: that one is marked. Streams that wait for the connection's window get it by turns.
"""

from collections import deque
from typing import Final

from hauberk_core.http.fields import NOT_IN_TRAILERS
from hauberk_core.http.h2.codes import (
    CONTINUATION_FRAME,
    DATA_FRAME,
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    HEADERS_FRAME,
    LARGEST_WINDOW,
    ConnectionFault,
)
from hauberk_core.http.h2.hpack_encoder import HpackEncoder
from hauberk_core.http.h2.stream import Stream
from hauberk_core.http.headers import Headers
from hauberk_core.http.pieces import SMALL_PIECE

# What waits on a stream has mostly gone when it is at most this: a few frames, so that the source goes on before the wire idles.
DRAINED_OCTETS: Final = 4 * DEFAULT_FRAME_SIZE


class Sender:
    """The way out of one connection."""

    __slots__ = (
        "_last",
        "_out",
        "_turns",
        "data_frames",
        "data_octets",
        "drained",
        "encoder",
        "ended",
        "frame_size",
        "stream_window",
        "window",
    )

    def __init__(self) -> None:
        self.encoder: Final = HpackEncoder()
        self.window = DEFAULT_WINDOW
        """Of the connection."""
        self.stream_window = DEFAULT_WINDOW
        """With which streams begin."""
        self.frame_size = DEFAULT_FRAME_SIZE
        self.drained: Final[deque[int]] = deque()
        """Streams that take more again, to be told."""
        self.ended: Final[list[Stream]] = []
        """Streams whose end has gone out, to be noted."""
        self._turns: Final[dict[int, Stream]] = {}
        """Streams that wait for the connection's window, in the order of their turns."""
        self.data_frames = 0
        """Frames of DATA that have gone out since somebody set this to 0."""
        self.data_octets = 0
        """The octets in them."""
        self._out: list[bytes] = []
        self._last = 0
        """The stream whose head or data the last frame is."""

    def take(self) -> bytes:
        """Everything that gathered."""
        out = self._out
        if not out:
            return b""
        self._out = []
        self._last = 0
        return b"".join(out)

    def raw(self, octets: bytes) -> None:
        """Octets that are whole frames, or the preface."""
        self._out.append(octets)
        self._last = 0

    def frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """A frame that no flow control holds back."""
        self._out.append(_header(len(payload), kind, flags, stream))
        if payload:
            self._out.append(payload)
        self._last = 0

    def head(self, stream: Stream, block: bytes) -> None:
        """A header block that does not end its stream."""
        self._block(stream.id, block, 0)

    def data(self, stream: Stream, data: bytes) -> None:
        """Octets of a body: now, as far as the windows reach, and the rest when they open."""
        size = len(data)
        if not stream.pending and size <= self.frame_size and size <= stream.send_window and size <= self.window:
            self._write(stream, data)
            return
        pending = stream.pending
        if pending and len(pending[-1]) < SMALL_PIECE:
            pending[-1] += data
        else:
            pending.append(data)
        stream.pending_octets += size
        self._go_on(stream)

    def end(self, stream: Stream, trailers: Headers | None) -> None:
        """The end of a stream, behind what is pending."""
        stream.ending = True
        stream.trailers = trailers
        if not stream.pending:
            self._write_end(stream)

    def opened(self, stream: Stream, octets: int) -> bool:
        """The peer's window of a stream grows, or shrinks. Returns: False if it is now larger than allowed."""
        stream.send_window += octets
        if stream.send_window > LARGEST_WINDOW:
            return False
        if stream.pending and octets > 0:
            self._go_on(stream)
        return True

    def connection_opened(self, octets: int) -> None:
        """The connection's window grows. Raises: ConnectionFault beyond the allowed."""
        self.window += octets
        if self.window > LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "the connection's window is larger than 2^31-1")
        turns = self._turns
        while turns and self.window > 0:
            number = next(iter(turns))
            self._go_on(turns.pop(number))

    def forget(self, stream: Stream) -> None:
        """The stream was reset: what waits on it is dropped."""
        stream.pending.clear()
        stream.pending_octets = 0
        self._turns.pop(stream.id, None)

    def _go_on(self, stream: Stream) -> None:
        """Send what is pending as far as the windows reach."""
        pending = stream.pending
        before = stream.pending_octets
        while pending:
            room = stream.send_window
            if room > self.window:
                room = self.window
            if room > self.frame_size:
                room = self.frame_size
            if room <= 0:
                break
            data = pending[0]
            start = stream.pending_start
            if len(data) - start <= room:
                pending.popleft()
                stream.pending_start = 0
                piece = data[start:] if start else data
            else:
                piece = data[start : start + room]
                stream.pending_start = start + room
            stream.pending_octets -= len(piece)
            self._write(stream, piece)
            if self._turns and len(piece) == room:
                # Others wait for the connection's window too.
                break
        left = stream.pending_octets
        if not pending:
            if stream.ending:
                self._write_end(stream)
        elif stream.send_window > 0:
            self._turns[stream.id] = stream
        if left <= DRAINED_OCTETS < before:
            self.drained.append(stream.id)

    def _write(self, stream: Stream, data: bytes) -> None:
        size = len(data)
        stream.send_window -= size
        self.window -= size
        self.data_frames += 1
        self.data_octets += size
        self._out.append(_header(size, DATA_FRAME, 0, stream.id))
        self._out.append(data)
        self._last = stream.id

    def _write_end(self, stream: Stream) -> None:
        stream.we_ended = True
        self.ended.append(stream)
        block = self._trailers(stream.trailers)
        if block:
            self._block(stream.id, block, END_STREAM)
        elif self._last == stream.id:
            header = self._out[-2]
            self._out[-2] = header[:4] + bytes((header[4] | END_STREAM,)) + header[5:]
            self._last = 0
        else:
            self.frame(DATA_FRAME, END_STREAM, stream.id, b"")

    def _trailers(self, trailers: Headers | None) -> bytes:
        """Those that may be sent as a header block; empty: none."""
        if trailers is None:
            return b""
        encoder = self.encoder
        block: bytearray | None = None
        for index in range(len(trailers.names)):
            name = trailers.names[index]
            if name not in NOT_IN_TRAILERS:
                if block is None:
                    block = encoder.begin()
                encoder.add(block, name, trailers.lines[index])
        return b"" if block is None else bytes(block)

    def _block(self, stream: int, block: bytes, flags: int) -> None:
        size = self.frame_size
        if len(block) <= size:
            self._out.append(_header(len(block), HEADERS_FRAME, flags | END_HEADERS, stream))
            self._out.append(block)
            self._last = stream
            return
        self.frame(HEADERS_FRAME, flags, stream, block[:size])
        at = size
        while at < len(block):
            end = at + size
            self.frame(CONTINUATION_FRAME, END_HEADERS if end >= len(block) else 0, stream, block[at:end])
            at = end


def _header(length: int, kind: int, flags: int, stream: int) -> bytes:
    """RFC 9113 section 4.1."""
    return ((length << 48) | (kind << 40) | (flags << 32) | stream).to_bytes(9, "big")
