"""What workers share: limits that hold for all of them, a lock that nobody waits for, and the dead who leave nothing behind."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier

import pytest

from hauberk_core.observe.shared_cells import (
    COMMON_WORDS,
    FIRST_COUNT,
    FIRST_GAUGE,
    TEXT_OCTETS,
    SharedCells,
    SharedRecord,
    create_shared_cells,
)

GAUGE = FIRST_GAUGE
WORKERS = 3
# A loaded machine starts processes slowly.
PATIENCE = 60.0


@pytest.fixture
def file() -> Iterator[int]:
    descriptor = os.memfd_create("shared")
    create_shared_cells(descriptor, WORKERS, 128)
    yield descriptor
    os.close(descriptor)


def record(file: int, worker: int, key: str = "books") -> SharedRecord:
    found = SharedCells(file, worker).record(key)
    assert found is not None
    return found


def test_each_worker_has_its_row_and_sees_the_others(file: int) -> None:
    first, second = record(file, 0), record(file, 1)
    first.own[GAUGE] = 2
    second.own[GAUGE] = 3
    assert (first.total(GAUGE), first.elsewhere(GAUGE), second.elsewhere(GAUGE)) == (5, 3, 2)
    assert len(first.others) == WORKERS - 1
    assert record(file, 2, "other").total(GAUGE) == 0


def test_a_limit_counts_everybody(file: int) -> None:
    first, second = record(file, 0), record(file, 1)
    assert first.enter(GAUGE, 1, 2)
    assert second.enter(GAUGE, 1, 2)
    assert not first.enter(GAUGE, 2, 2)
    assert first.own[GAUGE] == 1
    second.own[GAUGE] = 0
    assert first.enter(GAUGE, 2, 2)


def test_who_is_alone_needs_nobody() -> None:
    cells = SharedCells(-1, 0)
    found = cells.record("books")
    assert found is not None
    assert found.others == []
    assert found.enter(GAUGE, 1, 1)
    assert not found.enter(GAUGE, 2, 1)
    assert found.try_lock()
    found.unlock()


def test_the_dead_leave_their_counts_and_nothing_else(file: int) -> None:
    first, second = record(file, 0), record(file, 1)
    for one in (first, second):
        one.own[GAUGE] = 4
        one.own[FIRST_COUNT + 1] = 7
    agent = SharedCells(file, 0)
    agent.clear_worker(1)
    assert first.total(GAUGE) == 4
    assert first.total(FIRST_COUNT + 1) == 7
    assert first.folded[1] == 7
    assert first.is_used()
    agent.clear_worker(0)
    assert agent.in_use() == []


def test_a_record_that_nobody_uses_goes_to_another_key_clean(file: int) -> None:
    cells = SharedCells(file, 0)
    found = [cells.record(f"key {number}") for number in range(128)]
    full = [one for one in found if one is not None]
    assert len(full) >= 64, "the table must take what fits"
    for one in full:
        one.own[GAUGE] = 1
        one.common[COMMON_WORDS - 1] = 1
        one.own[FIRST_COUNT] = 1
        one.write_text(b"somebody's")
        one.words[TEXT_OCTETS // 8 - 1] = 1
    assert None in [cells.record(f"more {number}") for number in range(200)]
    for one in cells.in_use():
        one.release()
    assert cells.in_use() == []
    for number in range(40):
        fresh = cells.record(f"fresh {number}")
        assert fresh is not None
        assert (fresh.total(GAUGE), fresh.common[COMMON_WORDS - 1], fresh.folded[0], fresh.text()) == (0, 0, 0, b"")
        assert not any(fresh.words)


def test_what_is_to_be_kept_is_found_again_by_whoever_comes_next(file: int) -> None:
    first = SharedCells(file, 0).record("check", kept=True)
    assert first is not None
    assert first.try_lock()
    first.common[0] = 7
    first.write_text(b"cause")
    first.unlock()
    first.release()
    assert not first.is_used()
    again = SharedCells(file, 1).record("check", kept=True)
    assert again is not None
    assert (again.common[0], again.text(), again.is_used()) == (7, b"cause", True)
    again.release()
    fresh = SharedCells(file, 1).record("check")
    assert fresh is not None
    assert (fresh.common[0], fresh.text()) == (0, b"")


def test_a_text_is_bounded(file: int) -> None:
    one = record(file, 0)
    one.write_text(b"x" * TEXT_OCTETS)
    assert record(file, 1).text() == b"x" * TEXT_OCTETS
    one.write_text(b"x" * (TEXT_OCTETS + 1))
    assert one.text() == b""


def test_only_a_file_of_this_release_is_taken(file: int) -> None:
    with pytest.raises(ValueError, match="same release"):
        SharedCells(file, WORKERS)
    os.pwrite(file, b"12345678", 0)
    with pytest.raises(ValueError, match="same release"):
        SharedCells(file, 0)


def _hold_lock(descriptor: int, taken: Barrier, over: Barrier) -> None:
    cells = SharedCells(descriptor, 1)
    assert cells.try_lock()
    taken.wait(PATIENCE)
    over.wait(PATIENCE)
    os._exit(0)


def test_the_lock_is_one_processs_at_a_time_and_ends_with_it(file: int) -> None:
    context = multiprocessing.get_context("fork")
    taken, over = context.Barrier(2), context.Barrier(2)
    process = context.Process(target=_hold_lock, args=(file, taken, over))
    process.start()
    taken.wait(PATIENCE)
    cells = SharedCells(file, 0)
    assert not cells.try_lock()
    over.wait(PATIENCE)
    process.join(PATIENCE)
    assert cells.try_lock()
    cells.unlock()


def _hold_record(descriptor: int, taken: Barrier, over: Barrier) -> None:
    held = record(descriptor, 1)
    assert held.try_lock_own()
    taken.wait(PATIENCE)
    over.wait(PATIENCE)
    os._exit(0)


def test_a_record_s_own_lock_leaves_other_records_alone(file: int) -> None:
    context = multiprocessing.get_context("fork")
    taken, over = context.Barrier(2), context.Barrier(2)
    process = context.Process(target=_hold_record, args=(file, taken, over))
    process.start()
    taken.wait(PATIENCE)
    cells = SharedCells(file, 0)
    same, other = cells.at(0), cells.at(1)
    # Which record the key got: the one that is in use.
    for number in range(128):
        if cells.at(number).is_used():
            same, other = cells.at(number), cells.at((number + 1) % 128)
    assert not same.try_lock_own()
    assert not cells.try_lock()
    assert other.try_lock_own()
    other.unlock_own()
    over.wait(PATIENCE)
    process.join(PATIENCE)
    assert same.try_lock_own()
    same.unlock_own()


def test_who_is_alone_has_every_record_s_lock() -> None:
    found = SharedCells(-1, 0).record("books")
    assert found is not None
    assert found.try_lock_own()
    found.unlock_own()


def _compete(descriptor: int, worker: int, limit: int, start: Barrier, passed: "multiprocessing.SimpleQueue[int]") -> None:
    found = SharedCells(descriptor, worker).record("books")
    assert found is not None
    start.wait(PATIENCE)
    wrong = 0
    entered = 0
    for _ in range(20_000):
        if found.enter(GAUGE, 1, limit):
            entered += 1
            # Who is in counts those who are: one that has entered stays until it leaves.
            holders = 1 + sum([1 for row in found.others if row[FIRST_GAUGE + 1]])
            found.own[FIRST_GAUGE + 1] = 1
            wrong += holders > limit
            found.own[FIRST_GAUGE + 1] = 0
            found.own[GAUGE] = 0
    passed.put(wrong * 1_000_000 + entered)


def test_processes_that_compete_never_pass_the_limit(file: int) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(WORKERS)
    passed = context.SimpleQueue()
    for worker in range(WORKERS):
        SharedCells(file, worker).record("books")
    processes = [context.Process(target=_compete, args=(file, worker, 1, start, passed)) for worker in range(WORKERS)]
    for process in processes:
        process.start()
    results = [passed.get() for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    assert [result // 1_000_000 for result in results] == [0] * WORKERS
    assert sum(result % 1_000_000 for result in results) > 0
