"""Clients that ask again and again while a mesh changes under them."""

import http.client
import threading
from collections import Counter
from concurrent.futures import Future
from typing import Final

from mesh_workers import PATIENCE_SECONDS, World


class Load:
    """Keep-alive clients of one port, each in a thread; every answer is counted by its status, every failure by its text."""

    def __init__(self, world: World, port: int, clients: int) -> None:
        self.answers: Final[Counter[str]] = Counter()
        self._port: Final = port
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        self._world: Final = world
        self._clients: Final[list[Future[None]]] = [world.begin(self._ask) for _ in range(clients)]

    def total(self) -> int:
        """Answers and failures so far."""
        with self._lock:
            return self.answers.total()

    def more(self, number: int) -> None:
        """Run until so many more requests are over."""
        target = self.total() + number
        self._world.until(lambda: self.total() >= target)

    def end(self) -> Counter[str]:
        """Stop. Returns: what became of all requests."""
        self._stop.set()
        self._world.until(lambda: all(client.done() for client in self._clients))
        for client in self._clients:
            client.result()
        return self.answers

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/x")
                response = connection.getresponse()
                body = response.read()
                outcome = str(response.status) if response.status == 200 else f"{response.status}: {body.decode('latin-1')}"
            except (OSError, http.client.HTTPException) as error:
                outcome = repr(error)
                connection.close()
            with self._lock:
                self.answers[outcome] += 1
        connection.close()
