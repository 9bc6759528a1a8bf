"""What holds for a connection of HTTP/2 as a whole, and for streams apart from their messages: settings, pings, windows, resets.

A stream is in `_streams` while either side has it open; a number that is not there was never used (idle) or is over, and the
highest number used so far tells which.
"""

from typing import Final

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import Event, Fault, GoingAway, Reset
from hauberk_core.http.h2.codes import (
    ACK,
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY_FRAME,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    LARGEST_FRAME_SIZE,
    LARGEST_STREAM,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    NO_ERROR,
    PING_FRAME,
    PROTOCOL_ERROR,
    RST_STREAM_FRAME,
    SETTINGS_FRAME,
    WINDOW_UPDATE_FRAME,
    ConnectionFault,
)
from hauberk_core.http.h2.floods import ACKNOWLEDGED_OCTETS, Floods
from hauberk_core.http.h2.hpack_encoder import HpackEncoder
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.h2.sender import Sender
from hauberk_core.http.h2.stream import Stream
from hauberk_core.model.reason import Reason

# Of a stream, in both directions: one bulk read of ours. At a round trip of 20 ms that carries 100 Mbit/s on each stream.
STREAM_WINDOW: Final = 256 * 1024
# Streams that we reset and whose frames may still be under way: these are passed over. As many as may be open, and the burst.
_FORGIVEN: Final = 256
# What a GOAWAY says to a person.
_DEBUG_OCTETS: Final = 256


class ControlMachine(MultiplexedMachine):
    """The frames that carry no message."""

    def __init__(self, connection_window: int, blame: Reason) -> None:
        """Args: connection_window - octets of all streams that may be here unread; blame - the reason of the peer's mistakes."""
        super().__init__()
        self._sender: Final = Sender()
        self._floods: Final = Floods()
        self._encoder: Final[HpackEncoder] = self._sender.encoder
        self._streams: Final[dict[int, Stream]] = {}
        self._forgiven: Final[dict[int, bool]] = {}
        self._most_forgiven: int = _FORGIVEN
        self._blame: Final = blame
        self._window_size: Final = connection_window
        self._receive_window = connection_window
        self._consumed = 0
        self._highest = 0
        """The highest stream that the peer, or on a client we, have opened."""
        self._peer_streams = LARGEST_STREAM
        self._going_away = False
        self._last_served = LARGEST_STREAM
        self._peer_last = LARGEST_STREAM
        """Up to which stream the peer serves ours."""
        self._settled = False
        """The peer's first SETTINGS have been read."""
        self._peer_connects = False
        """The server takes extended CONNECT (RFC 8441)."""
        self._pongs = 0
        self._pings = 0

    # Frames.

    def _read_settings(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 section 6.5."""
        if stream:
            raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS on a stream")
        floods = self._floods
        if flags & ACK:
            if payload:
                raise ConnectionFault(FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS has a payload")
            floods.take(floods.settings, "acknowledgements of SETTINGS")
            return
        if len(payload) % 6:
            raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS of " + str(len(payload)) + " octets")
        floods.take(floods.settings, "SETTINGS")
        for at in range(0, len(payload), 6):
            self._read_setting(int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big"))
        self._settled = True
        self._sender.frame(SETTINGS_FRAME, ACK, 0, b"")

    def _read_setting(self, name: int, value: int) -> None:
        sender = self._sender
        if name == INITIAL_WINDOW_SIZE:
            if value > LARGEST_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1")
            change = value - sender.stream_window
            sender.stream_window = value
            for stream in list(self._streams.values()):
                if not sender.opened(stream, change):
                    raise ConnectionFault(FLOW_CONTROL_ERROR, "a change of SETTINGS makes a window larger than 2^31-1")
        elif name == MAX_FRAME_SIZE:
            if value < DEFAULT_FRAME_SIZE or value > LARGEST_FRAME_SIZE:
                raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is not within its bounds")
            # Larger frames save little, and hold up other streams of the connection.
        elif name == HEADER_TABLE_SIZE:
            self._encoder.resize(value)
        elif name == ENABLE_PUSH:
            if value > 1:
                raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is neither 0 nor 1")
        elif name == MAX_CONCURRENT_STREAMS:
            self._peer_streams = value
        elif name == ENABLE_CONNECT_PROTOCOL:
            if value > 1 or (self._peer_connects and not value):
                raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1, or is taken back")
            self._peer_connects = value == 1

    def _read_ping(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 section 6.7."""
        if stream:
            raise ConnectionFault(PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ConnectionFault(FRAME_SIZE_ERROR, "PING of " + str(len(payload)) + " octets")
        floods = self._floods
        if not flags & ACK:
            self._allow_for_data()
            floods.take(floods.pings, "PING")
            self._sender.frame(PING_FRAME, ACK, 0, payload)
        elif self._pongs < self._pings:
            self._pongs += 1
        else:
            floods.take(floods.strays, "acknowledgements of nothing")

    def _allow_for_data(self) -> None:
        """Count in what the peer may say about the DATA that has gone out to it."""
        sender = self._sender
        if sender.data_frames:
            floods = self._floods
            floods.pings.give(sender.data_frames)
            floods.windows.give(2 * sender.data_frames + sender.data_octets // ACKNOWLEDGED_OCTETS)
            sender.data_frames = 0
            sender.data_octets = 0

    def _read_goaway(self, stream: int, payload: bytes) -> Event:
        """RFC 9113 section 6.8."""
        if stream:
            raise ConnectionFault(PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFault(FRAME_SIZE_ERROR, "GOAWAY of " + str(len(payload)) + " octets")
        floods = self._floods
        floods.take(floods.settings, "GOAWAY")
        last = int.from_bytes(payload[:4], "big") & LARGEST_STREAM
        if last < self._peer_last:
            self._peer_last = last
        self.stream = 0
        return GoingAway(last, int.from_bytes(payload[4:8], "big"))

    def _read_window_update(self, number: int, payload: bytes) -> Event | None:
        """RFC 9113 section 6.9."""
        if len(payload) != 4:
            raise ConnectionFault(FRAME_SIZE_ERROR, "WINDOW_UPDATE of " + str(len(payload)) + " octets")
        floods = self._floods
        self._allow_for_data()
        floods.take(floods.windows, "WINDOW_UPDATE")
        octets = int.from_bytes(payload, "big") & LARGEST_WINDOW
        if not number:
            if not octets:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
            self._sender.connection_opened(octets)
            return None
        stream = self._streams.get(number)
        if stream is None:
            self._not_idle(number, "WINDOW_UPDATE")
            return None
        if not octets:
            return self._fault(stream, PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        if not self._sender.opened(stream, octets):
            return self._fault(stream, FLOW_CONTROL_ERROR, "a stream's window is larger than 2^31-1")
        return None

    def _read_reset(self, number: int, payload: bytes) -> Event | None:
        """RFC 9113 section 6.4."""
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM of the connection")
        if len(payload) != 4:
            raise ConnectionFault(FRAME_SIZE_ERROR, "RST_STREAM of " + str(len(payload)) + " octets")
        stream = self._streams.get(number)
        floods = self._floods
        if stream is None:
            self._not_idle(number, "RST_STREAM")
            if self._forgiven.pop(number, None) is None:
                # We had not reset it too, at the same time.
                floods.take(floods.strays, "RST_STREAM of streams that are over")
            return None
        floods.take(floods.resets, "streams that are reset before they are answered")
        self._remove(stream)
        self.stream = number
        return Reset(int.from_bytes(payload, "big"))

    def _read_priority(self, number: int, payload: bytes) -> None:
        """RFC 9113 section 6.3: without a meaning, but not without a form."""
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY of the connection")
        if len(payload) != 5:
            raise ConnectionFault(FRAME_SIZE_ERROR, "PRIORITY of " + str(len(payload)) + " octets")
        if int.from_bytes(payload[:4], "big") & LARGEST_STREAM == number:
            raise ConnectionFault(PROTOCOL_ERROR, "a stream depends on itself")
        floods = self._floods
        floods.take(floods.priorities, "PRIORITY")

    # Streams.

    def _not_idle(self, number: int, what: str) -> None:
        """A frame for a stream that is not open. Raises: ConnectionFault if it never was (RFC 9113 section 5.1)."""
        if number > self._highest or self._is_foreign(number):
            raise ConnectionFault(PROTOCOL_ERROR, what + " for a stream that was never opened")

    def _is_foreign(self, number: int) -> bool:
        """Whether nobody may have opened a stream of this number: a client's are odd, and we push nothing."""
        return number % 2 == 0

    def _fault(self, stream: Stream, code: int, detail: str) -> Event:
        """The peer broke a rule that concerns one stream (section 5.4.2): reset it, and say so."""
        floods = self._floods
        floods.take(floods.their_faults, "streams with mistakes")
        self._reset(stream, code)
        self.stream = stream.id
        return Fault(self._blame, detail)

    def _reset(self, stream: Stream, code: int) -> None:
        self._sender.frame(RST_STREAM_FRAME, 0, stream.id, code.to_bytes(4, "big"))
        self._forgive(stream.id)
        self._remove(stream)

    def _forgive(self, number: int) -> None:
        forgiven = self._forgiven
        forgiven[number] = True
        if len(forgiven) > self._most_forgiven:
            del forgiven[next(iter(forgiven))]

    def _remove(self, stream: Stream) -> None:
        """The stream is over. Nobody will read what came on it, which must not close the connection's window for others."""
        if self._streams.pop(stream.id, None) is not None:
            self._sender.forget(stream)
            if stream.unconsumed:
                self._give_back(stream.unconsumed)
                stream.unconsumed = 0

    def _note_ended(self) -> None:
        """See to the streams whose end has gone out."""
        ended = self._sender.ended
        floods = self._floods
        for stream in ended:
            floods.resets.give(1)
            if stream.peer_ended:
                self._remove(stream)
            elif stream.overtaken:
                self._reset(stream, NO_ERROR)
        ended.clear()

    # Windows of ours.

    def consume(self, stream: int, octets: int) -> None:
        known = self._streams.get(stream)
        if known is None or not octets:
            # What a stream that is over had unread was given back with its end.
            return
        known.unconsumed -= octets
        self._consume(known, octets)

    def _consume(self, stream: Stream, octets: int) -> None:
        stream.consumed += octets
        if stream.consumed * 2 >= STREAM_WINDOW and not stream.peer_ended and not stream.overtaken:
            self._sender.frame(WINDOW_UPDATE_FRAME, 0, stream.id, stream.consumed.to_bytes(4, "big"))
            stream.receive_window += stream.consumed
            stream.consumed = 0
        self._give_back(octets)

    def _give_back(self, octets: int) -> None:
        """Octets of the connection's window are free again; half a window at a time is told."""
        self._consumed += octets
        if self._consumed * 2 >= self._window_size:
            self._sender.frame(WINDOW_UPDATE_FRAME, 0, 0, self._consumed.to_bytes(4, "big"))
            self._receive_window += self._consumed
            self._consumed = 0

    def _greet(self, settings: tuple[tuple[int, int], ...]) -> None:
        """Say our settings, and how much the connection may carry."""
        octets = bytearray()
        for name, value in settings:
            octets += name.to_bytes(2, "big") + value.to_bytes(4, "big")
        self._sender.frame(SETTINGS_FRAME, 0, 0, bytes(octets))
        self._sender.frame(WINDOW_UPDATE_FRAME, 0, 0, (self._window_size - DEFAULT_WINDOW).to_bytes(4, "big"))

    # What the proxy asks for.

    def take_output(self) -> bytes:
        return self._sender.take()

    def is_open(self, stream: int) -> bool:
        known = self._streams.get(stream)
        return known is not None and not known.we_ended

    def open_streams(self) -> int:
        return len(self._streams)

    def pending(self, stream: int) -> int:
        known = self._streams.get(stream)
        return 0 if known is None else known.pending_octets

    def all_pending(self) -> int:
        octets = 0
        for stream in self._streams.values():
            octets += stream.pending_octets
        return octets

    def reset(self, stream: int, code: int) -> None:
        known = self._streams.get(stream)
        if known is not None:
            self._reset(known, code)

    def overtake(self, stream: int) -> None:
        known = self._streams.get(stream)
        if known is not None:
            known.overtaken = True
            if known.we_ended:
                self._note_ended()
                self.reset(stream, NO_ERROR)

    def forget(self, stream: int) -> None:
        known = self._streams.get(stream)
        if known is not None:
            self._forgive(stream)
            self._remove(known)

    def go_away(self, last_call: bool) -> None:
        if self._last_served < LARGEST_STREAM or (last_call and self._going_away):
            return
        self._going_away = True
        if not last_call:
            self._last_served = self._highest
        self._say_goodbye(LARGEST_STREAM if last_call else self._highest, NO_ERROR, "")

    def _say_goodbye(self, last: int, code: int, detail: str) -> None:
        debug = detail[:_DEBUG_OCTETS].encode("latin-1", "replace")
        self._sender.frame(GOAWAY_FRAME, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug)

    def ping(self) -> None:
        self._pings += 1
        self._sender.frame(PING_FRAME, 0, 0, self._pings.to_bytes(8, "big"))

    def pongs(self) -> int:
        return self._pongs

    def _sendable(self, stream: int) -> Stream:
        known = self._streams.get(stream)
        if known is None or known.we_ended or known.ending:
            raise LocalProtocolError("there is no stream that this could be sent on")
        return known
