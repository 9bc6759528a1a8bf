"""Keys and their arrival times in shared memory."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_core.observe.shared_cells import SharedCells, SharedRecord
from hauberk_core.plugin.data import Counter, Services
from hauberk_ratelimit.gcra import NANOSECONDS, Rate
from hauberk_ratelimit.table import PLACES, RECORD_PLACES, Table

SECOND = NANOSECONDS


class Number(Counter):
    def __init__(self) -> None:
        self.number = 0

    def add(self, number: int = 1) -> None:
        self.number += number


class Memory(Services):
    """Records of this process alone."""

    def __init__(self) -> None:
        self.cells = SharedCells(-1, 0)
        self.counters: dict[str, Number] = {}

    def shared(self, key: str, kept: bool = False) -> SharedRecord:
        record = self.cells.record(key, kept)
        assert record is not None
        return record

    def counter(self, name: str) -> Counter:
        return self.counters.setdefault(name, Number())

    def entropy(self, size: int) -> bytes:
        return random.Random(7).randbytes(size)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3 * SECOND)), max_size=200), st.integers(1, 5))
def test_as_long_as_nobody_is_forgotten_each_key_is_by_itself(steps: list[tuple[int, int]], burst: int) -> None:
    services = Memory()
    table = Table("t", 2048, services)
    rate = Rate(burst, burst * SECOND, burst)
    known: dict[int, int] = {}
    now = 100 * SECOND
    for client, pause in steps:
        now += pause
        key = b"client %d" % client
        looked = table.look(key, rate, now)
        taken = table.take(key, rate, now)
        moved = rate.after(known.get(client, 0), now)
        assert taken.passes == looked.passes == (moved >= 0)
        if moved >= 0:
            known[client] = moved
        assert taken.left == rate.left(known[client], now)
        assert taken.wait == (0 if taken.passes else rate.wait(known[client], now))
    assert services.counters["forgotten"].number == 0


def test_what_owes_nothing_is_forgotten_first_and_nobody_notices() -> None:
    services = Memory()
    table = Table("t", RECORD_PLACES, services)
    rate = Rate(1, SECOND, 1)
    now = SECOND
    for number in range(10_000):
        assert table.take(b"%d" % number, rate, now).passes
        # Each has paid when the next comes.
        now += SECOND
    assert services.counters["forgotten"].number == 0


def test_where_all_owe_who_owes_least_is_forgotten() -> None:
    services = Memory()
    table = Table("t", RECORD_PLACES, services)
    rate = Rate(1, SECOND, 1)
    heavy = Rate(1, 1000 * SECOND, 1)
    assert table.take(b"heavy", heavy, SECOND).passes
    for number in range(50 * RECORD_PLACES):
        table.take(b"%d" % number, rate, SECOND)
    assert services.counters["forgotten"].number > 50 * RECORD_PLACES - 2 * RECORD_PLACES
    assert not table.take(b"heavy", heavy, SECOND).passes


def test_a_table_that_is_used_again_goes_on() -> None:
    services = Memory()
    rate = Rate(1, SECOND, 1)
    table = Table("t", 1, services)
    assert table.take(b"", rate, SECOND).passes
    assert not table.take(b"", rate, SECOND).passes
    table.release()
    assert not Table("t", 1, services).take(b"", rate, SECOND).passes


def test_sets_fill_a_record() -> None:
    assert RECORD_PLACES % PLACES == 0
    record = Memory().shared("t")
    assert len(record.words) == 2 * RECORD_PLACES
