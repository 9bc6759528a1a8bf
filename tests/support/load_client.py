"""Clients that ask one port again and again while something changes around them, and remember what came of each request."""

import contextlib
import http.client
import math
import threading
import time
from collections import Counter
from typing import Final, NamedTuple

from http_clients import IDLE_SECONDS

ANSWER_SECONDS: Final = 20.0
"""An answer that takes longer is a failure."""
END_SECONDS: Final = 60.0


class Sample(NamedTuple):
    """One request that is over; moments are those of `time.monotonic`."""

    client: int
    began: float
    ended: float
    outcome: str
    """`200`, or what was wrong: another status with its body, or the failure of the connection."""
    mark: str
    """The value of the response header that the load looks at, if any."""


class Load:
    """Clients in threads, each of which sends one request after the other.

    Nothing is tried twice: a kept connection that breaks is a failure, even though a browser would have hidden it. One that this
    process has left unused for too long, because the machine gave it no turn, may have been closed meanwhile.
    """

    def __init__(
        self, port: int, path: str = "/x", clients: int = 1, *, fresh: int = 0, pause: float = 0.02, mark: str = ""
    ) -> None:
        """Start.

        Args: clients - those that keep their connection; fresh - those that open another one for each request; pause - seconds
        between an answer and the next request; mark - a response header whose value samples are to tell.
        """
        self.port: Final = port
        self.path: Final = path
        self._pause: Final = pause
        self._mark: Final = mark
        self._stop: Final = threading.Event()
        self._samples: Final[list[Sample]] = []
        self._threads: Final = [
            threading.Thread(target=self._ask, args=(client, client < clients)) for client in range(clients + fresh)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        deadline = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self._threads)

    def stop(self) -> None:
        """Send no more requests. Does not wait for the answers to those under way."""
        self._stop.set()

    def is_over(self) -> bool:
        """Whether all clients have stopped."""
        return not any(thread.is_alive() for thread in self._threads)

    def total(self) -> int:
        """Requests that are over."""
        return len(self._samples)

    def samples(self, start: int = 0) -> list[Sample]:
        """Those from the `start`-th on, in the order in which they ended."""
        return self._samples[start:]

    def failed(self) -> list[Sample]:
        """Those that were not answered with 200."""
        return [sample for sample in self.samples() if sample.outcome != "200"]

    def outcomes(self) -> Counter[str]:
        """How often each outcome came."""
        return Counter(sample.outcome for sample in self.samples())

    def _ask(self, client: int, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        answered = math.inf
        with contextlib.closing(connection):
            while not self._stop.is_set():
                began = time.monotonic()
                result = self._exchange(connection, answered)
                if not keep or result is None or result[0] != "200":
                    connection.close()
                # http.client closes behind an answer with Connection: close.
                answered = math.inf if connection.sock is None else time.monotonic()
                if result is not None:
                    self._samples.append(Sample(client, began, time.monotonic(), *result))
                    self._stop.wait(self._pause)

    def _exchange(self, connection: http.client.HTTPConnection, answered: float) -> tuple[str, str] | None:
        """What came of a request, and its mark; None: the connection had been closed for being unused.

        Args: answered - when the connection brought its last answer; infinity: there was none.
        """
        sent = 0.0
        try:
            connection.request("GET", self.path)
            sent = time.monotonic()
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, ConnectionError) and (sent or time.monotonic()) - answered > IDLE_SECONDS:
                return None
            return repr(error), ""
        outcome = str(response.status)
        if response.status != 200:
            outcome += f" {response.headers.get('hauberk-reason', '')}: {body.decode('latin-1')}"
        return outcome, response.headers.get(self._mark, "") if self._mark else ""
