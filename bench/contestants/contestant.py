"""What the bench asks of a proxy that takes part."""

import abc
import subprocess
from typing import get_args

from bench.process import Launch
from bench.site import Listener, Place

EVERY_LISTENER: frozenset[Listener] = frozenset(get_args(Listener))


class Contestant(abc.ABC):
    """A proxy: how to find, configure and start it. `name` is unique in a run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.listeners: frozenset[Listener] = EVERY_LISTENER

    @abc.abstractmethod
    def absence(self) -> str | None:
        """Why it cannot take part here and what to do about it; None: it can."""

    @abc.abstractmethod
    def version(self) -> str:
        """What it calls itself."""

    @abc.abstractmethod
    def prepare(self, place: Place) -> Launch:
        """Write its configuration into the place's folder and say how to start it."""

    def is_worker(self, arguments: list[str]) -> bool:
        """Whether a process of this proxy, told by its command line, carries traffic (others supervise it)."""
        return True

    def doubt(self, pids: list[int]) -> str | None:
        """Why the running processes are not what they should be; None: they are."""
        return None


def first_line(arguments: list[str], containing: str = "") -> str:
    """First line with `containing` that a command prints; empty if it cannot be run."""
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    for line in (done.stdout + done.stderr).splitlines():
        if line.strip() and containing in line:
            return line.strip()
    return ""
