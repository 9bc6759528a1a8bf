"""Programs that are kept running, and the user's own: real processes, tiny ones."""

import os
import signal
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from hauberk_cli.mesh import processes as processes_module
from hauberk_cli.mesh.processes import Child, run_program

_SECONDS = 20


def _python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


async def _until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(_SECONDS):
        while True:
            if condition():
                return
            await trio.sleep(0.01)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _says(log: Path, text: str, times: int = 1) -> bool:
    return log.exists() and log.read_text().count(text) >= times


async def test_it_is_ended_with_the_task_that_keeps_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import signal,sys,time; signal.signal(15, lambda *_: (print('bye'), sys.exit()));print('up', flush=True); time.sleep(60)"
    )
    child = Child("sleeper", lambda: _python(program), log)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "up"))
        assert os.getsid(child.pid) == child.pid
        nursery.cancel_scope.cancel()
    assert _is_gone(child.pid)
    assert log.read_text() == "up\nbye\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_it_is_started_again_by_a_command_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes_module, "_FIRST_PAUSE", 0.01)
    log = tmp_path / "log"
    starts: list[int] = []

    def command() -> list[str]:
        starts.append(len(starts))
        return _python(f"import time; print('start {starts[-1]}', flush=True); time.sleep({0 if len(starts) < 3 else 60})")

    child = Child("flaky", command, log)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "start 2"))
        assert log.read_text() == "start 0\nstart 1\nstart 2\n"
        os.kill(child.pid, signal.SIGKILL)
        await _until(partial(_says, log, "start 3"))
        nursery.cancel_scope.cancel()
    told = capsys.readouterr().err
    assert told.count("flaky ended with 0 and is started again") == 2
    assert f"flaky ended with -9 and is started again; its log: {log}" in told


async def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "END_SECONDS", 0.05)
    log = tmp_path / "log"
    child = Child(
        "deaf",
        lambda: _python("import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"),
        log,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "up"))
        nursery.cancel_scope.cancel()
    assert _is_gone(child.pid)


async def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Child("nothing", lambda: [str(tmp_path / "nothing")], tmp_path / "log").keep()


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 15)", 143),
    ],
)
async def test_the_users_program_ends_with_its_own_status(program: str, status: int) -> None:
    assert await run_program(_python(program), {}) == status


async def test_it_finds_the_variables_beside_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("PORT", "1")
    program = "import os; raise SystemExit(0 if (os.environ['KEPT'], os.environ['PORT']) == ('1', '9080') else 1)"
    assert await run_program(_python(program), {"PORT": "9080"}) == 0


async def test_it_is_asked_to_end_when_cancelled(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = (
        "import pathlib,signal,sys,time; p = pathlib.Path(sys.argv[1]);"
        "signal.signal(15, lambda *_: (p.write_text('bye'), sys.exit())); p.write_text('up'); time.sleep(60)"
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_program, [*_python(program), str(told)], {})
        await _until(partial(_says, told, "up"))
        nursery.cancel_scope.cancel()
    assert told.read_text() == "bye"
