import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from hauberk_core.observe.access_log import FLUSH_BYTES, PENDING_LIMIT, AccessLogWriter
from hauberk_core.observe.record import Record
from hauberk_core.observe.text_line import TextLine


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    yield reading, writing
    for descriptor in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "access.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield path, descriptor
    os.close(descriptor)


def _record(path: str) -> Record:
    record = Record()
    record.path = path
    return record


def _paths(data: bytes) -> list[str]:
    assert data.endswith(b"\n")
    return [line.split(b'"')[1].split()[1].decode() for line in data.splitlines()]


def _read_all(descriptor: int) -> bytes:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(descriptor, 65536):
            data += chunk
    return data


def test_lines_are_gathered_until_flushed(log_file: tuple[Path, int]) -> None:
    path, descriptor = log_file
    log = AccessLogWriter(descriptor, TextLine())
    log.write(_record("/1"))
    log.write(_record("/2"))
    assert path.read_bytes() == b""
    log.flush()
    assert _paths(path.read_bytes()) == ["/1", "/2"]
    assert log.statistics() == (2, 0, 0)


def test_enough_lines_are_written_without_being_asked(log_file: tuple[Path, int]) -> None:
    path, descriptor = log_file
    log = AccessLogWriter(descriptor, TextLine())
    size = len(TextLine().line(_record("/")))
    for _ in range(FLUSH_BYTES // size + 1):
        log.write(_record("/"))
    assert path.stat().st_size >= FLUSH_BYTES
    assert log.statistics().pending_bytes == 0


def test_a_blocked_pipe_costs_bounded_memory_and_whole_lines(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = AccessLogWriter(writing, TextLine())
    number = 0
    while log.statistics().dropped < 1000:
        log.write(_record(f"/{number}"))
        number += 1
        assert log.statistics().pending_bytes <= PENDING_LIMIT
    data = _read_all(reading)
    while log.statistics().pending_bytes:
        log.flush()
        data += _read_all(reading)
    statistics = log.statistics()
    written = _paths(data)
    assert statistics.lines == number
    assert len(written) == number - statistics.dropped
    assert written == [f"/{index}" for index in range(len(written))]


def test_a_line_longer_than_the_pipe_is_continued(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = AccessLogWriter(writing, TextLine())
    long = "/" + "x" * 200_000
    log.write(_record(long))
    log.write(_record("/after"))
    data = b""
    while log.statistics().pending_bytes:
        log.flush()
        data += _read_all(reading)
    assert _paths(data) == [long, "/after"]
    assert log.statistics() == (2, 0, 0)


def test_two_workers_share_a_slow_pipe_without_breaking_lines(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    logs = [AccessLogWriter(writing, TextLine()), AccessLogWriter(writing, TextLine())]
    for number in range(2000):
        for worker, log in enumerate(logs):
            log.write(_record(f"/{worker}/{number}"))
    data = b""
    turn = 0
    while any(log.statistics().pending_bytes for log in logs):
        logs[turn % 2].flush()
        logs[(turn + 1) % 2].flush()
        with contextlib.suppress(BlockingIOError):
            data += os.read(reading, 5000)
        turn += 1
    paths = _paths(data + _read_all(reading))
    for worker in range(2):
        assert [path for path in paths if path.startswith(f"/{worker}/")] == [f"/{worker}/{number}" for number in range(2000)]


def test_a_reader_that_went_away_loses_lines_and_disturbs_nobody(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    log = AccessLogWriter(writing, TextLine())
    for _ in range(3):
        log.write(_record("/"))
    log.flush()
    log.flush()
    assert log.statistics() == (3, 3, 0)


def test_after_a_full_disk_no_line_continues_a_broken_one(log_file: tuple[Path, int]) -> None:
    path, descriptor = log_file
    log = AccessLogWriter(descriptor, TextLine())
    size = len(TextLine().line(_record("/0")))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A process may set a bound on its files: the kernel then takes a part of a write, as a full disk does, and refuses the next.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, limits[1]))
    try:
        for number in range(3):
            log.write(_record(f"/{number}"))
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.statistics() == (3, 2, 0)
    log.write(_record("/3"))
    log.flush()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 3
    assert _paths(lines[0] + b"\n" + lines[2] + b"\n") == ["/0", "/3"]


def test_a_replaced_descriptor_begins_with_a_whole_line(pipe: tuple[int, int], log_file: tuple[Path, int]) -> None:
    _, writing = pipe
    path, descriptor = log_file
    log = AccessLogWriter(writing, TextLine())
    log.write(_record("/" + "x" * 200_000))
    log.write(_record("/after"))
    log.replace(descriptor)
    log.flush()
    assert _paths(path.read_bytes()) == ["/after"]
    assert log.statistics() == (2, 1, 0)


def test_a_replaced_descriptor_gets_only_what_the_old_one_did_not_take(log_file: tuple[Path, int], tmp_path: Path) -> None:
    path, descriptor = log_file
    log = AccessLogWriter(descriptor, TextLine())
    log.write(_record("/old"))
    other = os.open(tmp_path / "new.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    log.replace(other)
    log.write(_record("/new"))
    log.flush()
    os.close(other)
    assert _paths(path.read_bytes()) == ["/old"]
    assert _paths((tmp_path / "new.log").read_bytes()) == ["/new"]
