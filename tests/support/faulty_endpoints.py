"""Endpoints that fail all the time, each in its own way, so that what a proxy answers for them can be told beforehand."""

import contextlib
import itertools
import socket
import threading
import time
from typing import Final

from live_proxy import PATIENCE
from programs import free_port

# An endpoint is away for so long, and there for so long.
_LEAVING_SECONDS: Final = 0.5

EXPLAINED: Final = ("502 upstream_reset", "503 connect_failed")
"""What a proxy answers for them where they fail: the status, and the reason."""


class FaultyEndpoints:
    """One that breaks every connection off, before an answer or within its head, and one that is there half of the time."""

    def __init__(self) -> None:
        self._stop: Final = threading.Event()
        self._breaking: Final = socket.create_server(("127.0.0.1", 0))
        self._breaking.settimeout(_LEAVING_SECONDS)
        self.breaking: Final[int] = self._breaking.getsockname()[1]
        self.leaving: Final = free_port()
        self._threads: Final = [threading.Thread(target=self._break_off), threading.Thread(target=self._come_and_go)]

    def __enter__(self) -> "FaultyEndpoints":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._breaking.close()

    def _break_off(self) -> None:
        said = itertools.cycle((b"", b"HTTP/1.1 200 OK\r\ncontent-le"))
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                stream, _ = self._breaking.accept()
                with stream:
                    stream.settimeout(_LEAVING_SECONDS)
                    stream.recv(65536)
                    stream.sendall(next(said))

    def _come_and_go(self) -> None:
        while not self._stop.wait(_LEAVING_SECONDS):
            until = time.monotonic() + _LEAVING_SECONDS
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", self.leaving)) as listener:
                listener.settimeout(_LEAVING_SECONDS)
                while time.monotonic() < until:
                    stream, _ = listener.accept()
                    with stream:
                        stream.settimeout(_LEAVING_SECONDS)
                        stream.recv(65536)
                        stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
