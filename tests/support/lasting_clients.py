"""Clients of what lasts: WebSockets, and streams of HTTP/2, over real sockets that block."""

import contextlib
import socket
import ssl
from typing import Final

from live_proxy import PATIENCE

from hauberk_core.http.events import NO_BODY, Data, End, Fault, GoingAway, Request, Reset, Response
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

_UPGRADE: Final = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# For what a connection that has ended still holds: it is there already.
_LAST_WORDS_SECONDS: Final = 1.0


class Broken(Exception):
    """The proxy ended what should have lasted, or answered something else; the message says what came."""


class WebSocket:
    """A connection that has switched protocols. What goes over it afterwards is nobody's concern but that of its ends."""

    def __init__(self, port: int, trust: ssl.SSLContext | None = None) -> None:
        """Open it. Args: trust - for TLS, else it is in the clear. Raises: OSError, Broken."""
        stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self._stream: Final = stream if trust is None else trust.wrap_socket(stream, server_hostname="localhost")
            self._stream.sendall(_UPGRADE)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self._receive()
            if not head.startswith(b"HTTP/1.1 101 "):
                raise Broken(f"an upgrade was answered: {head!r}")
        except BaseException:
            self.close()
            raise

    def echo(self, octets: bytes) -> None:
        """Send them, and have the far end send them back. Raises: OSError, Broken."""
        self._stream.sendall(octets)
        back = b""
        while len(back) < len(octets):
            back += self._receive()
        if back != octets:
            raise Broken(f"{back!r} came back for {octets!r}")

    def _receive(self) -> bytes:
        octets = self._stream.recv(65536)
        if not octets:
            raise Broken("the connection was closed")
        return octets

    def close(self) -> None:
        """Close it."""
        self._stream.close()


class Http2:
    """A connection with prior knowledge of HTTP/2, and its streams."""

    def __init__(self, port: int) -> None:
        """Open it. Raises: OSError."""
        self._stream: Final = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._machine: Final = H2Client(HttpLimits())
        self._heads: Final[dict[int, Response]] = {}
        self._bodies: Final[dict[int, bytes]] = {}
        self._ended: Final[set[int]] = set()
        self.is_going = False
        """The proxy takes no further request on it."""
        self._asked = 0
        """The latest stream."""
        self._turned_away = False

    def ask(self, path: str) -> int:
        """Send a GET. Returns: its stream. Raises: OSError."""
        headers = Headers()
        headers.add("host", "localhost")
        request = Request("GET", "localhost", path, "", 20, headers)
        request.framing = NO_BODY
        stream = self._machine.send_request(request)
        self._machine.send_end(stream, None)
        self._asked = stream
        self._send()
        return stream

    def await_body(self, stream: int, body: bytes) -> None:
        """Wait until so much of the answer has come. Raises: OSError, Broken."""
        while self._bodies.get(stream, b"") != body:
            self._listen()

    def await_head(self, stream: int) -> Response:
        """Wait until the answer has begun. Raises: OSError, Broken."""
        while stream not in self._heads:
            self._listen()
        return self._heads[stream]

    def finish(self, stream: int) -> tuple[int, bytes]:
        """Wait for the whole answer. Returns: its status and body. Raises: OSError, Broken."""
        while stream not in self._ended:
            self._listen()
        self._ended.discard(stream)
        return self._heads.pop(stream).status, self._bodies.pop(stream, b"")

    def was_turned_away(self) -> bool:
        """Whether the connection has ended, and before it did the proxy said that it has not acted on the latest request: so much
        time had passed since it first said that it takes no more. Nothing is lost then (RFC 9113 section 6.8)."""
        self._stream.settimeout(_LAST_WORDS_SECONDS)
        with contextlib.suppress(OSError, Broken):
            while not self._turned_away:
                self._listen()
        return self._turned_away

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def _send(self) -> None:
        self._stream.sendall(self._machine.take_output())

    def _listen(self) -> None:
        octets = self._stream.recv(65536)
        if not octets:
            raise Broken("the connection was closed with streams on it")
        machine = self._machine
        machine.receive(octets, 0.0)
        while (event := machine.next_event()) is not None:
            if isinstance(event, Response):
                self._heads[machine.stream] = event
            elif isinstance(event, Data):
                self._bodies[machine.stream] = self._bodies.get(machine.stream, b"") + event.data
                machine.consume(machine.stream, len(event.data))
            elif isinstance(event, End):
                self._ended.add(machine.stream)
            elif isinstance(event, GoingAway):
                self.is_going = True
                self._turned_away = event.last < self._asked
            elif isinstance(event, Reset | Fault):
                what = f"reset with code {event.code}" if isinstance(event, Reset) else event.detail
                raise Broken(f"stream {machine.stream}: {what}")
        self._send()
