import gc
from collections.abc import Iterator

import pytest

from hauberk_core.garbage import YOUNG, settle


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_stands_is_looked_at_no_more() -> None:
    gc.unfreeze()
    settle()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] == YOUNG
    assert gc.isenabled()


def test_cycles_made_later_are_still_found() -> None:
    settle()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1
