"""A conduit of the kernel's: splice(2), by way of a pipe. Linux has it; elsewhere octets are read and written."""

import contextlib
import fcntl
import os
from typing import Final

from hauberk_core.net.conduit import CONDUIT_BYTES, Conduit

_HAS_SPLICE: Final = hasattr(os, "splice")
_FLAGS: Final[int] = getattr(os, "SPLICE_F_NONBLOCK", 2) | getattr(os, "SPLICE_F_MOVE", 1)
# Since Python 3.10 on Linux.
_SET_PIPE_SIZE: Final[int] = getattr(fcntl, "F_SETPIPE_SZ", -1)


class PipeConduit(Conduit):
    """From one socket through a pipe to another socket."""

    def __init__(self, source: int, sink: int, reading: int, writing: int) -> None:
        """Args: source, sink - descriptors of sockets that do not block; reading, writing - of a pipe, which is this object's."""
        super().__init__()
        self._source: Final = source
        self._sink: Final = sink
        self._reading = reading
        self._writing = writing

    def fill(self) -> int | None:
        room = CONDUIT_BYTES - self.held
        if room <= 0:
            return None
        try:
            taken = os.splice(self._source, self._writing, room, flags=_FLAGS)
        except BlockingIOError:
            return None
        self.held += taken
        return taken

    def drain(self) -> None:
        try:
            self.held -= os.splice(self._reading, self._sink, self.held, flags=_FLAGS)
        except BlockingIOError:
            return

    def close(self) -> None:
        reading, writing = self._reading, self._writing
        self._reading = self._writing = -1
        if reading >= 0:
            os.close(reading)
            os.close(writing)


def splice_between(source: int, sink: int) -> Conduit | None:
    """A conduit between two sockets; None: there is none to be had here, or not now."""
    if not _HAS_SPLICE:
        return None
    try:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no descriptors, or no room for pipes, are left
        return None
    if _SET_PIPE_SIZE >= 0:
        # A user who has many pipes gets small ones, which serve as well.
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, _SET_PIPE_SIZE, CONDUIT_BYTES)
    return PipeConduit(source, sink, reading, writing)
