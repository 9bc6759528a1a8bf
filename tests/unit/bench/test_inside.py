import gc
import math
import os
import sys
from pathlib import Path

import pytest

from bench import figures
from bench.contestants.hauberk import Hauberk
from bench.filters import measure_filters
from bench.inside.filters import CASES, MANY, Case, measure, proxy
from bench.inside.idle_filter import IdleFilter
from bench.process import BenchError
from bench.sidecar import _wait_for
from hauberk_core.build_info import compiled


@pytest.mark.parametrize(("case", "filters"), [("none", 0), ("one", 1), ("many", MANY), ("tracing", 0), ("default", 0)])
def test_every_request_passes_every_filter(case: str, filters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"request": 0, "response": 0}

    def count(method: str) -> None:
        def counted(self: IdleFilter, exchange: object) -> None:
            calls[method] += 1

        monkeypatch.setattr(IdleFilter, method, counted)

    count("request")
    count("response")
    with proxy(CASES[case]) as served:
        served.requests(10)
    assert calls == {"request": 10 * filters, "response": 10 * filters}


@pytest.mark.parametrize("case", list(CASES))
def test_requests_leave_no_cycles_behind(case: str) -> None:
    """Or the collector that workers keep off the road (`hauberk_core.garbage`) would let memory grow."""
    with proxy(CASES[case]) as served:
        served.requests(100)
        gc.collect()
        gc.disable()
        try:
            served.requests(1000)
            assert gc.collect() < 100
        finally:
            gc.enable()


def test_a_request_without_an_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(Case()) as served:
        monkeypatch.setattr(served, "_turn", lambda descriptor: None)
        with pytest.raises(RuntimeError, match="0 of 3 requests were answered"):
            served.requests(3)


def test_every_case_is_measured() -> None:
    assert all(0 < took < math.inf for took in measure(0.2).values())


def _here(is_compiled: bool) -> Hauberk:
    return Hauberk("hauberk", sys.executable, is_compiled)


def test_the_figures_are_those_of_the_build(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    round_ = measure_filters(_here(compiled()), tmp_path, 2, core, 0.05)
    assert round_.number == 2
    assert round_.values[figures.WITHOUT_FILTERS.key] > 0
    assert {
        figures.FIRST_FILTER.key,
        figures.FURTHER_FILTER.key,
        figures.TRACING.key,
        figures.DEFAULT_PLUGINS.key,
    } < round_.values.keys()


def test_another_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is not the one meant"):
        measure_filters(_here(not compiled()), tmp_path, 0, min(os.sched_getaffinity(0)), 0.05)


def test_what_does_not_come_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "control.log"
    log.write_text("error: the port is taken\n")
    monkeypatch.setattr("bench.sidecar._START_SECONDS", 0.0)
    with pytest.raises(BenchError, match="the port is taken"):
        _wait_for(lambda: False, "control", log)
