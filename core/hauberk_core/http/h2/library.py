"""The h2 package behind the seam of `machine`: the reference that ours is held to, and what a setting can put in its place.

It knows nothing of our limits but the size of header lists, and of floods only what h2 itself refuses.
"""

import contextlib
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.events import Event as LibraryEvent
from h2.exceptions import DenialOfServiceError, ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

from hauberk_core.http.body import END_WITHOUT_TRAILERS
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import (
    CHUNKED,
    COUNTED,
    Closed,
    Data,
    End,
    Event,
    Fault,
    GoingAway,
    Request,
    Reset,
    Response,
    Writable,
)
from hauberk_core.http.fields import NOT_IN_TRAILERS
from hauberk_core.http.h2.client import CONNECTION_WINDOW as SHARED_WINDOW
from hauberk_core.http.h2.codes import LARGEST_STREAM, NO_ERROR
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.field import Field, check
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.h2.message import read_request, read_response, read_trailers
from hauberk_core.http.h2.sender import DRAINED_OCTETS
from hauberk_core.http.h2.server import CONCURRENT_STREAMS, CONNECTION_WINDOW
from hauberk_core.http.h2.switch import KEY, read, written
from hauberk_core.http.head import Limits
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason


class _Waiting:
    """What a stream has to send and may not yet."""

    def __init__(self) -> None:
        self.octets = b""
        self.ending = False
        self.overtaken = False
        self.trailers: Headers | None = None


class LibraryMachine(MultiplexedMachine):
    """Either side, by h2."""

    def __init__(self, is_client: bool, scheme: str, limits: HttpLimits) -> None:
        super().__init__()
        self._limits: Final = Limits(limits)
        self._is_client: Final = is_client
        self._scheme: Final = scheme
        self._blame: Final = Reason.UPSTREAM_PROTOCOL if is_client else Reason.BAD_REQUEST
        config = H2Configuration(client_side=is_client, header_encoding=None, validate_outbound_headers=False)
        self._h2: Final = H2Connection(config)
        settings = {
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            SettingCodes.MAX_CONCURRENT_STREAMS: CONCURRENT_STREAMS,
            SettingCodes.MAX_HEADER_LIST_SIZE: self._limits.head_bytes,
        }
        if is_client:
            settings[SettingCodes.ENABLE_PUSH] = 0
        else:
            settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        self._h2.local_settings = Settings(client=is_client, initial_values=settings)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window((SHARED_WINDOW if is_client else CONNECTION_WINDOW) - 65535)
        self._events: Final[list[tuple[int, Event]]] = []
        self._methods: Final[dict[int, str]] = {}
        self._upgrades: Final[dict[int, tuple[str, str]]] = {}
        """Of extended CONNECT: the protocol, and its key."""
        self._awaits_switch: Final[set[int]] = set()
        self._open: Final[dict[int, bool]] = {}
        """Streams that we may send on."""
        self._waiting: Final[dict[int, _Waiting]] = {}
        self._unread: Final[dict[int, int]] = {}
        """Octets that were reported and not consumed."""
        self._highest = 0
        self._peer_gone = False
        self._is_greeted = False
        self._dead = False
        self._leaving = False
        self._pongs = 0

    def receive(self, data: bytes, now: float) -> None:
        if self._dead:
            return
        if not data:
            self._dead = True
            self._events.append((0, Closed()))
            return
        try:
            events = self._h2.receive_data(data)
        except (ProtocolError, DenialOfServiceError) as error:
            self._dead = True
            self._events.append((0, Fault(self._blame, str(error))))
            return
        for event in events:
            self._read(event)
        for stream in list(self._waiting):
            self._go_on(stream)

    def next_event(self) -> Event | None:
        if not self._events:
            return None
        self.stream, event = self._events.pop(0)
        return event

    def _read(self, event: LibraryEvent) -> None:
        if isinstance(event, RequestReceived):
            self._read_request(event)
        elif isinstance(event, ResponseReceived | InformationalResponseReceived):
            self._read_response(event)
        elif isinstance(event, DataReceived):
            stream = event.stream_id
            padding = event.flow_controlled_length - len(event.data)
            if padding:
                self._h2.acknowledge_received_data(padding, stream)
            if event.data:
                self._unread[stream] = self._unread.get(stream, 0) + len(event.data)
                self._events.append((stream, Data(event.data)))
        elif isinstance(event, TrailersReceived):
            self._read_trailers(event)
        elif isinstance(event, StreamEnded):
            stream = event.stream_id
            self._methods.pop(stream, None)
            if not self._events or self._events[-1][0] != stream or not isinstance(self._events[-1][1], End):
                self._events.append((stream, END_WITHOUT_TRAILERS))
        elif isinstance(event, StreamReset):
            stream = event.stream_id
            self._forget(stream)
            code = event.error_code
            if event.remote_reset:
                self._events.append((stream, Reset(int(code) if code is not None else NO_ERROR)))
            else:
                self._events.append((stream, Fault(self._blame, "h2 reset the stream: " + str(code))))
        elif isinstance(event, ConnectionTerminated):
            self._peer_gone = True
            last = event.last_stream_id
            self._events.append((0, GoingAway(LARGEST_STREAM if last is None else last, int(event.error_code or 0))))
        elif isinstance(event, PingAckReceived):
            self._pongs += 1
        elif isinstance(event, RemoteSettingsChanged):
            self._is_greeted = True
        elif isinstance(event, WindowUpdated):
            # What waits is looked at behind every read.
            pass

    def _fields(self, headers: object) -> list[Field]:
        assert isinstance(headers, list)
        return [check(bytes(name).decode("latin-1"), bytes(value)) for name, value in headers]

    def _read_request(self, event: RequestReceived) -> None:
        stream = event.stream_id
        self._highest = stream
        if self._leaving:
            self.reset(stream, ErrorCodes.REFUSED_STREAM)
            return
        try:
            request = read_request(self._fields(event.headers), event.stream_ended is not None, self._scheme, self._limits)
        except Violation as fault:
            self._open[stream] = True
            if fault.reason is Reason.BAD_REQUEST:
                self.reset(stream, ErrorCodes.PROTOCOL_ERROR)
            self._events.append((stream, Fault(fault.reason, fault.detail)))
            return
        self._open[stream] = True
        self._methods[stream] = request.method
        self._events.append((stream, request))

    def _read_response(self, event: ResponseReceived | InformationalResponseReceived) -> None:
        stream = event.stream_id
        ends = isinstance(event, ResponseReceived) and event.stream_ended is not None
        try:
            response = read_response(self._fields(event.headers), ends, self._methods.get(stream, ""), self._limits)
            if 200 <= response.status < 300:
                self._awaits_switch.discard(stream)
            if stream in self._upgrades and response.status >= 200:
                read(response, *self._upgrades[stream])
        except Violation as fault:
            self.reset(stream, ErrorCodes.PROTOCOL_ERROR)
            self._events.append((stream, Fault(self._blame, fault.detail)))
            return
        self._events.append((stream, response))

    def _read_trailers(self, event: TrailersReceived) -> None:
        stream = event.stream_id
        try:
            trailers = read_trailers(self._fields(event.headers), self._limits, False)
        except Violation as fault:
            self.reset(stream, ErrorCodes.PROTOCOL_ERROR)
            self._events.append((stream, Fault(self._blame, fault.detail)))
            return
        self._events.append((stream, End(trailers)))

    def take_output(self) -> bytes:
        return self._h2.data_to_send()

    def is_open(self, stream: int) -> bool:
        return stream in self._open

    def open_streams(self) -> int:
        return self._h2.open_outbound_streams + self._h2.open_inbound_streams

    def consume(self, stream: int, octets: int) -> None:
        unread = self._unread.pop(stream, 0)
        if octets and unread and not self._dead:
            if unread > octets:
                self._unread[stream] = unread - octets
            self._h2.acknowledge_received_data(octets, stream)

    def pending(self, stream: int) -> int:
        waiting = self._waiting.get(stream)
        return 0 if waiting is None else len(waiting.octets)

    def all_pending(self) -> int:
        octets = 0
        for waiting in self._waiting.values():
            octets += len(waiting.octets)
        return octets

    def send_data(self, stream: int, data: bytes) -> None:
        if stream not in self._open:
            raise LocalProtocolError("there is no stream that this could be sent on")
        waiting = self._waiting.setdefault(stream, _Waiting())
        waiting.octets += data
        self._go_on(stream)

    def send_end(self, stream: int, trailers: Headers | None) -> None:
        if stream not in self._open:
            raise LocalProtocolError("there is no stream that this could be sent on")
        if stream in self._awaits_switch:
            return
        waiting = self._waiting.setdefault(stream, _Waiting())
        waiting.ending = True
        waiting.trailers = trailers
        self._go_on(stream)

    def _go_on(self, stream: int) -> None:
        waiting = self._waiting.get(stream)
        if waiting is None or stream not in self._open:
            return
        before = len(waiting.octets)
        while waiting.octets:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            self._h2.send_data(stream, waiting.octets[:room])
            waiting.octets = waiting.octets[room:]
        if len(waiting.octets) <= DRAINED_OCTETS < before:
            self._events.append((stream, Writable()))
        if waiting.ending and not waiting.octets:
            del self._open[stream], self._waiting[stream]
            kept: list[tuple[str, str]] = []
            if waiting.trailers is not None:
                kept = [(name.lower(), value) for name, value in waiting.trailers.items() if name.lower() not in NOT_IN_TRAILERS]
            if kept:
                self._h2.send_headers(stream, _octets(kept), end_stream=True)
            else:
                self._h2.end_stream(stream)
            if waiting.overtaken:
                self.reset(stream, NO_ERROR)

    def _forget(self, stream: int) -> None:
        unread = self._unread.pop(stream, 0)
        if unread and not self._dead:
            # Nobody will read it, which must not close the connection's window for others.
            self._h2.acknowledge_received_data(unread, stream)
        self._open.pop(stream, None)
        self._waiting.pop(stream, None)
        self._methods.pop(stream, None)
        self._upgrades.pop(stream, None)
        self._awaits_switch.discard(stream)

    def forget(self, stream: int) -> None:
        # To h2 nothing comes or goes any more where the other side goes away.
        self._forget(stream)

    def reset(self, stream: int, code: int) -> None:
        if not self._dead and stream <= self._highest:
            self._forget(stream)
            with contextlib.suppress(StreamClosedError):  # both sides have ended it
                self._h2.reset_stream(stream, code)

    def overtake(self, stream: int) -> None:
        waiting = self._waiting.get(stream)
        if waiting is None:
            self.reset(stream, NO_ERROR)
        else:
            waiting.overtaken = True

    def go_away(self, last_call: bool) -> None:
        # To h2 a connection is closed by this: it is said when no stream is open any more, and until then streams are refused.
        self._leaving = self._leaving or not last_call
        if self._leaving and not self._dead and not self.open_streams():
            self._dead = True
            self._h2.close_connection(last_stream_id=self._highest)

    def ping(self) -> None:
        self._h2.ping(b"hauberk.")

    def pongs(self) -> int:
        return self._pongs

    def send_interim(self, stream: int, response: Response) -> None:
        self._send_head(stream, response)

    def send_response(self, stream: int, response: Response) -> None:
        if response.framing == COUNTED and "content-length" not in response.headers.names:
            response.headers.add("content-length", str(response.length))
        self._send_head(stream, response)

    def _send_head(self, stream: int, response: Response) -> None:
        fields = [(":status", str(written(response))), *((name.lower(), value) for name, value in response.headers.items())]
        self._h2.send_headers(stream, _octets(fields))

    def send_request(self, request: Request) -> int:
        stream = self._h2.get_next_available_stream_id()
        method = request.method
        unwanted = {"host", KEY} if request.upgrade else {"host"}
        fields = [(":method", method), (":authority", request.authority)]
        if request.upgrade:
            method = "CONNECT"
            fields = [(":method", method), (":authority", request.authority), (":protocol", request.upgrade)]
            self._upgrades[stream] = request.upgrade, request.headers.get(KEY) or ""
        if request.method != "CONNECT":
            fields += [(":scheme", request.scheme), (":path", request.path + request.query)]
        if method == "CONNECT":
            self._awaits_switch.add(stream)
        if request.framing == COUNTED and "content-length" not in request.headers.names:
            request.headers.add("content-length", str(request.length))
        if request.framing == CHUNKED:
            request.headers.remove("content-length")
        fields += [(name.lower(), value) for name, value in request.headers.items() if name.lower() not in unwanted]
        self._h2.send_headers(stream, _octets(fields))
        self._open[stream] = True
        self._methods[stream] = method
        self._highest = stream
        return stream

    def is_greeted(self) -> bool:
        return self._is_greeted

    def takes_upgrades(self) -> bool:
        return bool(self._h2.remote_settings.enable_connect_protocol)

    def room(self) -> int:
        if self._dead or self._peer_gone:
            return 0
        most = min(CONCURRENT_STREAMS, self._h2.remote_settings.max_concurrent_streams)
        return max(0, most - self._h2.open_outbound_streams)


def _octets(fields: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
