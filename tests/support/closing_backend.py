"""A server that keeps connections, and closes those that are idle whenever it likes: sometimes just as the next request comes."""

import contextlib
import heapq
import random
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Final

_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_HEAD_END: Final = b"\r\n\r\n"
# Of the answers, so many are followed by the connection's end, after at most so long: about as long as the next request takes.
_CLOSING: Final = 0.3
_LONGEST_SECONDS: Final = 0.003
# Of those ends, so many are resets.
_RESETS: Final = 0.2
_WAKE_SECONDS: Final = 0.2


class ClosingBackend:
    """Runs in a thread of its own until `close`. Understands requests without bodies."""

    def __init__(self, seed: int = 1) -> None:
        self.closed = 0
        """Connections that it has closed."""
        self._chance: Final = random.Random(seed)
        self._listener: Final = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._selector: Final = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._heads: Final[dict[socket.socket, bytes]] = {}
        self._ends: Final[list[tuple[float, int, socket.socket]]] = []
        """When connections are to be closed."""
        self._number = 0
        self._stop = False
        self._thread: Final = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop = True
        self._thread.join()
        for each in (*self._heads, self._listener):
            each.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stop:
            pause = self._ends[0][0] - time.monotonic() if self._ends else _WAKE_SECONDS
            for key, _ in self._selector.select(max(0.0, min(pause, _WAKE_SECONDS))):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)
            while self._ends and self._ends[0][0] <= time.monotonic():
                stream = heapq.heappop(self._ends)[2]
                if stream in self._heads:
                    self._end(stream)

    def _accept(self) -> None:
        stream, _ = self._listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heads[stream] = b""
        self._selector.register(stream, selectors.EVENT_READ)

    def _read(self, stream: socket.socket) -> None:
        try:
            octets = stream.recv(65536)
            if not octets:
                self._drop(stream)
                return
            head = self._heads[stream] + octets
            self._heads[stream] = b"" if head.endswith(_HEAD_END) else head
            if head.endswith(_HEAD_END):
                stream.sendall(_ANSWER)
        except OSError:
            self._drop(stream)
            return
        if head.endswith(_HEAD_END) and self._chance.random() < _CLOSING:
            self._number += 1
            due = time.monotonic() + self._chance.random() * _LONGEST_SECONDS
            heapq.heappush(self._ends, (due, self._number, stream))

    def _end(self, stream: socket.socket) -> None:
        self.closed += 1
        if self._chance.random() < _RESETS:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._drop(stream)

    def _drop(self, stream: socket.socket) -> None:
        del self._heads[stream]
        self._selector.unregister(stream)
        stream.close()


@contextlib.contextmanager
def closing_backend() -> Iterator[ClosingBackend]:
    """The server, for as long as the context lasts."""
    backend = ClosingBackend()
    try:
        yield backend
    finally:
        backend.close()
