"""Failures in a row, whichever workers saw them.

Each worker counts the failures that it sees, and notes in which epoch it saw them. A success begins a new epoch, and with it what
was counted before means nothing. So nobody writes what another one counts, and nobody waits.

If a worker dies, an epoch that it began is forgotten with it, and a streak may have to begin anew.
"""

from typing import Final

from hauberk_core.plugin.data import SharedRecord


class Streak:
    """Three words of an endpoint's rows: failures, their epoch, and the latest epoch begun by that worker."""

    __slots__ = ("_first", "_others", "_own")

    def __init__(self, record: SharedRecord, first: int) -> None:
        self._own: Final[memoryview] = record.own
        self._others: Final = record.others
        self._first: Final = first

    def failed(self) -> int:
        """Another failure. Returns: how many there are in a row now."""
        first = self._first
        own = self._own
        latest = self._latest()
        if own[first + 1] != latest:
            own[first + 1] = latest
            own[first] = 0
        own[first] += 1
        return self._count(latest)

    def broke(self) -> None:
        """A success, or an ejection: begin anew. Costs next to nothing where nothing had failed."""
        first = self._first
        own = self._own
        if not self._others:
            if own[first]:
                own[first] = 0
            return
        latest = self._latest()
        if self._count(latest):
            own[first + 2] = latest + 1

    def count(self) -> int:
        """How many there are in a row."""
        return self._count(self._latest())

    def _latest(self) -> int:
        word = self._first + 2
        latest = int(self._own[word])
        for row in self._others:
            other = int(row[word])
            if other > latest:
                latest = other
        return latest

    def _count(self, latest: int) -> int:
        first = self._first
        own = self._own
        total = 0
        if own[first + 1] == latest:
            total = int(own[first])
        for row in self._others:
            if row[first + 1] == latest:
                total += int(row[first])
        return total
