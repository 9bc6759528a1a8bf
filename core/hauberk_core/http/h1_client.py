"""The client's side of HTTP/1.1 and 1.0 (RFC 9110, RFC 9112): what an endpoint answers is hostile input too."""

from typing import Final

from hauberk_core.http.body import END_WITHOUT_TRAILERS, BodyWriter, settle_length
from hauberk_core.http.body_reader import BodyReader
from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import CHUNKED, COUNTED, END, NO_BODY, TUNNEL, UNTIL_CLOSE, Closed, Event, Fault, Request
from hauberk_core.http.head import Limits
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine
from hauberk_core.http.repeat import RepeatedFields
from hauberk_core.http.response_head import take_response_head
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

# Interim responses to one request. Progress reports (102, 103) are a handful; an endless series keeps a client busy for ever.
INTERIM_LIMIT: Final = 64

# What is read next.
_IDLE: Final = 1
_HEAD: Final = 2
_BODY: Final = 3
# The end of a response that has no body.
_END: Final = 4
# The response is complete.
_WAITING: Final = 5
_SWITCHED: Final = 6
_DEAD: Final = 7


class H1Client(ClientMachine):
    """Our own implementation of the client's side.

    Its faults: UPSTREAM_RESET where the endpoint closed too early (before, within or after the head of a response that was
    still due), UPSTREAM_PROTOCOL where it sent what it must not.
    """

    def __init__(self, limits: HttpLimits) -> None:
        """Args: limits - on what the server may send; those of bodies do not apply."""
        self._limits: Final = Limits(limits)
        self._buffer: Final = ReceiveBuffer()
        self._repeated: Final = RepeatedFields()
        self._body: Final = BodyReader(self._limits)
        self._writer: Final = BodyWriter()
        self._state = _IDLE
        self._eof = False
        self._method = ""
        self._upgrade = ""
        self._keep_alive = True
        self._interims = 0

    def receive(self, data: bytes) -> None:
        """Take octets from the server; `b""` says that it closed its side."""
        if data:
            self._buffer.append(data)
        else:
            self._eof = True

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come."""
        state = self._state
        if state == _HEAD:
            return self._read_head()
        if state == _BODY:
            return self._read_body()
        if state == _END:
            self._state = _WAITING
            return END_WITHOUT_TRAILERS
        if state == _IDLE:
            if len(self._buffer):
                return self._fail(Reason.UPSTREAM_PROTOCOL, "the endpoint sent octets that no request had asked for")
            if self._eof:
                self._state = _DEAD
                return Closed()
        return None

    def _read_head(self) -> Event | None:
        try:
            parsed = take_response_head(self._buffer, self._limits, self._repeated, self._method, self._upgrade)
        except Violation as fault:
            return self._fail(Reason.UPSTREAM_PROTOCOL, "the endpoint's response: " + fault.detail)
        if parsed is None:
            if not self._eof:
                return None
            place = "within its response's head" if len(self._buffer) else "before it answered"
            return self._fail(Reason.UPSTREAM_RESET, "the endpoint closed the connection " + place)
        response = parsed.response
        framing = response.framing
        if response.status < 200 and framing != TUNNEL:
            self._interims += 1
            if self._interims > INTERIM_LIMIT:
                return self._fail(
                    Reason.UPSTREAM_PROTOCOL, "the endpoint sent more than " + str(INTERIM_LIMIT) + " interim responses"
                )
            return response
        self._keep_alive = not parsed.close and (response.version == 11 or parsed.keep_alive)
        if framing in (UNTIL_CLOSE, TUNNEL):
            self._keep_alive = False
        if framing == TUNNEL:
            if not self._writer.done:
                return self._fail(Reason.UPSTREAM_PROTOCOL, "the endpoint switched protocols before the request was complete")
            self._state = _SWITCHED
        elif framing == NO_BODY or (framing == COUNTED and not response.length):
            self._state = _END
        else:
            self._body.begin(framing, response.length, 0)
            self._state = _BODY
        return response

    def _read_body(self) -> Event | None:
        try:
            event = self._body.read(self._buffer, self._eof)
        except Violation as fault:
            return self._fail(Reason.UPSTREAM_PROTOCOL, "the endpoint's response: " + fault.detail)
        if event is not None:
            if event.kind == END:
                self._state = _WAITING
            return event
        if not self._eof:
            return None
        return self._fail(Reason.UPSTREAM_RESET, "the endpoint closed the connection within its response's body")

    def _fail(self, reason: Reason, detail: str) -> Fault:
        self._state = _DEAD
        self._keep_alive = False
        return Fault(reason, detail)

    def send_request(self, request: Request) -> bytes:
        """A request's head. Raises: LocalProtocolError if a request is under way, or its Content-Length is not `length`."""
        if self._state != _IDLE or self._eof:
            raise LocalProtocolError("this connection cannot take a request now")
        headers = request.headers
        target = request.path + request.query if request.method != "CONNECT" else request.authority
        parts = [request.method + " " + target + " HTTP/1.1"]
        if request.framing == COUNTED:
            settle_length(headers, request.length)
        elif request.framing == CHUNKED:
            headers.remove("content-length")
        parts.extend(headers.lines)
        if request.framing == CHUNKED:
            parts.append("Transfer-Encoding: chunked")
        if request.upgrade:
            parts.append("Connection: upgrade")
            parts.append("Upgrade: " + request.upgrade)
        elif "te" in headers.names:
            # RFC 9110 section 10.1.4.
            parts.append("Connection: te")
        parts.append("\r\n")
        self._method = request.method
        self._upgrade = request.upgrade
        self._interims = 0
        self._state = _HEAD
        self._writer.begin(request.framing, request.length)
        return "\r\n".join(parts).encode("latin-1")

    def send_data(self, data: bytes) -> bytes:
        """Octets of the request's body, framed. Raises: LocalProtocolError beyond the announced length."""
        if data and self._writer.framing == NO_BODY:
            raise LocalProtocolError("the request has no body")
        return self._writer.data(data)

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the request. Raises: LocalProtocolError short of the announced length."""
        return self._writer.end(trailers)

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another? Not if octets are left over."""
        return self._keep_alive and self._state == _WAITING and self._writer.done and not self._eof and not len(self._buffer)

    def start_next_exchange(self) -> None:
        """Forget the finished exchange. Raises: LocalProtocolError unless both sides ended and the connection may be kept."""
        if not (self._keep_alive and self._state == _WAITING and self._writer.done):
            raise LocalProtocolError("the exchange is not finished, or the connection cannot carry another")
        self._writer.reset()
        self._buffer.release()
        self._state = _IDLE

    def take_rest(self) -> bytes:
        """After a 101 or the answer to CONNECT: what the server has already sent beyond the head."""
        self._state = _DEAD
        return self._buffer.take_all()
