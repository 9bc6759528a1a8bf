"""State that all workers of a proxy share: small records in one mapped file, read and written without waiting for anybody.

A record belongs to a key, for example a cluster's name, and has

    a row for each worker   words that this worker alone writes, and all read: what the whole proxy has is the sum of the rows
    common words            written by whoever holds the lock, read by all
    a text                  a JSON object for people, written like the common words

A limit for the whole proxy is kept by counting first and looking afterwards (`SharedRecord.enter`): of two workers that take the
last place at the same moment each sees the other, so that at worst both step back, and never both go on.

The lock is the kernel's record lock on the file. It is only tried, never waited for, and falls to whoever asks next when its
holder dies. Nothing on the road of an ordinary request takes it.

A worker that dies leaves its row behind. The agent clears it: what was going on in it is over, and its counts are kept with those
of all that died before (`clear_worker`). A record that no worker uses may be given to another key.

The file, in the machine's own byte order: a header of 4 words (magic, version, workers, records), then the records. A record is a
head of 4 words (two of the key's digest, the length of the text, one unused), the common words, the counts of dead workers, the
rows, and the text.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import time
from _thread import allocate_lock
from typing import Final

MAGIC: Final = int.from_bytes(b"HBSHARE\n", "big")
VERSION: Final = 1
_HEADER_WORDS: Final = 4
_HEAD_WORDS: Final = 4

COMMON_WORDS: Final = 16
GAUGES: Final = 15
"""Words of a row for what is going on; they end with their worker."""
COUNTS: Final = 8
"""Words of a row for what was counted; they outlive their worker."""
FIRST_GAUGE: Final = 1
"""The row's first word says whether its worker uses the record."""
FIRST_COUNT: Final = FIRST_GAUGE + GAUGES
ROW_WORDS: Final = FIRST_COUNT + COUNTS
TEXT_OCTETS: Final = 1024
"""Room for the names of a cluster and an endpoint, and for what is told of one request."""

# A cluster and its endpoints take one record each. Memory is taken only for records that are written.
DEFAULT_RECORDS: Final = 8192
# Of a worker without an agent, which shares with nobody.
_PRIVATE_RECORDS: Final = 512
# A key's record is one of so many in a row; where all are taken, the table is as good as full.
_PROBES: Final = 64
# Finding a record takes microseconds. One that holds the lock for longer was stopped in the middle, and is not waited for.
_LOCK_TRIES: Final = 100
_LOCK_PAUSE_SECONDS: Final = 0.001


def create_shared_cells(descriptor: int, workers: int, records: int = DEFAULT_RECORDS) -> None:
    """Make an empty file (or memfd) into one that `SharedCells` can map. Raises: OSError if it cannot be resized."""
    os.ftruncate(descriptor, _file_octets(workers, records))
    os.pwrite(descriptor, struct.pack(f"={_HEADER_WORDS}q", MAGIC, VERSION, workers, records), 0)


def _record_words(workers: int) -> int:
    return _HEAD_WORDS + COMMON_WORDS + COUNTS + workers * ROW_WORDS + TEXT_OCTETS // 8


def _file_octets(workers: int, records: int) -> int:
    return 8 * (_HEADER_WORDS + records * _record_words(workers))


class SharedRecord:
    """One record, as one worker sees it."""

    __slots__ = ("_cells", "_head", "_start", "_text", "common", "folded", "others", "own")

    def __init__(self, cells: "SharedCells", start: int, words: memoryview, text: memoryview, worker: int, workers: int) -> None:
        """Args: start - where it begins in the file, in octets."""
        first = _HEAD_WORDS + COMMON_WORDS + COUNTS
        rows = [words[first + number * ROW_WORDS : first + (number + 1) * ROW_WORDS] for number in range(workers)]
        self._cells: Final = cells
        self._start: Final = start
        self._head: Final = words[:_HEAD_WORDS]
        self._text: Final = text
        self.common: Final[memoryview] = words[_HEAD_WORDS : _HEAD_WORDS + COMMON_WORDS]
        """To be written only between `try_lock` and `unlock`."""
        self.folded: Final[memoryview] = words[_HEAD_WORDS + COMMON_WORDS : first]
        """The counts of dead workers, in the order of a row's. The agent's to write."""
        self.own: Final[memoryview] = rows[worker]
        """This worker's row."""
        self.others: Final[list[memoryview]] = [row for number, row in enumerate(rows) if number != worker]
        """The rows of the other workers; not to be written."""

    def total(self, word: int) -> int:
        """What the whole proxy has in a word of the rows."""
        total = int(self.own[word])
        for row in self.others:
            total += int(row[word])
        return total

    def elsewhere(self, word: int) -> int:
        """What the other workers have in a word of the rows."""
        total = 0
        for row in self.others:
            total += int(row[word])
        return total

    def enter(self, word: int, value: int, limit: int) -> bool:
        """Set a gauge of the own row to `value`, unless the whole proxy then has more than `limit`.

        Returns: whether it was done. Two workers that try for the last place at the same moment may both be refused.
        """
        own = self.own
        others = self.others
        if not others:
            if value > limit:
                return False
            own[word] = value
            return True
        before = int(own[word])
        own[word] = value
        self._cells.fence()
        total = value
        for row in others:
            total += int(row[word])
        if total > limit:
            own[word] = before
            return False
        return True

    def try_lock(self) -> bool:
        """Take the lock for the common words and the text, of all records. Returns: False if another worker has it just now."""
        return self._cells.try_lock()

    def unlock(self) -> None:
        """Give the lock back."""
        self._cells.unlock()

    @property
    def words(self) -> memoryview:
        """The room of the text as words, for a record that has no text: 0 at first, to be written between `try_lock_own` and
        `unlock_own`. A new view each time."""
        return self._text.cast("q")

    def try_lock_own(self) -> bool:
        """Take the lock for this record alone, which others may have of other records. Costs two calls of the system where there
        are several workers. Returns: False if another worker has it, or that for all records, just now."""
        return self._cells.try_lock_record(self._start)

    def unlock_own(self) -> None:
        """Give that back."""
        self._cells.unlock_record(self._start)

    def write_text(self, text: bytes) -> None:
        """Replace the text; one that is too long is left out. To be called with the lock."""
        size = len(text) if len(text) <= TEXT_OCTETS else 0
        # Whoever reads in between sees none.
        self._head[2] = 0
        self._text[:size] = text[:size]
        self._head[2] = size

    def clear_text(self) -> None:
        """Leave nothing of what was there."""
        self._text[:] = bytes(TEXT_OCTETS)

    def text(self) -> bytes:
        """The text; cut or mixed if it is being written just now."""
        size = int(self._head[2])
        return bytes(self._text[:size]) if 0 < size <= TEXT_OCTETS else b""

    def is_used(self) -> bool:
        """Whether any worker uses it."""
        return self.total(0) > 0

    def release(self) -> None:
        """This worker uses the record no more; what it had in its row is gone."""
        own = self.own
        for word in range(ROW_WORDS - 1, -1, -1):
            own[word] = 0


class SharedCells:
    """A worker's view of the shared file, or the agent's."""

    __slots__ = ("_descriptor", "_fence", "_map", "_record_octets", "_whole", "records", "worker", "workers")

    def __init__(self, descriptor: int, worker: int) -> None:
        """Map the file that the agent made, or with -1 memory of this process alone.

        Args: descriptor - kept open for its lock; no other descriptor of the file may be closed in this process, for that would
            give the lock back (POSIX); worker - whose rows are the own ones.
        Raises: OSError if it cannot be mapped; ValueError if it is no such file of this release.
        """
        if descriptor < 0:
            size = _file_octets(1, _PRIVATE_RECORDS)
            mapped = mmap.mmap(-1, size)
            mapped[: 8 * _HEADER_WORDS] = struct.pack(f"={_HEADER_WORDS}q", MAGIC, VERSION, 1, _PRIVATE_RECORDS)
        else:
            size = os.fstat(descriptor).st_size
            mapped = mmap.mmap(descriptor, size)
        header: tuple[int, int, int, int] = struct.unpack_from(f"={_HEADER_WORDS}q", mapped, 0)
        magic, version, workers, records = header
        if magic != MAGIC or version != VERSION or size != _file_octets(workers, records) or not 0 <= worker < workers:
            raise ValueError("the file is no shared cells of this release; agent and worker must be of the same release")
        self._descriptor: Final = descriptor
        self._map: Final = mapped
        self._whole: Final = memoryview(mapped)
        self._record_octets: Final[int] = 8 * _record_words(workers)
        # Taking and giving back a lock orders memory as an atomic instruction does: what was stored before is seen by all others
        # before anything after it is read. Nobody else ever has it.
        self._fence: Final = allocate_lock()
        self.worker: Final = worker
        self.workers: Final[int] = workers
        self.records: Final[int] = records

    def close(self) -> None:
        """Unmap the file. No record may be in anybody's hands any more."""
        self._whole.release()
        self._map.close()

    def fence(self) -> None:
        """Let the others see what was written before anything is read."""
        self._fence.acquire()
        self._fence.release()

    def try_lock(self) -> bool:
        """Take the lock, if nobody else has it."""
        if self._descriptor < 0:
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def unlock(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def try_lock_record(self, start: int) -> bool:
        """Take the lock of the record that begins at `start`, if nobody else has it."""
        if self._descriptor < 0 or self.workers == 1:
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, self._record_octets, start)
        except OSError:
            return False
        return True

    def unlock_record(self, start: int) -> None:
        """Give that back."""
        if self._descriptor >= 0 and self.workers > 1:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, self._record_octets, start)

    def record(self, key: str, kept: bool = False) -> SharedRecord | None:
        """The record of a key, found or made, and used by this worker from now on.

        Args: kept - one that nobody uses any more is found too, with what was in it, if nobody has taken its place.
        Returns: None where there is no room, or the lock could not be had.
        """
        high, low = struct.unpack("=qq", hashlib.blake2b(key.encode(), digest_size=16).digest())
        high = high or 1
        if not self._lock_soon():
            return None
        try:
            free: SharedRecord | None = None
            start = (high & 0x7FFFFFFF) % self.records
            for step in range(min(_PROBES, self.records)):
                found = self.at((start + step) % self.records)
                used = found.is_used()
                if (used or kept) and found._head[0] == high and found._head[1] == low:
                    found.own[0] = 1
                    return found
                if not used and free is None:
                    free = found
            if free is not None:
                _clear(free)
                free._head[0] = high
                free._head[1] = low
                free.own[0] = 1
            return free
        finally:
            self.unlock()

    def at(self, number: int) -> SharedRecord:
        """The record of a number, used or not."""
        start = 8 * _HEADER_WORDS + number * self._record_octets
        words_end = start + self._record_octets - TEXT_OCTETS
        words = self._whole[start:words_end].cast("q")
        text = self._whole[words_end : words_end + TEXT_OCTETS]
        return SharedRecord(self, start, words, text, self.worker, self.workers)

    def in_use(self) -> list[SharedRecord]:
        """Every record that some worker uses."""
        found: list[SharedRecord] = []
        for number in range(self.records):
            # The digest comes first: a record that was never given away costs one look.
            start = 8 * _HEADER_WORDS + number * self._record_octets
            if any(self._whole[start : start + 8]):
                record = self.at(number)
                if record.is_used():
                    found.append(record)
        return found

    def clear_worker(self, worker: int) -> None:
        """A worker has died, or is about to start: what its rows say is going on is over, what they counted is kept."""
        first = _HEAD_WORDS + COMMON_WORDS + COUNTS + worker * ROW_WORDS
        for number in range(self.records):
            start = 8 * _HEADER_WORDS + number * self._record_octets
            if not any(self._whole[start : start + 8]):
                continue
            words = self._whole[start : start + self._record_octets - TEXT_OCTETS].cast("q")
            row = words[first : first + ROW_WORDS]
            for count in range(COUNTS):
                words[_HEAD_WORDS + COMMON_WORDS + count] += row[FIRST_COUNT + count]
            # The word that says that the record is used comes last, or another worker might take the record meanwhile.
            for word in range(ROW_WORDS - 1, -1, -1):
                row[word] = 0

    def _lock_soon(self) -> bool:
        for _ in range(_LOCK_TRIES):
            if self.try_lock():
                return True
            time.sleep(_LOCK_PAUSE_SECONDS)
        return False


def _clear(record: SharedRecord) -> None:
    record.write_text(b"")
    record.clear_text()
    for words in (record.common, record.folded):
        for index in range(len(words)):
            words[index] = 0
    record.release()
