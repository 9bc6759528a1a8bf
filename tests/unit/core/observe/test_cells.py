import tempfile

import pytest

from hauberk_core.observe.cells import HEADER_WORDS, Cells, create_cells
from hauberk_core.observe.cells_reader import CellsReader
from hauberk_core.observe.metrics import CLUSTER, LISTENER, OTHER, WORKER


def test_a_series_keeps_its_cells(cells_file: int) -> None:
    cells = Cells(cells_file)
    cells.view(CLUSTER, ("reviews",))[0] += 2
    cells.view(CLUSTER, ("ratings",))[0] += 3
    assert cells.view(CLUSTER, ("reviews",))[0] == 2
    assert cells.view(CLUSTER, ("ratings",))[0] == 3
    assert len(cells.view(CLUSTER, ("ratings",))) == CLUSTER.width


def test_when_the_cells_are_full_new_series_share_one_and_are_counted() -> None:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), cells=CLUSTER.width * 3 + 1)
        cells = Cells(file.fileno())
        for number in range(100):
            cells.view(CLUSTER, (f"cluster-{number}",))[0] += 1
        reading = CellsReader(file.fileno()).read()
    assert {series.labels[0]: series.values[0] for series in reading.series} == {"cluster-0": 1, "cluster-1": 1, OTHER: 98}
    assert reading.refused == cells.refused() == 98


def test_when_the_directory_is_full_new_series_share_one_and_are_counted() -> None:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), directory_bytes=128)
        cells = Cells(file.fileno())
        cells.view(LISTENER, ("http",))[0] += 1
        cells.view(LISTENER, ("x" * 100,))[0] += 5
        reading = CellsReader(file.fileno()).read()
    assert {series.labels[0]: series.values[0] for series in reading.series} == {"http": 1, OTHER: 5}
    assert reading.refused == 1


def test_a_file_too_small_for_anything_is_said_at_once() -> None:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), cells=1)
        with pytest.raises(ValueError, match="no room for the metrics 'worker'"):
            Cells(file.fileno()).view(WORKER, ())


def test_a_used_file_is_not_written_by_another_worker(cells_file: int) -> None:
    Cells(cells_file).view(WORKER, ())
    with pytest.raises(ValueError, match="each worker needs its own"):
        Cells(cells_file)
    with pytest.raises(ValueError, match="not empty"):
        create_cells(cells_file)


@pytest.mark.parametrize("content", [b"", b"HBCELLS\n", b"\0" * HEADER_WORDS * 8, b"\0" * 4096])
def test_what_is_no_cells_file_is_refused(content: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with pytest.raises(ValueError, match="cells file"):
            CellsReader(file.fileno())
