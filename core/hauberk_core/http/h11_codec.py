"""h11 behind the same seam: the second opinion on HTTP/1.1, more lenient, slower, and an interpreted module on purpose.

h11 reads syntax, framing and state; what a head means (authority, hop-by-hop fields, upgrades) is settled by the code that our
own machines use, so that the proxy above sees no difference. Accepted here and refused by ours: Content-Length beside
Transfer-Encoding (which wins, and the length is dropped), lines that end in a bare LF, folded lines, equal lengths repeated.
"""

from typing import Final

import h11

from hauberk_core.http.body import END_WITHOUT_TRAILERS
from hauberk_core.http.chunks import body_too_large, kept_trailers
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import (
    CHUNKED,
    COUNTED,
    NO_BODY,
    TUNNEL,
    Closed,
    Data,
    End,
    Event,
    Fault,
    Request,
    Response,
)
from hauberk_core.http.h1_client import INTERIM_LIMIT
from hauberk_core.http.head import Fields, Limits, read_fields, too_large, too_many
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.http.request_head import build_request, parse_request_line
from hauberk_core.http.response_head import build_response
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

_REASONS: Final = {431: Reason.HEAD_TOO_LARGE, 501: Reason.NOT_IMPLEMENTED}


def _fields(raw: list[tuple[bytes, bytes]], what: str, limits: Limits) -> Fields:
    """Read h11's fields as ours. Raises: Violation."""
    coded = any(name.lower() == b"transfer-encoding" for name, _ in raw)
    lines = [(name + b": " + value).decode("latin-1") for name, value in raw if not (coded and name.lower() == b"content-length")]
    if len(lines) > limits.header_count:
        raise too_many(lines, what, limits)
    if sum(map(len, lines)) + 2 * len(lines) > limits.head_bytes:
        raise too_large("\r\n".join(["", *lines]).encode("latin-1"), what, limits)
    return read_fields(lines, 0)


def _pairs(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _trailers(event: h11.EndOfMessage) -> End:
    lines = [(name + b": " + value).decode("latin-1") for name, value in event.headers.raw_items()]
    kept = kept_trailers(lines)
    return END_WITHOUT_TRAILERS if kept is None else End(kept)


class _Sender:
    """The sending half, which both sides share."""

    def __init__(self, connection: h11.Connection) -> None:
        self._connection: Final = connection
        self.framing = NO_BODY

    def send(self, event: h11.Event) -> bytes:
        """Serialise. Raises: LocalProtocolError."""
        try:
            return self._connection.send(event) or b""
        except h11.LocalProtocolError as refused:
            raise LocalProtocolError(str(refused)) from refused

    def data(self, data: bytes) -> bytes:
        """Octets of a body, framed; b"" where there is none to send."""
        if not data or self.framing == NO_BODY:
            return b""
        return data if self.framing == TUNNEL else self.send(h11.Data(data=data))

    def end(self, trailers: Headers | None) -> bytes:
        """The end of a body."""
        if self.framing == TUNNEL:
            return b""
        carried = _pairs(trailers) if trailers is not None and self.framing == CHUNKED else []
        return self.send(h11.EndOfMessage(headers=carried))


class H11Server(ServerMachine):
    """The server's side on h11."""

    def __init__(self, scheme: str, limits: HttpLimits) -> None:
        """Args: scheme - `http` or `https`, of the connection; limits - on what the client may send."""
        self._limits: Final = Limits(limits)
        self._scheme: Final = scheme
        self._connection: Final = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._sender: Final = _Sender(self._connection)
        self._reading = True
        self._eof = False
        self._method = ""
        self._version = 11
        self._received = 0

    def receive(self, data: bytes) -> None:
        """Take octets from the client; `b""` says that it closed its side."""
        if not self._eof:
            self._eof = not data
            self._connection.receive_data(data)

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come."""
        if not self._reading:
            return None
        try:
            event = self._read()
        except h11.RemoteProtocolError as refused:
            if self._eof:
                event = Fault(Reason.CLIENT_GONE, "the client closed the connection within a request: " + str(refused))
            else:
                event = Fault(_REASONS.get(refused.error_status_hint, Reason.BAD_REQUEST), str(refused))
        except Violation as refused:
            event = Fault(refused.reason, refused.detail)
        if isinstance(event, End | Fault | Closed):
            self._reading = False
        return event

    def _read(self) -> Event | None:
        event = self._connection.next_event()
        if isinstance(event, h11.Request):
            return self._request(event)
        if isinstance(event, h11.Data):
            self._received += len(event.data)
            if self._limits.body_bytes and self._received > self._limits.body_bytes:
                raise body_too_large(self._limits.body_bytes)
            return Data(bytes(event.data))
        if isinstance(event, h11.EndOfMessage):
            return _trailers(event)
        return Closed() if isinstance(event, h11.ConnectionClosed) else None

    def _request(self, event: h11.Request) -> Request:
        line = (event.method + b" " + event.target + b" HTTP/" + event.http_version).decode("latin-1")
        if len(line) > self._limits.line_bytes:
            raise Violation(Reason.LINE_TOO_LONG, "the request line is too long (setting limits.request_line_bytes)")
        method, authority, path, query, version = parse_request_line(line, self._scheme)
        fields = _fields(event.headers.raw_items(), "request", self._limits)
        request = build_request(method, authority, path, query, version, fields)
        if self._limits.body_bytes and request.length > self._limits.body_bytes:
            raise body_too_large(self._limits.body_bytes)
        request.scheme = self._scheme
        self._method = method
        self._version = version
        self._received = 0
        return request

    def buffered(self) -> int:
        """Octets received and not yet consumed."""
        return len(self._connection.trailing_data[0])

    def send_interim(self, response: Response) -> bytes:
        """A 1xx response other than 101; nothing for an HTTP/1.0 client."""
        if self._version == 10:
            return b""
        return self._sender.send(
            h11.InformationalResponse(
                status_code=response.status, headers=_pairs(response.headers), reason=response.reason.encode("latin-1")
            )
        )

    def send_response(self, response: Response, close: bool) -> bytes:
        """A final response's head, or a 101. Raises: LocalProtocolError."""
        headers = _pairs(response.headers)
        reason = response.reason.encode("latin-1")
        if response.status == 101:
            headers += [(b"Connection", b"upgrade"), (b"Upgrade", response.upgrade.encode("latin-1"))]
            self._sender.framing = TUNNEL
            return self._sender.send(h11.InformationalResponse(status_code=101, headers=headers, reason=reason))
        if self._method == "CONNECT" and response.status < 300:
            self._sender.framing = TUNNEL
            return self._sender.send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        framing = response.framing
        if self._method == "HEAD" or response.status in {204, 304}:
            framing = NO_BODY
        elif framing == NO_BODY:
            response.headers.set("Content-Length", "0")
            headers = _pairs(response.headers)
        elif framing == COUNTED:
            response.headers.set("Content-Length", str(response.length))
            headers = _pairs(response.headers)
        elif self._version == 11:
            framing = CHUNKED
        if response.status == 204 or framing == CHUNKED:
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        if close or self._connection.they_are_waiting_for_100_continue or self._method == "CONNECT":
            headers.append((b"Connection", b"close"))
        self._sender.framing = framing
        return self._sender.send(h11.Response(status_code=response.status, headers=headers, reason=reason))

    def send_data(self, data: bytes) -> bytes:
        """Octets of the response's body, framed. Raises: LocalProtocolError."""
        return self._sender.data(data)

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the response. Raises: LocalProtocolError."""
        return self._sender.end(trailers)

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another?"""
        return self._connection.our_state is h11.DONE and self._connection.their_state is h11.DONE and not self._reading

    def start_next_exchange(self) -> None:
        """Forget the finished exchange. Raises: LocalProtocolError unless `may_keep_alive`."""
        if not self.may_keep_alive():
            raise LocalProtocolError("the exchange is not finished, or the connection cannot carry another")
        self._connection.start_next_cycle()
        self._reading = True

    def take_rest(self) -> bytes:
        """After a 101 or the answer to CONNECT: what the client has already sent beyond the head."""
        self._reading = False
        return self._connection.trailing_data[0]


class H11Client(ClientMachine):
    """The client's side on h11."""

    def __init__(self, limits: HttpLimits) -> None:
        """Args: limits - on what the server may send; those of bodies do not apply."""
        self._limits: Final = Limits(limits)
        self._connection: Final = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.head_bytes)
        self._sender: Final = _Sender(self._connection)
        self._reading = True
        self._open = False
        self._eof = False
        self._method = ""
        self._upgrade = ""
        self._interims = 0

    def receive(self, data: bytes) -> None:
        """Take octets from the server; `b""` says that it closed its side."""
        if not self._eof:
            self._eof = not data
            self._connection.receive_data(data)

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come."""
        if not self._reading:
            return None
        if not self._open and self._connection.trailing_data[0]:
            event: Event | None = Fault(Reason.UPSTREAM_PROTOCOL, "the endpoint sent octets that no request had asked for")
        elif not self._open:
            event = Closed() if self._eof else None
        else:
            event = self._read_response()
        if isinstance(event, End | Fault | Closed):
            self._reading = False
        return event

    def _read_response(self) -> Event | None:
        try:
            return self._read()
        except h11.RemoteProtocolError as refused:
            if self._eof:
                return Fault(Reason.UPSTREAM_RESET, "the endpoint closed the connection: " + str(refused))
            return Fault(Reason.UPSTREAM_PROTOCOL, "the endpoint's response: " + str(refused))
        except Violation as refused:
            return Fault(Reason.UPSTREAM_PROTOCOL, "the endpoint's response: " + refused.detail)

    def _read(self) -> Event | None:
        event = self._connection.next_event()
        if isinstance(event, h11.Response | h11.InformationalResponse):
            return self._response(event)
        if isinstance(event, h11.Data):
            return Data(bytes(event.data))
        if isinstance(event, h11.EndOfMessage):
            return _trailers(event)
        if isinstance(event, h11.ConnectionClosed):
            return Fault(Reason.UPSTREAM_RESET, "the endpoint closed the connection before it answered")
        return None

    def _response(self, event: h11.Response | h11.InformationalResponse) -> Response:
        fields = _fields(event.headers.raw_items(), "response", self._limits)
        version = 11 if event.http_version == b"1.1" else 10
        reason = bytes(event.reason).decode("latin-1")
        response = build_response(event.status_code, reason, version, fields, self._method, self._upgrade)
        if response.status < 200:
            self._interims += 1
            if self._interims > INTERIM_LIMIT:
                raise Violation(Reason.UPSTREAM_PROTOCOL, "more than " + str(INTERIM_LIMIT) + " interim responses")
        if response.framing == TUNNEL:
            if self._connection.our_state is h11.SEND_BODY:
                raise Violation(Reason.UPSTREAM_PROTOCOL, "it switches protocols before the request was complete")
            self._reading = False
        return response

    def send_request(self, request: Request) -> bytes:
        """A request's head. Raises: LocalProtocolError."""
        if self._open or self._eof or not self._reading:
            raise LocalProtocolError("this connection cannot take a request now")
        target = request.path + request.query if request.method != "CONNECT" else request.authority
        if request.framing == COUNTED:
            request.headers.set("Content-Length", str(request.length))
        elif request.framing == CHUNKED:
            request.headers.remove("content-length")
        headers = _pairs(request.headers)
        if request.framing == CHUNKED:
            headers.append((b"Transfer-Encoding", b"chunked"))
        if request.upgrade:
            headers += [(b"Connection", b"upgrade"), (b"Upgrade", request.upgrade.encode("latin-1"))]
        elif "te" in request.headers.names:
            headers.append((b"Connection", b"te"))
        self._method = request.method
        self._upgrade = request.upgrade
        self._interims = 0
        self._open = True
        self._sender.framing = request.framing
        try:
            event = h11.Request(method=request.method.encode("latin-1"), target=target.encode("latin-1"), headers=headers)
        except h11.LocalProtocolError as refused:
            raise LocalProtocolError(str(refused)) from refused
        return self._sender.send(event)

    def send_data(self, data: bytes) -> bytes:
        """Octets of the request's body, framed. Raises: LocalProtocolError."""
        if data and self._sender.framing == NO_BODY:
            raise LocalProtocolError("the request has no body")
        return self._sender.data(data)

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the request. Raises: LocalProtocolError."""
        return self._sender.end(trailers)

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another? Not if octets are left over."""
        connection = self._connection
        done = connection.our_state is h11.DONE and connection.their_state is h11.DONE
        return done and not self._eof and not connection.trailing_data[0]

    def start_next_exchange(self) -> None:
        """Forget the finished exchange. Raises: LocalProtocolError unless both sides ended and the connection may be kept."""
        try:
            self._connection.start_next_cycle()
        except h11.LocalProtocolError as refused:
            raise LocalProtocolError("the exchange is not finished, or the connection cannot carry another") from refused
        self._open = False
        self._reading = True

    def take_rest(self) -> bytes:
        """After a 101 or the answer to CONNECT: what the server has already sent beyond the head."""
        self._reading = False
        return self._connection.trailing_data[0]
