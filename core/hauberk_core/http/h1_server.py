"""The server's side of HTTP/1.1 and 1.0 (RFC 9110, RFC 9112): strict in what it takes."""

from typing import Final

from hauberk_core.http.body import END_WITHOUT_TRAILERS, BodyWriter, settle_length
from hauberk_core.http.body_reader import BodyReader
from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.chunks import body_too_large
from hauberk_core.http.errors import LocalProtocolError, Violation
from hauberk_core.http.events import CHUNKED, COUNTED, END, NO_BODY, TUNNEL, UNTIL_CLOSE, Closed, Event, Fault, Response
from hauberk_core.http.head import Limits
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ServerMachine
from hauberk_core.http.request_head import RequestHeadReader
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

# What is read next.
_HEAD: Final = 1
_BODY: Final = 2
# The end of a request that has no body.
_END: Final = 3
# The request is complete; octets wait for the next exchange, or for `take_rest`.
_WAITING: Final = 4
_DEAD: Final = 5


class H1Server(ServerMachine):
    """Our own implementation of the server's side."""

    def __init__(self, scheme: str, limits: HttpLimits) -> None:
        """Args: scheme - `http` or `https`, of the connection; limits - on what the client may send."""
        self._limits: Final = Limits(limits)
        self._scheme: Final = scheme
        self._buffer: Final = ReceiveBuffer()
        self._heads: Final = RequestHeadReader(scheme, self._limits)
        self._body: Final = BodyReader(self._limits)
        self._writer: Final = BodyWriter()
        self._state = _HEAD
        self._eof = False
        self._method = ""
        self._version = 11
        self._keep_alive = True
        self._client_waits = False
        """The client waits for 100 (Continue), and nothing of its body has come."""

    def receive(self, data: bytes) -> None:
        """Take octets from the client; `b""` says that it closed its side."""
        if data:
            self._buffer.append(data)
        else:
            self._eof = True

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come."""
        state = self._state
        if state == _HEAD:
            return self._read_head()
        if state == _END:
            self._state = _WAITING
            return END_WITHOUT_TRAILERS
        if state == _BODY:
            return self._read_body()
        return None

    def _read_head(self) -> Event | None:
        buffer = self._buffer
        try:
            request = self._heads.read(buffer)
        except Violation as fault:
            return self._fail(fault.reason, fault.detail)
        if request is None:
            if not self._eof:
                return None
            if len(buffer):
                return self._fail(Reason.CLIENT_GONE, "the client closed the connection within a request's head")
            self._state = _DEAD
            return Closed()
        request.scheme = self._scheme
        self._method = request.method
        self._version = request.version
        self._keep_alive = not self._heads.close and (request.version == 11 or self._heads.keep_alive)
        self._client_waits = request.expects_continue
        limit = self._limits.body_bytes
        if limit and request.length > limit:
            too_large = body_too_large(limit)
            return self._fail(too_large.reason, too_large.detail)
        if request.framing == CHUNKED or request.length:
            self._body.begin(request.framing, request.length, limit)
            self._state = _BODY
        else:
            self._state = _END
        return request

    def _read_body(self) -> Event | None:
        try:
            event = self._body.read(self._buffer, self._eof)
        except Violation as fault:
            return self._fail(fault.reason, fault.detail)
        if event is not None:
            self._client_waits = False
            if event.kind == END:
                self._state = _WAITING
            return event
        return self._fail(Reason.CLIENT_GONE, "the client closed the connection within a request's body") if self._eof else None

    def _fail(self, reason: Reason, detail: str) -> Fault:
        self._state = _DEAD
        self._keep_alive = False
        return Fault(reason, detail)

    def buffered(self) -> int:
        """Octets received and not yet consumed."""
        return len(self._buffer)

    def send_interim(self, response: Response) -> bytes:
        """A 1xx response other than 101; nothing for an HTTP/1.0 client, which knows none (RFC 9110 section 15.2)."""
        if response.status == 100:
            self._client_waits = False
        if self._version == 10:
            return b""
        return _write_head(response, [])

    def send_response(self, response: Response, close: bool) -> bytes:
        """A final response's head, or a 101.

        After a `Fault` it still serves for the answer to the client, always with `Connection: close`.
        Raises: LocalProtocolError if a response was already begun, or its Content-Length is not `length`.
        """
        if self._writer.open or self._writer.done:
            raise LocalProtocolError("a response was already begun")
        status = response.status
        if status == 101 or (status < 300 and self._method == "CONNECT"):
            return self._send_switch(response)
        if close or self._client_waits or self._method == "CONNECT":
            # A client that still waits may send its body or not; only a new connection is unambiguous (RFC 9110 section 10.1.1).
            # Likewise one that did not wait for its tunnel: what it has sent must not pass for requests.
            self._keep_alive = False
        framing = response.framing
        length = 0
        last: list[str] = []
        if status == 204:
            response.headers.remove("content-length")
            framing = NO_BODY
        elif status == 304 or self._method == "HEAD":
            framing = NO_BODY
        elif framing <= COUNTED:
            length = response.length if framing == COUNTED else 0
            settle_length(response.headers, length)
            framing = COUNTED
        else:
            response.headers.remove("content-length")
            if self._version == 11:
                framing = CHUNKED
                last.append("Transfer-Encoding: chunked")
            else:
                framing = UNTIL_CLOSE
                self._keep_alive = False
        if status == 426 and response.upgrade:
            last.append("Connection: upgrade")
            last.append("Upgrade: " + response.upgrade)
        if not self._keep_alive:
            last.append("Connection: close")
        elif self._version == 10:
            last.append("Connection: keep-alive")
        self._writer.begin(framing, length)
        return _write_head(response, last)

    def _send_switch(self, response: Response) -> bytes:
        if self._state < _END:
            raise LocalProtocolError("the protocol cannot change before the request is complete")
        self._writer.begin(TUNNEL, 0)
        self._keep_alive = False
        response.headers.remove("content-length")
        return _write_head(response, ["Connection: upgrade", "Upgrade: " + response.upgrade] if response.status == 101 else [])

    def send_data(self, data: bytes) -> bytes:
        """Octets of the body, framed; b"" where there is none. Raises: LocalProtocolError beyond the announced length."""
        return self._writer.data(data)

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the response. Raises: LocalProtocolError short of the announced length."""
        return self._writer.end(trailers)

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another?"""
        return self._keep_alive and self._state == _WAITING and self._writer.done

    def start_next_exchange(self) -> None:
        """Forget the finished exchange. Raises: LocalProtocolError unless `may_keep_alive`."""
        if not self.may_keep_alive():
            raise LocalProtocolError("the exchange is not finished, or the connection cannot carry another")
        self._writer.reset()
        self._buffer.release()
        self._method = ""
        self._state = _HEAD

    def take_rest(self) -> bytes:
        """After a 101 or the answer to CONNECT: what the client has already sent beyond the head."""
        self._state = _DEAD
        return self._buffer.take_all()


def _write_head(response: Response, last: list[str]) -> bytes:
    """Serialise: always as HTTP/1.1, the highest version we speak (RFC 9110 section 6.2)."""
    parts = ["HTTP/1.1 " + str(response.status) + " " + response.reason]
    parts.extend(response.headers.lines)
    parts.extend(last)
    parts.append("\r\n")
    return "\r\n".join(parts).encode("latin-1")
