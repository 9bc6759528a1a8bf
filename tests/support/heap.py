"""What a process holds alive, asked from outside: unlike resident memory, it does not depend on how an allocator spreads it."""

import os
import signal
from pathlib import Path
from typing import Final, NamedTuple

from live_proxy import wait_until

_PROBE: Final = Path(__file__).parent / "heap_probe"


class Heap(NamedTuple):
    """What is alive after a collection of cycles."""

    objects: int
    """Of up to 512 octets each, in Python's own allocator: nearly all that Python makes."""
    octets: int
    """Given out by malloc: larger objects, and what C libraries hold."""


class HeapProbe:
    """Asks processes that were started with `environment`."""

    def __init__(self, folder: Path, leaks: str = "") -> None:
        """Args: folder - for the answers; leaks - what processes are to leak: "requests", "changes", or both with a comma."""
        self._folder: Final = folder
        self.environment: Final = {"HEAP_PROBE_FOLDER": str(folder), "HEAP_PROBE_LEAKS": leaks, "PYTHONPATH": str(_PROBE)}

    def ask(self, process: int) -> Heap:
        """Have `process` count. AssertionError if it does not answer."""
        answer = self._folder / str(process)
        answer.unlink(missing_ok=True)
        os.kill(process, signal.SIGUSR1)
        wait_until(answer.exists, lambda: f"process {process} does not tell what it holds")
        objects, octets = answer.read_text().split()
        return Heap(int(objects), int(octets))
