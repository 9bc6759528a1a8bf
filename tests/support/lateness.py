"""How late this machine serves its processes: what a measurement of milliseconds must be read against."""

import threading
import time
from typing import Final

PAUSE_SECONDS: Final = 0.005


class Lateness:
    """A thread that sleeps a short while again and again, and keeps how much longer that took, at most, since the last `take`."""

    def __init__(self) -> None:
        self._most = 0.0
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run)

    def __enter__(self) -> "Lateness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def take(self) -> float:
        """The greatest lateness since the last call, in seconds."""
        most, self._most = self._most, 0.0
        return most

    def _run(self) -> None:
        while not self._stop.is_set():
            due = time.monotonic() + PAUSE_SECONDS
            time.sleep(PAUSE_SECONDS)
            self._most = max(self._most, time.monotonic() - due)
