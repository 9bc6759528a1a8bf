"""Where access log lines go: gathered, written many at a time, and never waited for."""

import os
import select
import stat
from typing import Final, NamedTuple

from hauberk_core.observe.line_format import LineFormat
from hauberk_core.observe.record import Record

# One write for about 180 lines: the system call is then a small part of a line's cost. A pipe holds as much by default.
FLUSH_BYTES: Final = 65536
# What is kept for a log that does not take it: about 3,000 lines, so that a reader may be a second late at 3,000 requests/s.
# More would be memory that a broken log collector takes from the traffic.
PENDING_LIMIT: Final = 1 << 20
_LINE_FEED: Final = 10


class AccessLogStatistics(NamedTuple):
    """Lines handed to the log since its start, how many of them were lost, and octets not yet written."""

    lines: int
    dropped: int
    pending_bytes: int


class AccessLogWriter:
    """Writes a line for each finished exchange to a descriptor that may be slow, full or broken, none of which the traffic feels.

    Lines are written whole. Several workers share a log: in a regular file, opened for appending, any write stays in one piece;
    in a pipe only writes of up to PIPE_BUF octets do, so lines go there in pieces of that size.
    """

    __slots__ = (
        "_descriptor",
        "_dropped",
        "_format",
        "_lines",
        "_mid_line",
        "_offered",
        "_pending",
        "_piece_limit",
        "_rest",
        "_total",
    )

    def __init__(self, descriptor: int, line_format: LineFormat) -> None:
        """Begin to write.

        Args: descriptor - non-blocking, in append mode if it is a file; it stays the caller's to close.
        """
        self._format: Final = line_format
        self._descriptor = descriptor
        self._piece_limit = _piece_limit(descriptor)
        self._lines: list[bytes] = []
        # What the descriptor did not take; and whether the last octet it took was in the middle of a line.
        self._rest = b""
        self._mid_line = False
        self._pending = 0
        self._offered = 0
        self._total = 0
        self._dropped = 0

    def write(self, record: Record) -> None:
        """Add a line.

        Does not block and does not raise. Where the log is behind by `PENDING_LIMIT` octets, the line is dropped and counted.
        """
        line = self._format.line(record)
        size = len(line)
        self._total += 1
        pending = self._pending + size
        if pending > PENDING_LIMIT:
            self._dropped += 1
        else:
            self._pending = pending
            self._lines.append(line)
        offered = self._offered + size
        self._offered = offered
        if offered >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what the descriptor takes; to be called every second too, so that a quiet proxy's lines appear.

        What a full pipe does not take stays for later. What a broken log (disk full, reader gone) does not take is dropped and
        counted.
        """
        self._offered = 0
        if not self._pending:
            return
        continues = bool(self._rest)
        data = self._rest + b"".join(self._lines)
        self._lines = []
        end = len(data)
        position = 0
        try:
            if self._mid_line and not continues:
                # The rest of that line was dropped; the next one must not be taken for it.
                os.write(self._descriptor, b"\n")
                self._mid_line = False
            while position < end:
                position += os.write(self._descriptor, data[position : self._piece_end(data, position)])
            self._rest = b""
        except BlockingIOError:
            self._rest = data[position:]
        except OSError:
            self._dropped += data.count(b"\n", position)
            self._rest = b""
        if position > 0:
            self._mid_line = data[position - 1] != _LINE_FEED
        self._pending = len(self._rest)

    def replace(self, descriptor: int) -> None:
        """Go on with another descriptor, because the log was rotated. The caller closes the old one afterwards.

        The old one gets what it takes now, the new one what is left, from the next whole line on.
        """
        self.flush()
        if self._mid_line and self._rest:
            self._rest = self._rest[self._rest.find(b"\n") + 1 :]
            self._pending = len(self._rest)
            self._dropped += 1
        self._mid_line = False
        self._descriptor = descriptor
        self._piece_limit = _piece_limit(descriptor)

    def statistics(self) -> AccessLogStatistics:
        """What has become of the lines so far."""
        return AccessLogStatistics(self._total, self._dropped, self._pending)

    def _piece_end(self, data: bytes, position: int) -> int:
        """Where the next write ends: with the last whole line within the limit, or with the line if it alone is longer."""
        end = len(data)
        if end - position <= self._piece_limit:
            return end
        found = data.rfind(b"\n", position, position + self._piece_limit)
        if found < 0:
            found = data.find(b"\n", position)
        return found + 1


def _piece_limit(descriptor: int) -> int:
    """How many octets one write may carry and stay in one piece among other processes' writes."""
    mode = os.fstat(descriptor).st_mode
    return select.PIPE_BUF if stat.S_ISFIFO(mode) else FLUSH_BYTES + PENDING_LIMIT
