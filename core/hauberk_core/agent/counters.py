"""The workers' counters as the agent keeps them: a mapped file for each living worker, and the sum of the dead."""

import os
from typing import Final

from hauberk_core.agent.logs import LOG
from hauberk_core.agent.memory_file import memory_file
from hauberk_core.agent.shared import SharedMemory
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.cells_reader import CellsReader, Reading
from hauberk_core.observe.folded import FoldedCells


class Counters:
    """Every count of the proxy, across the deaths of its workers."""

    def __init__(self, workers: int = 1) -> None:
        self.shared: Final = SharedMemory(workers)
        """What the workers share."""
        self._living: Final[list[CellsReader]] = []
        self._folded: Final = FoldedCells()

    def open(self) -> tuple[int, CellsReader]:
        """Cells for a new worker: the descriptor to hand to it, the caller's to close, and what reads them."""
        descriptor = memory_file("hauberk-cells")
        try:
            create_cells(descriptor)
            reader = CellsReader(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._living.append(reader)
        return descriptor, reader

    def close(self) -> None:
        """No worker runs any more, and nobody reads any more."""
        self.shared.close()

    def own_cells(self) -> Cells:
        """Cells that the agent itself counts in, for as long as it lives."""
        descriptor, _ = self.open()
        try:
            return Cells(descriptor)
        finally:
            os.close(descriptor)

    def fold(self, reader: CellsReader) -> None:
        """The worker is gone: keep what it counted, release its cells."""
        self._living.remove(reader)
        reading = _read(reader)
        if reading is not None:
            self._folded.fold(reading)
        reader.close()

    def readings(self) -> list[Reading]:
        """All counts at this moment."""
        living = [reading for reader in self._living if (reading := _read(reader)) is not None]
        return [self._folded.read(), self.shared.reading(), *living]

    def exposition(self, readings: list[Reading], accept: str) -> tuple[bytes, str]:
        """The readings as Prometheus' text and its content type. Takes milliseconds: call it in a thread."""
        # prometheus-client brings a web server and client of its own; where nobody scrapes, its 2 MiB are left out.
        from hauberk_core.observe.exposition import render

        return render(readings, accept)


def _read(reader: CellsReader) -> Reading | None:
    try:
        return reader.read()
    except ValueError as error:
        LOG.error("the counters of a worker cannot be read and are left out: %s", error)
        return None
