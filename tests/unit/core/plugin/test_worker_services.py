"""What plugins are offered, each with its bound."""

import os
from collections.abc import Iterator

import pytest

from hauberk_core.net.clock import Clock
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.cells_reader import CellsReader
from hauberk_core.observe.exposition import render
from hauberk_core.observe.plugin_meters import NAMES_PER_PLUGIN, StepMeter
from hauberk_core.plugin.services import HttpClient
from hauberk_core.plugin.worker_services import LINES_PER_SECOND, MOST_KEYS, WorkerServices
from hauberk_core.sim.clock import VirtualClock


class Offered:
    def __init__(self, descriptor: int, clock: Clock) -> None:
        self.cells = Cells(descriptor)
        self._reader = CellsReader(descriptor)
        self.lines: list[tuple[str, str]] = []
        self.exported: list[tuple[str, bytes]] = []
        self.services = WorkerServices("it", clock, self.cells, self._write, self._export, HttpClient)

    def metrics(self) -> str:
        return render([self._reader.read()])[0].decode()

    def _write(self, level: str, line: str) -> None:
        self.lines.append((level, line))

    def _export(self, kind: str, data: bytes) -> bool:
        self.exported.append((kind, data))
        return kind == "span"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def offered(clock: VirtualClock) -> Iterator[Offered]:
    descriptor = os.memfd_create("cells")
    create_cells(descriptor, 1 << 14, 1 << 17)
    yield Offered(descriptor, clock)
    os.close(descriptor)


def test_counters_and_histograms_are_shown_under_the_plugin_s_name(offered: Offered) -> None:
    offered.services.counter("denied").add()
    offered.services.counter("denied").add(2)
    histogram = offered.services.histogram("size")
    for value in (0, 7, 100_000_000, -5):
        histogram.observe(value)
    metrics = offered.metrics()
    assert 'hauberk_plugin_count_total{name="denied",plugin="it"} 3.0' in metrics
    assert 'hauberk_plugin_value_bucket{le="0.5",name="size",plugin="it"} 2.0' in metrics
    assert 'hauberk_plugin_value_bucket{le="10",name="size",plugin="it"} 3.0' in metrics
    assert 'hauberk_plugin_value_count{name="size",plugin="it"} 4.0' in metrics
    assert 'hauberk_plugin_value_sum{name="size",plugin="it"} 1.00000007e+08' in metrics


def test_names_beyond_the_bound_are_counted_together(offered: Offered) -> None:
    for number in range(NAMES_PER_PLUGIN + 50):
        offered.services.counter(f"name{number}").add()
    offered.services.counter("x" * 100).add()
    metrics = offered.metrics()
    assert metrics.count("hauberk_plugin_count_total{") == NAMES_PER_PLUGIN + 1
    assert 'hauberk_plugin_count_total{name="other",plugin="it"} 51.0' in metrics


def test_steps_are_timed_and_counted(offered: Offered) -> None:
    meter = StepMeter(offered.cells, "it")
    meter.failed()
    meter.answered()
    for seconds in (0.0000005, 0.0003, 20.0, -1.0):
        meter.took(seconds)
    metrics = offered.metrics()
    assert 'hauberk_plugin_failures_total{plugin="it"} 1.0' in metrics
    assert 'hauberk_plugin_answers_total{plugin="it"} 1.0' in metrics
    assert 'hauberk_plugin_step_seconds_bucket{le="1e-06",plugin="it"} 2.0' in metrics
    assert 'hauberk_plugin_step_seconds_bucket{le="0.0005",plugin="it"} 3.0' in metrics
    assert 'hauberk_plugin_step_seconds_count{plugin="it"} 4.0' in metrics


def test_state_is_made_once_and_bounded(offered: Offered) -> None:
    services = offered.services
    first: list[int] = services.state("one", list)
    assert services.state("one", list) is first
    for number in range(MOST_KEYS - 1):
        services.state(f"key{number}", dict)
    with pytest.raises(ValueError, match="at most 1000 states"):
        services.state("one more", dict)


def test_the_log_has_a_rate_and_whole_lines(offered: Offered, clock: VirtualClock) -> None:
    log = offered.services.log()
    for line in [f"line {number}" for number in range(LINES_PER_SECOND + 5)]:
        log.info(line)
    clock.move_to(clock.now() + 1.0)
    log.warning("two\nlines")
    log.error("x" * 5000)
    assert len(offered.lines) == LINES_PER_SECOND + 2
    assert offered.lines[0] == ("info", "plugin it: line 0")
    assert offered.lines[-2] == ("warning", "plugin it: two\\nlines (5 lines before this one were left out)")
    assert len(offered.lines[-1][1]) < 1100


def test_the_rest(offered: Offered, clock: VirtualClock) -> None:
    services = offered.services
    assert (services.now(), services.wall()) == (clock.now(), clock.wall())
    assert 0 <= services.random() < 1
    assert len(services.entropy(16)) == 16
    assert services.http() is services.http()
    assert (services.export("span", b"1"), services.export("other", b"2")) == (True, False)
