"""Asks a gateway again and again over one connection, and notices the first answer that is another one.

A socket and a few lines rather than an HTTP client: the prober shares the machine with what it measures, and whatever it uses is
taken from that.
"""

import contextlib
import re
import socket
import time
from types import TracebackType
from typing import Final, Self

from bench.cluster.cluster import BenchFailed

# Between an answer and the next request. The sum of both bounds how exact a figure is, and how much the prober takes.
PAUSE_SECONDS: Final = 0.001
_ANSWER_SECONDS: Final = 5.0
_LARGEST_HEAD: Final = 64 << 10
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Prober:
    """One connection to a gateway, made when it is first needed, and anew when it is closed."""

    def __init__(self, address: str, port: int, host: str) -> None:
        """Args: host - whom requests ask for."""
        self._address: Final = (address, port)
        self._request: Final = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self._socket: socket.socket | None = None
        self.asked = 0
        """Requests so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def wait_for(self, mark: bytes, seconds: float) -> float:
        """Ask until an answer's head contains `mark`.

        Returns: when that answer had come, as `time.perf_counter` counts. Raises: BenchFailed after so many seconds.
        """
        deadline = time.perf_counter() + seconds
        last = b""
        while True:
            with contextlib.suppress(OSError):
                last = self._ask()
                if mark in last:
                    return time.perf_counter()
            if time.perf_counter() > deadline:
                raise BenchFailed(f"no answer with {mark!r} within {seconds:.0f} s; the last one was {last[:300]!r}")
            time.sleep(PAUSE_SECONDS)

    def _ask(self) -> bytes:
        """The head of one answer. Raises: OSError."""
        self.asked += 1
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, _ANSWER_SECONDS)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(self._request)
            return self._read_answer(self._socket)
        except OSError:
            self._close()
            raise

    def _read_answer(self, connection: socket.socket) -> bytes:
        data = b""
        while True:
            head, end, rest = data.partition(b"\r\n\r\n")
            if end:
                length = _LENGTH.search(head)
                if length is None:
                    raise ConnectionError("an answer whose length is not known")
                if len(rest) >= int(length.group(1)):
                    if b"\r\nconnection: close" in head.lower():
                        self._close()
                    return head
            elif len(data) > _LARGEST_HEAD:
                raise ConnectionError("an answer without an end to its head")
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("closed in the middle of an answer")
            data += piece

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
