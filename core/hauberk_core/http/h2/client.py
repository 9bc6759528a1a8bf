"""The client's side of HTTP/2: many requests at a time on one connection to an endpoint, whose answers are hostile input too."""

from typing import Final

from hauberk_core.http.body import settle_length
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import CHUNKED, COUNTED, Event, Request
from hauberk_core.http.h1_client import INTERIM_LIMIT
from hauberk_core.http.h2.codes import (
    ENABLE_PUSH,
    INITIAL_WINDOW_SIZE,
    LARGEST_STREAM,
    MAX_HEADER_LIST_SIZE,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    ConnectionFault,
)
from hauberk_core.http.h2.connection import H2Connection
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.field import Field
from hauberk_core.http.h2.message import read_response, too_large
from hauberk_core.http.h2.stream import Stream
from hauberk_core.http.h2.switch import KEY, read
from hauberk_core.http.head import Limits
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

# Streams on one connection to an endpoint, whatever more it allows: beyond that another connection spreads the work better.
CONCURRENT_STREAMS: Final = 128
# Until a server has said how many it allows: what RFC 9113 section 6.5.2 recommends at the least.
FIRST_STREAMS: Final = 100
# Clients share a connection to an endpoint: one that reads slowly fills its stream, and must not stop the others. So the
# connection takes what all streams together may hold, and the streams' windows are the bound.
CONNECTION_WINDOW: Final = CONCURRENT_STREAMS * STREAM_WINDOW
# Streams that were given up and whose answers may be on their way: that clients leave is not the endpoint's doing, and within one
# round trip as many may leave as come, dozens of times all that there may be at once.
_MOST_FORGIVEN: Final = 4096


class H2Client(H2Connection):
    """Our own implementation. Its faults are UPSTREAM_PROTOCOL."""

    def __init__(self, limits: HttpLimits) -> None:
        """Args: limits - on what the server may send; those of bodies do not apply."""
        super().__init__(Limits(limits), CONNECTION_WINDOW, Reason.UPSTREAM_PROTOCOL)
        self._most_forgiven = _MOST_FORGIVEN
        self._next = 1
        self._sender.raw(PREFACE)
        self._greet(((ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, STREAM_WINDOW), (MAX_HEADER_LIST_SIZE, self._limits.head_bytes)))

    def room(self) -> int:
        if self._dead or self._eof or self._going_away or self._peer_last < LARGEST_STREAM or self._next > LARGEST_STREAM:
            return 0
        most = self._peer_streams if self._peer_streams < CONCURRENT_STREAMS else CONCURRENT_STREAMS
        if not self._greeted and most > FIRST_STREAMS:
            most = FIRST_STREAMS
        left = most - len(self._streams)
        return left if left > 0 else 0

    def send_request(self, request: Request) -> int:
        if not self.room():
            raise LocalProtocolError("this connection takes no request now")
        headers = request.headers
        number = self._next
        self._next += 2
        self._highest = number
        stream = Stream(number, self._sender.stream_window, STREAM_WINDOW)
        stream.method = request.method
        stream.has_body = request.framing in (COUNTED, CHUNKED)
        if request.framing == COUNTED:
            settle_length(headers, request.length)
            stream.send_left = request.length
        elif request.framing == CHUNKED:
            headers.remove("content-length")
        upgrade = request.upgrade
        if upgrade or request.method == "CONNECT":
            stream.has_body = True
            stream.awaits_switch = True
            if upgrade:
                stream.method = "CONNECT"
                stream.upgrade = upgrade
                stream.key = headers.get(KEY) or ""
        self._streams[number] = stream
        floods = self._floods
        floods.resets.give(1)
        encoder = self._encoder
        block = encoder.begin()
        encoder.add(block, ":method", ":method: " + stream.method)
        encoder.add(block, ":authority", ":authority: " + request.authority)
        if upgrade:
            encoder.add(block, ":protocol", ":protocol: " + upgrade)
        if request.method != "CONNECT":
            encoder.add(block, ":scheme", ":scheme: " + request.scheme)
            encoder.add_path(block, request.path + request.query)
        names = headers.names
        lines = headers.lines
        for index in range(len(names)):
            name = names[index]
            if name != "host" and (not upgrade or name != KEY):
                encoder.add(block, name, lines[index])
        self._sender.head(stream, bytes(block))
        return number

    def is_greeted(self) -> bool:
        return self._settled

    def takes_upgrades(self) -> bool:
        return self._peer_connects

    def _read_first(self, number: int, ends: bool, fields: list[Field]) -> Event | None:
        self._not_idle(number, "HEADERS")
        if number not in self._forgiven:
            raise ConnectionFault(STREAM_CLOSED, "HEADERS for a stream that is over")
        return None

    def _read_further(self, stream: Stream, ends: bool, fields: list[Field]) -> Event | None:
        if stream.responded:
            return self._read_trailers(stream, ends, fields)
        try:
            if self._is_too_large():
                raise too_large("response's header list", self._limits)
            response = read_response(fields, ends, stream.method, self._limits)
        except Violation as fault:
            return self._fault(stream, PROTOCOL_ERROR, fault.detail)
        self.stream = stream.id
        if response.status < 200:
            stream.interims += 1
            if stream.interims > INTERIM_LIMIT:
                return self._fault(stream, PROTOCOL_ERROR, "more than " + str(INTERIM_LIMIT) + " interim responses")
            return response
        stream.responded = True
        if stream.awaits_switch:
            stream.awaits_switch = response.status >= 300
            if stream.upgrade:
                read(response, stream.upgrade, stream.key)
        if ends:
            stream.peer_ended = True
            self._due = self._ended(stream, None)
        elif response.framing == COUNTED:
            stream.body_left = response.length
        return response

    def _takes_data(self, stream: Stream) -> bool:
        return stream.responded
