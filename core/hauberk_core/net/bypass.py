"""One direction between two connections whose octets the kernel carries by itself."""

from typing import TYPE_CHECKING, Final

from hauberk_core.net.conduit import Conduit

if TYPE_CHECKING:
    from hauberk_core.net.connection import Connection

# Of one wake, each at most a bulk read: other connections come first again after so many.
CARRIES_PER_WAKE: Final = 4
MOST_BYPASSES: Final = 64
"""Of one loop: what they hold is memory of the kernel's that is counted as this process' own, 16 MiB in all."""


class Bypass:
    """From a source's connection to a sink's. While something is held, the source is not read from, and the sink is watched."""

    def __init__(self, source: "Connection", sink: "Connection", conduit: Conduit) -> None:
        self._source: Final = source
        self._sink: Final = sink
        self._conduit: Final = conduit
        self._open = True

    def is_full(self) -> bool:
        """Whether it holds something that the sink has yet to take."""
        return self._conduit.held > 0

    def carry(self) -> None:
        """The source is readable."""
        source = self._source
        for _ in range(CARRIES_PER_WAKE):
            try:
                taken = self._conduit.fill()
            except OSError as error:
                source.broken(error)
                return
            if taken == 0:
                # Nothing is held: the source is not read from while there is. Others may have what this one needed.
                self.close()
                source.bypassed_end()
                return
            if taken is not None:
                source.bytes_read += taken
                source.carried(taken)
            if not self._open or not self._push() or taken is None:
                return

    def go_on(self) -> None:
        """The sink is writable."""
        if self._push():
            self._sink.watch_again()
            self._source.resume_reading()

    def close(self) -> None:
        """One of the two connections is closed, or the source has ended."""
        if self._open:
            self._open = False
            self._source.loop.bypasses -= 1
            self._conduit.close()
            self._source.bypass_gone(self)
            self._sink.bypass_gone(self)

    def _push(self) -> bool:
        """Returns: whether nothing is held any more."""
        conduit = self._conduit
        before = conduit.held
        if not before:
            return True
        try:
            conduit.drain()
        except OSError as error:
            self._sink.broken(error)
            return False
        self._sink.bytes_written += before - conduit.held
        if conduit.held:
            self._source.pause_reading()
            self._sink.watch_again()
            return False
        return True
