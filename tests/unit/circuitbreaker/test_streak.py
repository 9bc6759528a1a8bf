"""Failures in a row, seen by several workers."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_circuitbreaker.streak import Streak
from hauberk_core.observe.shared_cells import SharedCells, create_shared_cells

FIRST = 2


@pytest.fixture(scope="module")
def descriptor() -> Iterator[int]:
    opened = os.memfd_create("shared")
    create_shared_cells(opened, 3, 64)
    yield opened
    os.close(opened)


def streaks(descriptor: int) -> list[Streak]:
    """One for each worker, from the beginning."""
    made: list[Streak] = []
    for worker in range(3):
        record = SharedCells(descriptor, worker).record("one")
        assert record is not None
        record.release()
    for worker in range(3):
        record = SharedCells(descriptor, worker).record("one")
        assert record is not None
        made.append(Streak(record, FIRST))
    return made


def test_failures_add_up_over_workers_until_any_of_them_sees_a_success(descriptor: int) -> None:
    one, two, three = streaks(descriptor)
    assert [one.failed(), two.failed(), one.failed()] == [1, 2, 3]
    three.broke()
    assert one.count() == 0
    assert [two.failed(), one.failed()] == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60))
def test_it_is_the_streak_that_one_worker_alone_would_count(descriptor: int, events: list[tuple[int, bool]]) -> None:
    workers = streaks(descriptor)
    expected = 0
    for worker, is_failure in events:
        if is_failure:
            expected += 1
            assert workers[worker].failed() == expected
        else:
            expected = 0
            workers[worker].broke()
        assert [each.count() for each in workers] == [expected] * 3
