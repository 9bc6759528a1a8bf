"""A server that writes down every octet it is sent, and lets llhttp's strict mode judge them.

One thread, one poller. It answers each request that the judge takes with 200, no body, and the request's number in
`x-request-number`, unless it is told what to answer. What the judge refuses is kept, and the connection closed. It answers only
when nothing more waits to be read, so that whoever has an answer knows: all that was sent to the server before that request is in
the record.
"""

import contextlib
import functools
import itertools
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import httptools

# A method that the judge knows and that may have a body stands for those that it does not know.
_STAND_IN: Final = b"POST"


@dataclass
class Recorded:
    """A request as the judge understood it."""

    number: int
    method: str
    target: str
    fields: list[tuple[str, str]]
    """Names in lower case, in the order they came; those of trailers behind those of the head."""
    body: bytes
    octets: bytes = b""
    """All of it, as it came."""


@dataclass(frozen=True)
class ScriptedAnswer:
    """What is sent back."""

    octets: bytes
    """Empty: nothing is, ever."""
    closes: bool = False
    """The connection is closed behind it."""


def answer_with_number(request: Recorded) -> ScriptedAnswer:
    """200 without a body, and which request this is for."""
    return ScriptedAnswer(f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-request-number: {request.number}\r\n\r\n".encode())


@dataclass(eq=False)
class Connection:
    """What came on one connection."""

    octets: bytearray = field(default_factory=bytearray)
    requests: list[Recorded] = field(default_factory=list)
    refusal: str = ""
    """Why the judge refused the octets at the end of the record; empty if it did not."""
    pending: int = 0
    """Octets at the end of the record that are no complete request."""
    said_last: bool = False
    """The last request said that nothing would follow it."""
    is_closed: bool = False


class _Message:
    """Reads one request octet by octet: the judge's parser does not tell where a message ends, and cannot be stopped there."""

    def __init__(self) -> None:
        self.parser: Final = httptools.HttpRequestParser(self)
        self.method = b""
        self.target = b""
        self.fields: list[tuple[str, str]] = []
        self.body = b""
        self.is_complete = False
        self.is_last = False
        self._knows_method = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.is_last = not self.parser.should_keep_alive()

    def feed(self, octet: bytes) -> None:
        """Raises: httptools.HttpParserError if the judge refuses it."""
        if self._knows_method:
            with contextlib.suppress(httptools.HttpParserUpgrade):  # said where the message is complete
                self.parser.feed_data(octet)
        elif octet != b" ":
            self.method += octet
        else:
            self._knows_method = True
            self.parser.feed_data((self.method if _is_known(self.method) else _STAND_IN) + b" ")


@functools.cache
def _is_known(method: bytes) -> bool:
    """Whether llhttp knows the method. Which exist is open (RFC 9110 section 16.1); it takes those of a list.

    A method that is no token is no method: the parser shall see it and refuse it.
    """
    if not method.isascii() or not method.replace(b"-", b"").replace(b"_", b"").isalnum():
        return True
    try:
        httptools.HttpRequestParser(_Message()).feed_data(method + b" / HTTP/1.1\r\n")
    except httptools.HttpParserError:
        return False
    return True


class RecordingBackend:
    """The server. Runs from its making to `close`."""

    def __init__(self, answer: Callable[[Recorded], ScriptedAnswer] = answer_with_number) -> None:
        self.connections: Final[list[Connection]] = []
        self._answer: Final = answer
        self._numbers: Final = itertools.count(1)
        self._listener: Final = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._selector: Final = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waker, woken = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ)
        self._woken: Final = woken
        self._streams: Final[dict[socket.socket, tuple[Connection, _Message]]] = {}
        self._answers: Final[list[tuple[socket.socket, ScriptedAnswer]]] = []
        self._thread: Final = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End. What was recorded stays."""
        self._waker.close()
        self._thread.join()
        self._selector.close()
        for each in (*self._streams, self._listener, self._woken):
            each.close()

    def requests(self) -> list[Recorded]:
        """Every request that was complete, in the order of their numbers."""
        return sorted((each for connection in self.connections for each in connection.requests), key=lambda each: each.number)

    def _serve(self) -> None:
        while True:
            ready = self._selector.select(0 if self._answers else None)
            if not ready:
                answers = self._answers.copy()
                self._answers.clear()
                for asking, answer in answers:
                    with contextlib.suppress(OSError):  # the proxy no longer wants it
                        asking.sendall(answer.octets)
                        if answer.closes:
                            asking.shutdown(socket.SHUT_RDWR)
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                stream = key.fileobj
                if stream is self._woken:
                    return
                if stream is self._listener:
                    accepted, _ = self._listener.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection = Connection()
                    self.connections.append(connection)
                    self._streams[accepted] = (connection, _Message())
                    self._selector.register(accepted, selectors.EVENT_READ)
                else:
                    self._read(stream)

    def _read(self, stream: socket.socket) -> None:
        connection, message = self._streams[stream]
        try:
            octets = stream.recv(65536)
        except OSError:
            octets = b""
        connection.octets += octets
        for place in range(len(octets)):
            connection.pending += 1
            try:
                if connection.said_last:
                    raise httptools.HttpParserError("octets behind a request with Connection: close")
                message.feed(octets[place : place + 1])
            except httptools.HttpParserError as error:
                connection.refusal = f"{error!r} at octet {len(connection.octets) - len(octets) + place}"
                octets = b""
                break
            if message.is_complete:
                end = len(connection.octets) - len(octets) + place + 1
                self._recorded(stream, connection, message, bytes(connection.octets[end - connection.pending : end]))
                message = _Message()
        self._streams[stream] = (connection, message)
        if not octets:
            connection.is_closed = True
            self._selector.unregister(stream)
            del self._streams[stream]
            stream.close()

    def _recorded(self, stream: socket.socket, connection: Connection, message: _Message, octets: bytes) -> None:
        target = message.target.decode("latin-1")
        method = message.method.decode("latin-1")
        request = Recorded(next(self._numbers), method, target, message.fields, message.body, octets)
        connection.requests.append(request)
        connection.pending = 0
        connection.said_last = message.is_last
        self._answers.append((stream, self._answer(request)))


@contextlib.contextmanager
def recording_backend(answer: Callable[[Recorded], ScriptedAnswer] = answer_with_number) -> Iterator[RecordingBackend]:
    """A recording backend, for as long as the context lasts."""
    backend = RecordingBackend(answer)
    try:
        yield backend
    finally:
        backend.close()
