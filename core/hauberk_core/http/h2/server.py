"""The server's side of HTTP/2: requests come in, responses go out, many at a time."""

from typing import Final

from hauberk_core.http.body import END_WITHOUT_TRAILERS, settle_length
from hauberk_core.http.chunks import body_too_large
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import COUNTED, TUNNEL, Event, Fault, Response
from hauberk_core.http.h2.codes import (
    ENABLE_CONNECT_PROTOCOL,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    PREFACE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFault,
)
from hauberk_core.http.h2.connection import H2Connection
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.field import Field
from hauberk_core.http.h2.message import read_request, too_large
from hauberk_core.http.h2.stream import Stream
from hauberk_core.http.h2.switch import written
from hauberk_core.http.head import Limits
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

# Requests under way on one connection: what RFC 9113 section 6.5.2 recommends at the least, and what Envoy and nginx allow.
CONCURRENT_STREAMS: Final = 128
# Octets of request bodies that one client makes us hold before endpoints have taken them: four streams' worth.
CONNECTION_WINDOW: Final = 4 * STREAM_WINDOW


class H2Server(H2Connection):
    """Our own implementation. Its faults carry the reasons of HTTP/1.1's."""

    def __init__(self, scheme: str, limits: HttpLimits) -> None:
        """Args: scheme - of the connection, which every request gets whatever it says."""
        super().__init__(Limits(limits), CONNECTION_WINDOW, Reason.BAD_REQUEST)
        self._scheme: Final = scheme
        self._preface = PREFACE
        """What has not come of it."""
        self._greet(
            (
                (MAX_CONCURRENT_STREAMS, CONCURRENT_STREAMS),
                (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
                (MAX_HEADER_LIST_SIZE, self._limits.head_bytes),
                (ENABLE_CONNECT_PROTOCOL, 1),
            )
        )

    def _read_header(self) -> bool:
        while self._preface:
            begun = self._input.take_some(len(self._preface))
            if not begun:
                return False
            if not self._preface.startswith(begun):
                raise ConnectionFault(PROTOCOL_ERROR, "the connection does not begin with HTTP/2's preface")
            self._preface = self._preface[len(begun) :]
        return super()._read_header()

    def _read_first(self, number: int, ends: bool, fields: list[Field]) -> Event | None:
        if self._is_foreign(number):
            raise ConnectionFault(PROTOCOL_ERROR, "a client's stream has an even number")
        if number <= self._highest:
            if number in self._forgiven:
                return None
            # Whether a lower one was used or passed over is not remembered (RFC 9113 section 5.1.1).
            code = STREAM_CLOSED if number == self._highest else PROTOCOL_ERROR
            raise ConnectionFault(code, "HEADERS for a stream that is over")
        self._highest = number
        if number > self._last_served:
            self._forgive(number)
            return None
        stream = Stream(number, self._sender.stream_window, STREAM_WINDOW)
        self._streams[number] = stream
        floods = self._floods
        if len(self._streams) > CONCURRENT_STREAMS:
            floods.take(floods.their_faults, "streams with mistakes")
            self._reset(stream, REFUSED_STREAM)
            return None
        self.stream = number
        if self._is_too_large():
            return self._answerable(stream, ends, too_large("request's header list", self._limits))
        try:
            request = read_request(fields, ends, self._scheme, self._limits)
        except Violation as fault:
            if fault.reason is Reason.BAD_REQUEST:
                return self._fault(stream, PROTOCOL_ERROR, fault.detail)
            return self._answerable(stream, ends, fault)
        stream.method = request.method
        stream.upgrade = request.upgrade
        limit = self._limits.body_bytes
        if limit and request.length > limit:
            return self._answerable(stream, ends, body_too_large(limit))
        if ends:
            stream.peer_ended = True
            self._due = END_WITHOUT_TRAILERS
        elif request.framing == COUNTED:
            stream.body_left = request.length
        elif limit and not request.upgrade and request.method != "CONNECT":
            stream.body_limit = limit
        return request

    def _answerable(self, stream: Stream, ends: bool, fault: Violation) -> Event:
        """A sound message that we do not take: nothing of it is reported but this, and the proxy may answer."""
        stream.peer_ended = ends
        stream.method = "GET"
        return Fault(fault.reason, fault.detail)

    def _read_further(self, stream: Stream, ends: bool, fields: list[Field]) -> Event | None:
        return self._read_trailers(stream, ends, fields)

    # Sending.

    def send_interim(self, stream: int, response: Response) -> None:
        known = self._sendable(stream)
        if known.responded:
            raise LocalProtocolError("an interim response behind the final one")
        self._send_head(known, response)

    def send_response(self, stream: int, response: Response) -> None:
        known = self._sendable(stream)
        if known.responded:
            raise LocalProtocolError("a response was already begun")
        known.responded = True
        status = response.status
        if response.framing == TUNNEL:
            response.headers.remove("content-length")
        elif status == 204:
            response.headers.remove("content-length")
            known.has_body = False
        elif status == 304 or known.method == "HEAD":
            known.has_body = False
        elif response.framing <= COUNTED:
            length = response.length if response.framing == COUNTED else 0
            settle_length(response.headers, length)
            known.send_left = length
        else:
            response.headers.remove("content-length")
        self._send_head(known, response)

    def _send_head(self, stream: Stream, response: Response) -> None:
        encoder = self._encoder
        block = encoder.begin()
        encoder.add(block, ":status", ":status: " + str(written(response)))
        headers = response.headers
        lines = headers.lines
        names = headers.names
        for index in range(len(names)):
            encoder.add(block, names[index], lines[index])
        self._sender.head(stream, bytes(block))
