import os
import signal
import struct
import subprocess
import sys
import time
import zlib

import pytest

from hauberk_core.observe.cells import HEADER_WORDS, WORD_CELLS, WORD_DIRECTORY_USED, Cells
from hauberk_core.observe.cells_reader import CellsReader, Series
from hauberk_core.observe.metrics import (
    CLUSTER,
    DURATION,
    DURATION_SUM,
    HTTP,
    LISTENER,
    REQUEST_SIZE,
    REQUEST_SIZE_SUM,
    REQUESTS,
    RESPONSE_SIZE,
    RESPONSE_SIZE_SUM,
)

# Counts without end, and makes a new series every hundredth time, for a while.
_WORKER = """
import itertools, sys
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.meters import ProxyMeters

meters = ProxyMeters(Cells(int(sys.argv[1])))
steady = meters.cluster_meters("steady", {})
for number in itertools.count():
    steady.finished(200, -1, "-", "", "", 10, 20, 0.002)
    if number % 100 == 0 and number < 100_000:
        meters.cluster_meters(f"cluster-{number}", {}).finished(404, -1, "NR", "", "", 0, 5, 0.1)
"""


def _word(descriptor: int, word: int, value: int) -> None:
    os.pwrite(descriptor, struct.pack("=q", value), word * 8)


def _directory_start(descriptor: int) -> int:
    return HEADER_WORDS * 8 + 8 * int(struct.unpack("=q", os.pread(descriptor, 8, WORD_CELLS * 8))[0])


def _http(all_series: list[Series], cluster: str) -> Series | None:
    place = HTTP.labels.index("destination_service_name")
    found = [series for series in all_series if series.group is HTTP and series.labels[place] == cluster]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_worker_is_read_while_it_counts_and_after_it_was_killed(cells_file: int) -> None:
    reader = CellsReader(cells_file)
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(cells_file)], pass_fds=(cells_file,))
    deadline = time.monotonic() + 60
    steady = [0] * HTTP.width
    known = 0
    try:
        while steady[REQUESTS] < 50_000:
            assert worker.poll() is None
            assert time.monotonic() < deadline
            reading = reader.read()
            series = _http(reading.series, "steady")
            if series is not None:
                assert all(new >= old for new, old in zip(series.values, steady, strict=True))
                steady = series.values
            assert len(reading.series) >= known
            known = len(reading.series)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    last = reader.read()
    assert last == reader.read() == CellsReader(cells_file).read()
    series = _http(last.series, "steady")
    assert series is not None
    values = series.values
    # Each cell is whole, and killed in the middle of an exchange it lacks at most the rest of that one.
    requests = values[REQUESTS]
    assert requests >= 50_000
    for buckets_start, sum_place, each in (
        (DURATION, DURATION_SUM, 2000),
        (REQUEST_SIZE, REQUEST_SIZE_SUM, 10),
        (RESPONSE_SIZE, RESPONSE_SIZE_SUM, 20),
    ):
        assert requests - 1 <= sum(values[buckets_start:sum_place]) <= requests
        assert requests - 1 <= values[sum_place] // each <= requests
        assert values[sum_place] % each == 0
    other = _http(last.series, "cluster-49900")
    assert other is not None
    assert other.values[REQUESTS] == 1


def test_an_entry_that_has_not_arrived_whole_is_left_for_later(cells_file: int) -> None:
    cells = Cells(cells_file)
    cells.view(CLUSTER, ("a",))
    published = CellsReader(cells_file)
    before = published.read().series
    used = int(struct.unpack("=q", os.pread(cells_file, 8, WORD_DIRECTORY_USED * 8))[0])
    cells.view(CLUSTER, ("b",))
    place = _directory_start(cells_file) + used + 12
    octet = os.pread(cells_file, 1, place)
    os.pwrite(cells_file, b"\0", place)
    assert published.read().series == before
    os.pwrite(cells_file, octet, place)
    assert [series.labels for series in published.read().series] == [("other",), ("a",), ("b",)]


def test_a_directory_larger_than_its_room_is_refused(cells_file: int) -> None:
    _word(cells_file, WORD_DIRECTORY_USED, 1 << 40)
    with pytest.raises(ValueError, match="octets are used"):
        CellsReader(cells_file).read()


def test_an_entry_cut_off_is_refused(cells_file: int) -> None:
    _word(cells_file, WORD_DIRECTORY_USED, 3)
    with pytest.raises(ValueError, match="cut off"):
        CellsReader(cells_file).read()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'[0,"listener"]', "not readable"),
        (b'[0,"weather",{}]', "weather"),
        (b'[-1,"listener",{}]', "outside"),
        (b'[999999999,"listener",{}]', "outside"),
    ],
)
def test_an_entry_that_lies_is_refused(cells_file: int, payload: bytes, message: str) -> None:
    entry = struct.pack("=II", len(payload), zlib.crc32(payload)) + payload
    os.pwrite(cells_file, entry, _directory_start(cells_file))
    _word(cells_file, WORD_DIRECTORY_USED, len(entry))
    with pytest.raises(ValueError, match=message):
        CellsReader(cells_file).read()


def test_a_closed_reader_gives_its_mapping_back(cells_file: int) -> None:
    Cells(cells_file).view(LISTENER, ("http",))
    reader = CellsReader(cells_file)
    reading = reader.read()
    reader.close()
    assert [series.labels for series in reading.series] == [("other",), ("http",)]
    with pytest.raises(ValueError, match="released"):
        reader.read()
