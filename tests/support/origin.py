"""A small origin server: answers in every framing, tells the digest of what it is sent, and waits where a test wants it to."""

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from live_proxy import PATIENCE

_PATTERN: Final = bytes(range(256)) * 256
_PIECE: Final = 16384


def made(size: int) -> bytes:
    """The octets of the body of this size."""
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


class Origin(ThreadingHTTPServer):
    """Serves one thread a connection."""

    daemon_threads = True
    # The proxy's pool keeps connections open; their threads end with it.
    block_on_close = False
    request_queue_size = 128

    def __init__(self, name: str = "origin") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name: Final = name
        """What `/` answers."""
        self.connections = 0
        self.broken: Final[list[str]] = []
        """The targets of requests whose connection broke before they were received or answered."""
        self.begun: Final = threading.Semaphore(0)
        """Released when `/events` has begun, `/upload` has its head, or `/hold` has its request."""
        self.go_on: Final = threading.Semaphore(0)
        """Lets `/events` send one event, and `/hold` answer."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin
    # One write a response head: the base class would otherwise send it line by line.
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def handle_one_request(self) -> None:
        self.path = ""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.server.broken.append(self.path)
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        size = int(parse_qs(url.query).get("n", ["0"])[0])
        if url.path == "/":
            self._answer(self.server.name.encode())
        elif url.path == "/bytes":
            self._answer(made(size))
        elif url.path == "/chunked":
            self._chunked(made(size))
        elif url.path == "/until-close":
            self._until_close(made(size))
        elif url.path == "/redirect":
            self.send_response(302)
            self.send_header("location", "/bytes?n=10")
            self.send_header("content-length", "0")
            self.end_headers()
        elif url.path == "/events":
            self._events(size)
        elif url.path == "/hold":
            self.server.begun.release()
            self._wait()
            self._answer(b"held")
        elif url.path == "/die":
            self._die(size)
        else:
            self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - named by the base class

    def do_POST(self) -> None:
        self.server.begun.release()
        digest = hashlib.sha256()
        framing = "chunked" if self.headers.get("transfer-encoding") else "counted"
        size = 0
        for piece in self._body():
            digest.update(piece)
            size += len(piece)
        self._answer(f"{digest.hexdigest()} {size} {framing}".encode())

    do_PUT = do_POST  # noqa: N815 - named by the base class

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding") is None:
            yield from self._octets(int(self.headers.get("content-length", "0")))
            return
        while size := int(self._line(), 16):
            yield from self._octets(size)
            self._line()
        while self._line().strip():
            pass

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionError("the body ended early")
        return line

    def _octets(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, _PIECE))
            if not piece:
                raise ConnectionError("the body ended early")
            yield piece
            size -= len(piece)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunked(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("trailer", "x-digest")
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(body), _PIECE):
            self._chunk(body[start : start + _PIECE])
        self.wfile.write(f"0\r\nx-digest: {hashlib.sha256(body).hexdigest()}\r\n\r\n".encode())

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def _until_close(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)

    def _events(self, count: int) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        self.server.begun.release()
        for number in range(count):
            self._wait()
            self._chunk(f"data: {number}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self) -> None:
        assert self.server.go_on.acquire(timeout=PATIENCE)

    def _die(self, size: int) -> None:
        """Announce twice as much as is sent, or a chunked body without its end, and vanish with a reset or in order."""
        kind = parse_qs(urlsplit(self.path).query)["how"][0]
        self.send_response(200)
        if kind.startswith("chunked"):
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self._chunk(made(size))
        else:
            self.send_header("content-length", str(size * 2))
            self.end_headers()
            self.wfile.write(made(size))
        self.wfile.flush()
        if kind.endswith("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""


@contextlib.contextmanager
def origin(name: str = "origin") -> Iterator[Origin]:
    """An origin, for as long as the context lasts."""
    with Origin(name) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            for _ in range(100):
                server.go_on.release()
            server.shutdown()
            thread.join()
