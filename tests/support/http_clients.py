"""Clients that ask again and again while something is done to a proxy, and count what becomes of their requests."""

import ssl
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final

from live_proxy import PATIENCE, wait_until

# Between an answer and the next request: enough are under way at any time, and the machine has others to serve.
_PAUSE_SECONDS: Final = 0.005
# A proxy that drains waits half a second for the next request on a connection. A client to which a busy machine gave no turn for
# so long has to expect that its connection was closed meanwhile, and asks again on another.
IDLE_SECONDS: Final = 0.25


class Clients:
    """Threads that ask, one request after the other, until told to stop, and count every answer and every failure.

    A client does as HTTP asks: it sends nothing behind an answer with `Connection: close`. Being refused a connection, or reset
    while connecting, is counted apart: it loses no request. A TLS handshake that is cut is a failure like any other: somebody had
    accepted that connection.
    """

    def __init__(self, port: int, threads: int, keep_alive: bool, trust: ssl.SSLContext | None = None, path: str = "/") -> None:
        """Args: trust - for HTTPS, else HTTP is spoken."""
        self.answers = 0
        self.refused = 0
        self.failures: list[str] = []
        self._port: Final = port
        self._keep_alive: Final = keep_alive
        self._trust: Final = trust
        self._path: Final = path
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        self._threads: Final = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        connection = self._connection()
        answered = time.monotonic()
        while not self._stop.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
                    answered = time.monotonic()
            except OSError as error:
                is_refused = connection.sock is None and isinstance(error, ConnectionRefusedError | ConnectionResetError)
                connection.close()
                with self._lock:
                    if is_refused:
                        self.refused += 1
                    else:
                        self.failures.append(repr(error))
                time.sleep(0.01)  # a client that is refused comes back later, not at once
                continue
            sent = 0.0
            try:
                # http.client closes behind an answer with Connection: close.
                connection.request("GET", self._path, headers={} if self._keep_alive else {"Connection": "close"})
                sent = time.monotonic()
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise HTTPException(f"{response.status} {body!r}")
            except (OSError, HTTPException) as error:
                connection.close()
                if isinstance(error, ConnectionError) and (sent or time.monotonic()) - answered > IDLE_SECONDS:
                    continue
                with self._lock:
                    self.failures.append(repr(error))
            else:
                answered = time.monotonic()
                with self._lock:
                    self.answers += 1
                self._stop.wait(_PAUSE_SECONDS)
        connection.close()

    def _connection(self) -> HTTPConnection:
        if self._trust is None:
            return HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        return HTTPSConnection("localhost", self._port, timeout=PATIENCE, context=self._trust)

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come."""
        wanted = self.answers + more
        wait_until(lambda: self.answers >= wanted, lambda: f"{self.answers} answers, {self.failures[:5]}")
