"""A server whose answers last: tunnels that send back what comes, and bodies that go on until they are told to end.

One thread, one poller, so that it holds thousands.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
# A request that came over HTTP/2 may have a body without any octets.
_NO_BODY: Final = b"0\r\n\r\n"
_SWITCH: Final = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
_BEGUN: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n"
_ENDED: Final = b"5\r\nended\r\n0\r\n\r\n"
_SHORT: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class LastingBackend:
    """`/lasting` gets a body that ends with `finish`; an upgrade is granted; all else is answered shortly."""

    def __init__(self) -> None:
        self._listener: Final = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._selector: Final = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._heads: Final[dict[socket.socket, bytes]] = {}
        self._tunnels: Final[set[socket.socket]] = set()
        self._lasting: Final[list[socket.socket]] = []
        self._thread: Final = threading.Thread(target=self._serve)
        self._thread.start()

    def finish(self) -> None:
        """End the bodies that have begun."""
        self._waker.sendall(b"f")

    def close(self) -> None:
        """End."""
        self._waker.sendall(b"c")
        self._thread.join()
        for each in (*self._heads, self._listener, self._waker, self._woken):
            each.close()
        self._selector.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                stream = key.fileobj
                assert isinstance(stream, socket.socket)
                if stream is self._woken:
                    if self._woken.recv(1) == b"c":
                        return
                    for each in self._lasting:
                        each.sendall(_ENDED)
                    self._lasting.clear()
                elif stream is self._listener:
                    accepted, _ = self._listener.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._heads[accepted] = b""
                    self._selector.register(accepted, selectors.EVENT_READ)
                else:
                    with contextlib.suppress(OSError):
                        if self._read(stream):
                            continue
                    self._drop(stream)

    def _read(self, stream: socket.socket) -> bool:
        """Returns: whether the connection goes on."""
        octets = stream.recv(65536)
        if not octets:
            return False
        if octets == _NO_BODY and not self._heads[stream]:
            return True
        if stream in self._tunnels:
            stream.sendall(octets)
            return True
        head = self._heads[stream] + octets
        self._heads[stream] = b"" if head.endswith(_HEAD_END) else head
        if head.endswith(_HEAD_END):
            if b"\r\nupgrade: " in head.lower():
                self._tunnels.add(stream)
                stream.sendall(_SWITCH)
            elif head.startswith(b"GET /lasting"):
                self._lasting.append(stream)
                stream.sendall(_BEGUN)
            else:
                stream.sendall(_SHORT)
        return True

    def _drop(self, stream: socket.socket) -> None:
        del self._heads[stream]
        self._tunnels.discard(stream)
        if stream in self._lasting:
            self._lasting.remove(stream)
        self._selector.unregister(stream)
        stream.close()


@contextlib.contextmanager
def lasting_backend() -> Iterator[LastingBackend]:
    """The server, for as long as the context lasts."""
    backend = LastingBackend()
    try:
        yield backend
    finally:
        backend.close()
