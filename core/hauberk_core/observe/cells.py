"""Counters of one worker in shared memory: written without locks, readable by the agent at any time, even after a kill -9.

The file, in the machine's own byte order:

    header      8 words of 64 bits: magic, version, cells, size of the directory, octets of it in use, refused series, 2 unused
    cells       64-bit integers, one worker writes them
    directory   entries, appended: length (32 bits), CRC-32 of the payload (32 bits), payload

A payload is a JSON array: the first cell of a series, the name of its metric group, and the labels that differ from the group's
default. It is written completely before the header's count of used octets is raised, and a reader on a processor that reorders
stores sees by the checksum that an entry has not arrived yet. A series never moves and is never removed.
"""

import mmap
import os
import struct
import zlib
from typing import Final

import msgspec

from hauberk_core.observe.metrics import OTHER, MetricGroup

MAGIC: Final = int.from_bytes(b"HBCELLS\n", "big")
VERSION: Final = 1
HEADER_WORDS: Final = 8
WORD_MAGIC: Final = 0
WORD_VERSION: Final = 1
WORD_CELLS: Final = 2
WORD_DIRECTORY_BYTES: Final = 3
WORD_DIRECTORY_USED: Final = 4
WORD_REFUSED: Final = 5

# A combination of cluster, status and flags takes 64 cells: room for 8,000 of them, which is 1,000 services with 8 outcomes each.
# Memory is taken only for pages that are written, so a small mesh pays for what it has.
DEFAULT_CELLS: Final = 1 << 19
# About 500 octets for each of those combinations.
DEFAULT_DIRECTORY_BYTES: Final = 1 << 22

ENTRY_HEAD: Final = struct.Struct("=II")


def create_cells(descriptor: int, cells: int = DEFAULT_CELLS, directory_bytes: int = DEFAULT_DIRECTORY_BYTES) -> None:
    """Make an empty file (or memfd) into cells that `Cells` and `CellsReader` can map: the agent, before it starts a worker.

    Raises: OSError if the file cannot be resized; ValueError if it is not empty.
    """
    if os.fstat(descriptor).st_size:
        raise ValueError("the file for the cells is not empty; hand in a new one for each worker")
    os.ftruncate(descriptor, HEADER_WORDS * 8 + cells * 8 + directory_bytes)
    header = struct.pack(f"={HEADER_WORDS}q", MAGIC, VERSION, cells, directory_bytes, 0, 0, 0, 0)
    os.pwrite(descriptor, header, 0)


class Mapping:
    """A mapped and checked cells file: its three areas."""

    __slots__ = ("_map", "_whole", "cells", "directory", "header")

    def __init__(self, descriptor: int, writable: bool) -> None:
        """Map the file; the descriptor may be closed afterwards.

        Raises: OSError if it cannot be mapped; ValueError if it is no cells file or one of another release.
        """
        size = os.fstat(descriptor).st_size
        if size < HEADER_WORDS * 8:
            raise ValueError(f"the cells file has {size} octets, too few for its header; the agent makes it with create_cells")
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        self._map: Final = mmap.mmap(descriptor, size, access=access)
        self._whole: Final = memoryview(self._map)
        self.header: Final = self._whole[: HEADER_WORDS * 8].cast("q")
        cells = self.header[WORD_CELLS]
        directory_bytes = self.header[WORD_DIRECTORY_BYTES]
        if self.header[WORD_MAGIC] != MAGIC or self.header[WORD_VERSION] != VERSION:
            raise ValueError("the file is no cells file of this release; agent and worker must be of the same release")
        if cells < 0 or directory_bytes < 0 or size != HEADER_WORDS * 8 + cells * 8 + directory_bytes:
            raise ValueError(
                f"the cells file has {size} octets, but its header says {cells} cells and {directory_bytes} octets more"
            )
        directory_start = HEADER_WORDS * 8 + cells * 8
        self.cells: Final = self._whole[HEADER_WORDS * 8 : directory_start].cast("q")
        self.directory: Final = self._whole[directory_start:]

    def close(self) -> None:
        """Unmap. Views handed out elsewhere must be gone."""
        self.header.release()
        self.cells.release()
        self.directory.release()
        self._whole.release()
        self._map.close()


class Cells:
    """The writing end: finds a series' cells by its labels, or makes them while there is room.

    There is a bound on what strangers can make a worker remember: a series that finds no room is counted as refused, and its
    values go to the group's series in which every label is `other`, whose place is taken before anything else's.
    """

    __slots__ = ("_mapping", "_series", "_used")

    def __init__(self, descriptor: int) -> None:
        """Map a fresh file that `create_cells` has made.

        Raises: OSError if it cannot be mapped; ValueError if it is no fresh cells file.
        """
        self._mapping: Final = Mapping(descriptor, True)
        if self._mapping.header[WORD_DIRECTORY_USED]:
            raise ValueError("the cells file has been written before; each worker needs its own")
        self._series: Final[dict[tuple[str, tuple[str, ...]], memoryview]] = {}
        self._used = 0

    def view(self, group: MetricGroup, labels: tuple[str, ...]) -> memoryview:
        """The cells of one series, `group.width` of them: `view[i] += n` counts.

        (Indices into a short view are small integers, which cost less than large ones.)
        Args: labels - a value for each of the group's labels.
        Raises: ValueError if the file is too small for even the first series of the group.
        """
        key = (group.name, labels)
        known = self._series.get(key)
        if known is not None:
            return known
        other_key = (group.name, tuple([OTHER] * len(group.labels)))
        other = self._series.get(other_key)
        if other is None:
            other = self._append(group, other_key[1])
            if other is None:
                raise ValueError(f"the cells file has no room for the metrics {group.name!r}; make it larger")
            self._series[other_key] = other
            if key == other_key:
                return other
        made = self._append(group, labels)
        if made is None:
            self._mapping.header[WORD_REFUSED] += 1
            return other
        self._series[key] = made
        return made

    def refused(self) -> int:
        """How many times a series found no room of its own."""
        return self._mapping.header[WORD_REFUSED]

    def _append(self, group: MetricGroup, labels: tuple[str, ...]) -> memoryview | None:
        mapping = self._mapping
        first = self._used
        different = {name: value for name, value in zip(group.labels, labels, strict=True) if value != group.default}
        payload = msgspec.json.encode((first, group.name, different))
        entry = ENTRY_HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        start = mapping.header[WORD_DIRECTORY_USED]
        end = start + len(entry)
        if first + group.width > len(mapping.cells) or end > len(mapping.directory):
            return None
        mapping.directory[start:end] = entry
        mapping.header[WORD_DIRECTORY_USED] = end
        self._used = first + group.width
        return mapping.cells[first : self._used]
