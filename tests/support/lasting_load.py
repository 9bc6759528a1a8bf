"""Clients that open WebSockets, and connections of HTTP/2, and use them for a while, while something is done to a proxy."""

import threading
import time
from collections.abc import Callable
from typing import Final

from lasting_clients import Broken, Http2, WebSocket
from live_proxy import PATIENCE, wait_until

# Of one WebSocket.
_ECHOES: Final = 5


class LastingLoad:
    """Threads, each of which does one session after the other, until told to stop; every answer and every failure is counted.

    Being refused a connection, or reset while connecting, is counted apart: it loses nothing.
    """

    def __init__(self, port: int, sockets: int, http2: int, path: str = "/", pause: float = 0.01) -> None:
        """Args: sockets, http2 - so many threads of each kind; path - what is asked for over HTTP/2; pause - seconds between an
        answer and the next request.
        """
        self.answers = 0
        self.refused = 0
        self.failures: list[str] = []
        self._port: Final = port
        self._path: Final = path
        self._pause: Final = pause
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        kinds: list[Callable[[], None]] = [self._use_socket] * sockets + [self._use_http2] * http2
        self._threads: Final = [threading.Thread(target=self._go_on, args=(kind,)) for kind in kinds]

    def __enter__(self) -> "LastingLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come."""
        wanted = self.answers + more
        wait_until(lambda: self.answers >= wanted, lambda: f"{self.answers} answers, {self.failures[:5]}")

    def _go_on(self, use: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                use()
            except ConnectionRefusedError:
                with self._lock:
                    self.refused += 1
                time.sleep(0.01)  # a client that is refused comes back later, not at once
            except (OSError, Broken) as error:
                with self._lock:
                    self.failures.append(f"{use.__name__}: {error!r}")

    def _answered(self) -> None:
        with self._lock:
            self.answers += 1
        self._stop.wait(self._pause)

    def _use_socket(self) -> None:
        opened = WebSocket(self._port)
        try:
            for number in range(_ECHOES):
                opened.echo(b"echo %d" % number)
                self._answered()
        finally:
            opened.close()

    def _use_http2(self) -> None:
        """Ask for as long as the proxy takes requests on the connection."""
        connection = Http2(self._port)
        try:
            while not self._stop.is_set() and not connection.is_going:
                status, body = connection.finish(connection.ask(self._path))
                if status != 200 or not body:
                    raise Broken(f"the answer was {status} {body!r}")
                self._answered()
        except (OSError, Broken):
            if not connection.was_turned_away():
                raise
        finally:
            connection.close()
