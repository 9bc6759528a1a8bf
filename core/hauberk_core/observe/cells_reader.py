"""The agent's reading end of a worker's cells."""

import zlib
from typing import Final, NamedTuple

import msgspec

from hauberk_core.observe.cells import ENTRY_HEAD, WORD_DIRECTORY_USED, WORD_REFUSED, Mapping
from hauberk_core.observe.metrics import GROUPS, MetricGroup

_GROUPS_BY_NAME: Final = {group.name: group for group in GROUPS}


class Series(NamedTuple):
    """The values of one label combination of a group, as they were at one moment."""

    group: MetricGroup
    labels: tuple[str, ...]
    values: list[int]


class Reading(NamedTuple):
    """What one worker, or all that have died, has counted so far."""

    series: list[Series]
    refused: int


class CellsReader:
    """Reads a worker's cells through a mapping of its own, while the worker writes or after it has died.

    What the worker wrote is checked before it is used: a worker that was taken over must not bring the agent down with it.
    """

    __slots__ = ("_decoder", "_mapping", "_places", "_position")

    def __init__(self, descriptor: int) -> None:
        """Map the file; the descriptor may be closed afterwards.

        Raises: OSError if it cannot be mapped; ValueError if it is no cells file of this release.
        """
        self._mapping: Final = Mapping(descriptor, False)
        self._decoder: Final = msgspec.json.Decoder(tuple[int, str, dict[str, str]])
        self._places: Final[list[tuple[int, MetricGroup, tuple[str, ...]]]] = []
        self._position = 0

    def read(self) -> Reading:
        """The values of all series published so far.

        Each cell is read whole. Cells of one series are read one after the other while the worker goes on counting, so that a sum
        may be one exchange ahead of its buckets.
        Raises: ValueError if the directory is damaged.
        """
        self._read_directory()
        cells = self._mapping.cells
        series = [Series(group, labels, cells[first : first + group.width].tolist()) for first, group, labels in self._places]
        return Reading(series, self._mapping.header[WORD_REFUSED])

    def close(self) -> None:
        """Unmap the file."""
        self._mapping.close()

    def _read_directory(self) -> None:
        directory = self._mapping.directory
        end = self._mapping.header[WORD_DIRECTORY_USED]
        if not self._position <= end <= len(directory):
            raise ValueError(f"the cells' directory says that {end} of {len(directory)} octets are used, after {self._position}")
        while self._position < end:
            start = self._position + ENTRY_HEAD.size
            if start > end:
                raise ValueError(f"the cells' directory is cut off at octet {self._position}")
            length, checksum = ENTRY_HEAD.unpack(directory[self._position : start])
            payload = bytes(directory[start : start + length])
            if zlib.crc32(payload) != checksum:
                return
            self._places.append(self._place(payload))
            self._position = start + length

    def _place(self, payload: bytes) -> tuple[int, MetricGroup, tuple[str, ...]]:
        try:
            first, name, labels = self._decoder.decode(payload)
        except msgspec.MsgspecError as error:
            raise ValueError(f"an entry of the cells' directory is not readable: {error}") from error
        group = _GROUPS_BY_NAME.get(name)
        if group is None:
            raise ValueError(f"the cells' directory names the metrics {name!r}, which this release does not have")
        if not 0 <= first <= len(self._mapping.cells) - group.width:
            raise ValueError(f"the cells' directory places the metrics {name!r} at {first}, outside of the cells")
        return first, group, group.label_values(labels)
