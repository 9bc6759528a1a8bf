"""Both sides of HTTP/2 (RFC 9113): frames in, events out. What a header block means is left to `server` and `client`."""

from typing import Final

from hauberk_core.http.body import END_WITHOUT_TRAILERS
from hauberk_core.http.chunks import body_too_large
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import Closed, Data, End, Event, Fault, Writable
from hauberk_core.http.h2.codes import (
    CONTINUATION_FRAME,
    DATA_FRAME,
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    LARGEST_STREAM,
    PADDED,
    PING_FRAME,
    PRIORITY,
    PRIORITY_FRAME,
    PROTOCOL_ERROR,
    PUSH_PROMISE_FRAME,
    RST_STREAM_FRAME,
    SETTINGS_FRAME,
    STREAM_CLOSED,
    WINDOW_UPDATE_FRAME,
    ConnectionFault,
)
from hauberk_core.http.h2.control import ControlMachine
from hauberk_core.http.h2.field import Field
from hauberk_core.http.h2.frame_input import FrameInput
from hauberk_core.http.h2.hpack_decoder import HpackDecoder
from hauberk_core.http.h2.message import read_trailers
from hauberk_core.http.h2.stream import Stream
from hauberk_core.http.head import Limits
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason

# Frames that one header block may come in. Who fills them needs five for the largest that is allowed.
CONTINUATIONS: Final = 16

_NOTHING: Final = -1
_WRITABLE: Final = Writable()


class H2Connection(ControlMachine):
    """Frames that carry messages."""

    def __init__(self, limits: Limits, connection_window: int, blame: Reason) -> None:
        super().__init__(connection_window, blame)
        self._limits: Final = limits
        self._decoder: Final = HpackDecoder(limits.head_bytes)
        self._input: Final = FrameInput()
        self._dead = False
        self._eof = False
        self._greeted = False
        # The frame whose header was read and whose payload was not.
        self._type = _NOTHING
        self._length = 0
        self._flags = 0
        self._number = 0
        # The DATA frame whose octets are passed on as they come.
        self._data_left = 0
        self._data_of: Stream | None = None
        # The header block that goes on in CONTINUATION frames.
        self._block_of = 0
        self._block_flags = 0
        self._block_frames = 0
        self._block: Final = bytearray()
        self._due: Event | None = None
        """To be reported right behind what was reported last, of the same stream."""

    def receive(self, data: bytes, now: float) -> None:
        self._floods.at(now)
        if data:
            self._input.append(data)
        else:
            self._eof = True

    def next_event(self) -> Event | None:
        if self._dead:
            return None
        due = self._due
        if due is not None:
            self._due = None
            return due
        drained = self._sender.drained
        while drained:
            number = drained.popleft()
            if number in self._streams:
                self.stream = number
                return _WRITABLE
        event: Event | None = None
        try:
            event = self._read()
        except ConnectionFault as fault:
            event = self._fail(fault)
        if event is None and self._eof and not self._dead:
            self._dead = True
            self.stream = 0
            return Closed()
        return event

    def _read(self) -> Event | None:
        """Read frames until one of them is an event."""
        while True:
            if self._data_left:
                piece = self._input.take_some(self._data_left)
                if not piece:
                    return None
                self._data_left -= len(piece)
                event = self._pass_on(piece)
                if event is not None:
                    return event
                continue
            if self._type == _NOTHING and not self._read_header():
                return None
            if self._type == DATA_FRAME and not self._flags & PADDED:
                self._type = _NOTHING
                event = self._begin_data(self._length, 0)
            else:
                payload = self._input.take(self._length) if self._length else b""
                if payload is None:
                    return None
                kind = self._type
                self._type = _NOTHING
                event = self._read_payload(kind, payload)
            if self._sender.ended:
                self._note_ended()
            if event is not None:
                return event
            if self._sender.drained:
                # What was just read opened windows.
                return self.next_event()

    def _read_header(self) -> bool:
        """RFC 9113 section 4.1. Returns: whether it is there as a whole."""
        header = self._input.take(9)
        if header is None:
            return False
        self._length = header[0] << 16 | header[1] << 8 | header[2]
        self._type = header[3]
        self._flags = header[4]
        self._number = int.from_bytes(header[5:9], "big") & LARGEST_STREAM
        if self._length > DEFAULT_FRAME_SIZE:
            raise ConnectionFault(FRAME_SIZE_ERROR, "a frame is longer than SETTINGS_MAX_FRAME_SIZE")
        if self._block_of and (self._type != CONTINUATION_FRAME or self._number != self._block_of):
            raise ConnectionFault(PROTOCOL_ERROR, "a header block is interrupted by another frame")
        if not self._greeted:
            if self._type != SETTINGS_FRAME or self._flags:
                raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._greeted = True
        return True

    def _read_payload(self, kind: int, payload: bytes) -> Event | None:
        number = self._number
        if kind == HEADERS_FRAME:
            return self._read_headers(payload)
        if kind == WINDOW_UPDATE_FRAME:
            return self._read_window_update(number, payload)
        if kind == DATA_FRAME:
            payload = self._unpadded(payload)
            event = self._begin_data(len(payload), self._length - len(payload))
            if event is not None or not self._data_left:
                self._data_left = 0
                return event
            self._data_left = 0
            return self._pass_on(payload)
        if kind == CONTINUATION_FRAME:
            if not self._block_of:
                raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION behind no header block")
            return self._continue_block(payload)
        if kind == RST_STREAM_FRAME:
            return self._read_reset(number, payload)
        if kind == SETTINGS_FRAME:
            self._read_settings(self._flags, number, payload)
        elif kind == PING_FRAME:
            self._read_ping(self._flags, number, payload)
        elif kind == GOAWAY_FRAME:
            return self._read_goaway(number, payload)
        elif kind == PRIORITY_FRAME:
            self._read_priority(number, payload)
        elif kind == PUSH_PROMISE_FRAME:
            raise ConnectionFault(PROTOCOL_ERROR, "PUSH_PROMISE, which nobody may send here")
        else:
            # RFC 9113 section 5.5.
            floods = self._floods
            floods.take(floods.strays, "frames of unknown types")
        return None

    def _fail(self, fault: ConnectionFault) -> Event:
        self._dead = True
        self.stream = 0
        # What was said to be unserved may have been asked for elsewhere by now (RFC 9113 section 6.8).
        self._say_goodbye(min(self._highest, self._last_served), fault.code, fault.detail)
        return Fault(self._blame, fault.detail)

    # DATA.

    def _unpadded(self, payload: bytes) -> bytes:
        """RFC 9113 section 6.1."""
        if not payload or payload[0] >= len(payload):
            raise ConnectionFault(PROTOCOL_ERROR, "padding as long as its frame or longer")
        return payload[1 : len(payload) - payload[0]]

    def _begin_data(self, length: int, padding: int) -> Event | None:
        """A DATA frame of `length` octets follows."""
        number = self._number
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA of the connection")
        octets = length + padding
        self._receive_window -= octets
        if self._receive_window < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more DATA than the connection's window takes")
        self._data_left = length
        self._data_of = None
        stream = self._streams.get(number)
        floods = self._floods
        if stream is None:
            self._not_idle(number, "DATA")
            self._give_back(octets)
            is_forgiven = number in self._forgiven
            if not is_forgiven or not length:
                # What a peer had on its way when we gave the stream up is a whole window, in many frames, and no fault of its.
                floods.take(floods.strays, "DATA for streams that are over")
            if not is_forgiven:
                floods.take(floods.their_faults, "streams with mistakes")
                self._sender.frame(RST_STREAM_FRAME, 0, number, STREAM_CLOSED.to_bytes(4, "big"))
            return None
        ends = bool(self._flags & END_STREAM)
        if not length and not ends:
            floods.take(floods.empty, "empty frames")
        stream.receive_window -= octets
        stream.unconsumed += length
        fault = self._judge_data(stream, length, ends)
        if fault:
            code = STREAM_CLOSED if stream.peer_ended else PROTOCOL_ERROR
            self._give_back(padding)
            return self._fault(stream, FLOW_CONTROL_ERROR if stream.receive_window < 0 else code, fault)
        if padding:
            self._consume(stream, padding)
        self._data_of = stream
        if ends:
            stream.peer_ended = True
            if not length:
                self._data_of = None
                return self._ended(stream, None)
        return None

    def _judge_data(self, stream: Stream, length: int, ends: bool) -> str:
        """What is wrong with a DATA frame; empty: nothing."""
        if stream.peer_ended:
            return "DATA behind the end of its stream"
        if stream.receive_window < 0:
            return "more DATA than the stream's window takes"
        if not self._takes_data(stream):
            return "DATA before a response"
        if stream.body_left >= 0:
            stream.body_left -= length
            if stream.body_left < 0:
                return "more DATA than Content-Length says"
            if ends and stream.body_left:
                return "less DATA than Content-Length says"
        return ""

    def _pass_on(self, piece: bytes) -> Event | None:
        stream = self._data_of
        if stream is None or stream.id not in self._streams:
            # Of a stream that is over: its octets were counted and given back with it.
            return None
        self.stream = stream.id
        if stream.body_limit >= 0 and not stream.overtaken:
            stream.body_limit -= len(piece)
            if stream.body_limit < 0:
                return self._too_long(stream)
        if stream.peer_ended and not self._data_left:
            self._due = self._ended(stream, None)
        return Data(piece)

    def _too_long(self, stream: Stream) -> Event:
        """A body without an announced length is longer than the limit: the proxy may answer, unless it has begun to, and the rest
        is dropped."""
        self._data_of = None
        if stream.responded:
            floods = self._floods
            floods.take(floods.their_faults, "streams with mistakes")
            self._reset(stream, ENHANCE_YOUR_CALM)
        stream.overtaken = True
        self.stream = stream.id
        violation = body_too_large(self._limits.body_bytes)
        return Fault(violation.reason, violation.detail)

    def _ended(self, stream: Stream, trailers: Headers | None) -> Event:
        """The peer's side of the stream has ended."""
        self.stream = stream.id
        if stream.we_ended:
            self._remove(stream)
        return END_WITHOUT_TRAILERS if trailers is None else End(trailers)

    # Header blocks.

    def _read_headers(self, payload: bytes) -> Event | None:
        """RFC 9113 section 6.2."""
        number = self._number
        flags = self._flags
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "HEADERS of the connection")
        if flags & PADDED:
            payload = self._unpadded(payload)
        if flags & PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(FRAME_SIZE_ERROR, "HEADERS too short for their priority")
            if int.from_bytes(payload[:4], "big") & LARGEST_STREAM == number:
                raise ConnectionFault(PROTOCOL_ERROR, "a stream depends on itself")
            payload = payload[5:]
        if flags & END_HEADERS:
            return self._read_block(number, bool(flags & END_STREAM), payload)
        self._block_of = number
        self._block_flags = flags
        self._block_frames = 1
        self._block.extend(payload)
        return None

    def _continue_block(self, payload: bytes) -> Event | None:
        self._block_frames += 1
        if self._block_frames > CONTINUATIONS:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block in more than " + str(CONTINUATIONS) + " frames")
        if not payload:
            floods = self._floods
            floods.take(floods.empty, "empty frames")
        self._block.extend(payload)
        if len(self._block) > self._limits.head_bytes:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block is longer than SETTINGS_MAX_HEADER_LIST_SIZE")
        if not self._flags & END_HEADERS:
            return None
        number = self._block_of
        block = bytes(self._block)
        self._block_of = 0
        self._block.clear()
        return self._read_block(number, bool(self._block_flags & END_STREAM), block)

    def _read_block(self, number: int, ends: bool, block: bytes) -> Event | None:
        fields = self._decoder.decode(block)
        stream = self._streams.get(number)
        if stream is None:
            return self._read_first(number, ends, fields)
        if stream.peer_ended:
            return self._fault(stream, STREAM_CLOSED, "HEADERS behind the end of its stream")
        return self._read_further(stream, ends, fields)

    def _is_too_large(self) -> bool:
        """Whether the fields decoded last are not all."""
        return self._decoder.decoded > self._limits.head_bytes

    def _read_trailers(self, stream: Stream, ends: bool, fields: list[Field]) -> Event:
        if not ends:
            return self._fault(stream, PROTOCOL_ERROR, "trailers that do not end their stream")
        if stream.body_left > 0:
            return self._fault(stream, PROTOCOL_ERROR, "less DATA than Content-Length says")
        try:
            trailers = read_trailers(fields, self._limits, self._is_too_large())
        except Violation as fault:
            return self._fault(stream, PROTOCOL_ERROR, fault.detail)
        stream.peer_ended = True
        return self._ended(stream, trailers)

    # What the sides do differently.

    def _read_first(self, number: int, ends: bool, fields: list[Field]) -> Event | None:
        """A header block for a stream that is not open."""
        raise NotImplementedError

    def _read_further(self, stream: Stream, ends: bool, fields: list[Field]) -> Event | None:
        """A header block for an open stream whose peer has not ended it."""
        raise NotImplementedError

    def _takes_data(self, stream: Stream) -> bool:
        """Whether DATA may come on it now."""
        return True

    # Sending.

    def send_data(self, stream: int, data: bytes) -> None:
        known = self._sendable(stream)
        if not data or not known.has_body:
            return
        if known.send_left >= 0:
            known.send_left -= len(data)
            if known.send_left < 0:
                raise LocalProtocolError("the body is longer than its Content-Length")
        self._sender.data(known, data)

    def send_end(self, stream: int, trailers: Headers | None) -> None:
        known = self._sendable(stream)
        if known.awaits_switch:
            return
        if known.send_left > 0:
            raise LocalProtocolError("the body is shorter than its Content-Length")
        self._sender.end(known, trailers)
        if self._sender.ended:
            self._note_ended()
