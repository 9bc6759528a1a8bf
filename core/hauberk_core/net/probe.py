"""Measures how long what is ready waits for its turn in the loop.

One octet goes through a pipe that the loop watches like any connection: the time from its writing until the loop comes to it
is what a request that arrived at the same moment has waited, whatever held the loop up: many others before it, one that took
long, or a machine that gave the process no turn. Whoever looks at it waits for a turn too, which counts as much: the octet may
come first in its batch, and what holds up the loop second.
"""

import os
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.loop import Handler, Loop
from hauberk_core.net.poller import READ

_OCTET: Final = b"."


@mypyc_attr(allow_interpreted_subclasses=True)
class LoopProbe(Handler):
    """Writes an octet when asked, and remembers how long the last one waited."""

    def __init__(self, loop: Loop) -> None:
        """Watch a pipe of its own. Raises: OSError if there are no descriptors left."""
        self._loop: Final = loop
        reader, writer = os.pipe()
        self._reader: Final[int] = reader
        self._writer: Final[int] = writer
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._sent: float = -1.0
        """When the octet under way was written; -1: none is."""
        self._looked: float = 0.0
        """When somebody looked last: what was told then is not told again, for one hold-up would pass for two."""
        self._waited: float = 0.0
        """How long the last octet waited since then."""
        loop.register(reader, self, READ)

    def look(self, due: float) -> float:
        """How long the last octet waited, or the one under way has by now, or this look, in seconds. Sends an octet if none is.

        Args: due - when this look was to happen, in seconds of the loop's clock.
        """
        now = self._loop.clock.now()
        waited = max(self._waited, now - due)
        self._waited = 0.0
        self._looked = now
        if self._sent >= 0:
            return max(waited, now - self._sent)
        os.write(self._writer, _OCTET)
        self._sent = now
        return waited

    def ready(self, events: int) -> None:
        os.read(self._reader, 1)
        self._waited = self._loop.clock.now() - self._looked
        self._sent = -1.0

    def give_up(self, error: Exception) -> None:
        """Measure no more. What waits for its turn then is unknown, and counts as nothing."""
        self._loop.forget(self._reader)

    def close(self) -> None:
        """Release the pipe."""
        self._loop.forget(self._reader)
        os.close(self._reader)
        os.close(self._writer)
