"""A worker process by itself: how it is started, and what it loads."""

import subprocess
import sys

import pytest

from hauberk_core.agent.logs import LOG
from hauberk_core.sim.clock import VirtualClock
from hauberk_core.worker import Arguments, LoggedFaults

# What takes memory in every worker and belongs to the agent, the command, or to configurations that ask for it.
HEAVY = (
    "OpenSSL",
    "asyncio",
    "click",
    "cryptography",
    "csv",
    "difflib",
    "email",
    "h11",
    "hauberk_core.model.shape",
    "importlib.metadata",
    "prometheus_client",
    "re2",
    "zipfile",
)


def test_arguments_are_read_by_name() -> None:
    assert Arguments.parse(["--cells=5", "--lifeline=6", "--link=4", "--number=1"]) == Arguments(1, 4, 5, 6)


@pytest.mark.parametrize("words", [[], ["--link=4"], ["--link=x", "--cells=1", "--number=1"], ["--help"]])
def test_wrong_arguments_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"missing|invalid literal"):
        Arguments.parse(words)


def test_a_person_who_starts_it_is_told_what_to_run() -> None:
    ended = subprocess.run([sys.executable, "-m", "hauberk_core.worker"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "hauberk proxy --help" in ended.stderr


def test_a_worker_loads_nothing_heavy() -> None:
    script = "import sys, hauberk_core.worker; print(' '.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(ended.stdout.split())
    assert "trio" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []


def test_a_worker_that_has_looked_for_plugins_has_loaded_them_and_nothing_heavy() -> None:
    script = (
        "import sys, hauberk_core.worker, hauberk_core.plugin.host; "
        "print(*hauberk_core.plugin.host.data_host().names()); print(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    names, modules = [set(line.split()) for line in ended.stdout.splitlines()]
    assert {"mtls", "tracing"} <= names
    assert sorted(modules.intersection(HEAVY)) == []


def test_repeated_faults_are_counted_not_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOG, "propagate", True)
    clock = VirtualClock()
    faults = LoggedFaults(clock)
    for _ in range(1000):
        faults.fault("a connection", RuntimeError("again"))
    assert caplog.text.count("RuntimeError: again") == 1
    clock.move_to(clock.now() + 1.0)
    faults.fault("a connection", RuntimeError("again"))
    assert caplog.text.count("RuntimeError: again") == 2
    assert "(999 more since the last one shown)" in caplog.text


def test_what_nobody_can_catch_is_logged_at_the_same_rate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unlucky:
        def __del__(self) -> None:
            raise RuntimeError("nobody catches this")

    monkeypatch.setattr(LOG, "propagate", True)
    monkeypatch.setattr(sys, "unraisablehook", LoggedFaults(VirtualClock()).unraisable)
    for _ in range(100):
        Unlucky()
    assert caplog.text.count("RuntimeError: nobody catches this") == 1
    assert "Unlucky.__del__" in caplog.text
