"""The watchdog names whoever holds up the loop. Its thread is not started: the test looks, while another thread blocks."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hauberk_core.agent.watchdog import Watchdog
from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Handler, Loop
from hauberk_core.net.poller import Poller
from hauberk_core.plugin.running import Running

PATIENCE = 30.0


class SetClock(Clock):
    """Shows what the test says."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class OneReady(Poller):
    """Has one descriptor ready, always."""

    def register(self, descriptor: int, interest: int) -> None:
        pass

    def poll(self) -> list[tuple[int, int]]:
        return [(1, 1)]


class Blocking(Handler):
    """Does what the test wants for as long as the test wants."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def ready(self, events: int) -> None:
        self._work()


class World:
    """A loop in a thread of its own, held up by `work`, and its watchdog."""

    def __init__(self, work: Callable[["World"], None]) -> None:
        self.clock = SetClock()
        self.running = Running()
        self.cells = {"": memoryview(bytearray(8)).cast("q"), "slow": memoryview(bytearray(8)).cast("q")}
        self.blocked = threading.Event()
        self.go_on = threading.Event()
        self._work = work
        self.watchdog: Watchdog
        self.loop: Loop

    def run(self) -> None:
        self.loop = Loop(self.clock, OneReady(), FaultLog())
        self.loop.register(1, Blocking(lambda: self._work(self)), 1)
        self.watchdog = Watchdog(self.loop, self.running, self.cells)
        self.loop.run_ready()

    def wait(self) -> None:
        """Stand still, for the test."""
        self.blocked.set()
        self.go_on.wait(PATIENCE)

    def counted(self, plugin: str) -> int:
        return self.cells[plugin][0]


@contextmanager
def held_up(work: Callable[[World], None]) -> Iterator[World]:
    world = World(work)
    thread = threading.Thread(target=world.run)
    thread.start()
    assert world.blocked.wait(PATIENCE)
    try:
        yield world
    finally:
        world.go_on.set()
        thread.join(PATIENCE)


def in_a_call(world: World) -> None:
    world.running.begin("slow", "request")
    world.wait()
    world.running.end()


def test_blocking_call_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with held_up(in_a_call) as world:
        world.watchdog.look()
        assert world.counted("slow") == 0
        world.clock.time += 0.15
        world.watchdog.look()
        world.clock.time += 0.15
        world.watchdog.look()
    assert world.counted("slow") == 1
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "plugin slow in request has held up the loop for 150 ms" in record.message
    assert "in_a_call" in record.message


def test_task_of_a_plugin_is_known_by_its_package(caplog: pytest.LogCaptureFixture) -> None:
    with held_up(World.wait) as world:
        world.running.packages[__name__.partition(".")[0]] = "slow"
        world.clock.time += 0.2
        world.watchdog.look()
    assert "plugin slow has held up the loop" in caplog.text
    assert world.counted("slow") == 1


def test_machine_that_gives_no_turn_is_not_the_proxys_fault(caplog: pytest.LogCaptureFixture) -> None:
    with held_up(World.wait) as world:
        world.watchdog.look()
        world.clock.time += 5.0
        world.watchdog.look()
    assert not caplog.records
    assert world.counted("") == 0


def test_proxy_itself_is_told_of_where_it_computes(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([1.0, 5.0])
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    with held_up(World.wait) as world:
        world.watchdog.look()
        world.clock.time += 4.0
        world.watchdog.look()
    assert "the proxy itself has held up the loop for 4000 ms" in caplog.text
    assert world.counted("") == 1


def test_late_beat_is_a_blocked_task(caplog: pytest.LogCaptureFixture) -> None:
    running = Running()
    running.packages[__name__.partition(".")[0]] = "slow"
    clock = SetClock()
    cells = {"slow": memoryview(bytearray(8)).cast("q")}
    watchdog = Watchdog(Loop(clock, OneReady(), FaultLog()), running, cells)
    watchdog.beat(clock.time + 0.125, is_idle=False)
    clock.time += 0.15
    watchdog.look()
    assert cells["slow"][0] == 0
    clock.time += 0.15
    watchdog.look()
    assert cells["slow"][0] == 1


def test_frequent_blocks_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    running = Running()
    clock = SetClock()
    cells = {"slow": memoryview(bytearray(8)).cast("q")}
    watchdog = Watchdog(Loop(clock, OneReady(), FaultLog()), running, cells)
    running.begin("slow", "request")
    for _ in range(12):
        watchdog.beat(clock.time, is_idle=False)
        clock.time += 0.11
        watchdog.look()
    assert cells["slow"][0] == 12
    assert len(caplog.records) == 2
    assert "(9 more since the last one shown)" in caplog.records[1].message
