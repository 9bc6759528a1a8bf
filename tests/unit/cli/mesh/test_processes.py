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

from hauberk_cli.demo.descendants import is_running
from hauberk_cli.mesh import processes as processes_module
from hauberk_cli.mesh.first_error import first_error
from hauberk_cli.mesh.processes import Child, Groups, StartFailed, run_program

_SECONDS = 60


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
        await _until(partial(_says, log, "up\n"))
        assert os.getsid(child.pid) == child.pid
        nursery.cancel_scope.cancel()
    assert _is_gone(child.pid)
    assert log.read_text() == "up\nbye\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_it_is_started_again_by_a_command_asked_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    starts: list[int] = []

    def command() -> list[str]:
        starts.append(len(starts))
        return _python(f"import time; print('start {starts[-1]}', flush=True); time.sleep({0 if len(starts) < 3 else 60})")

    child = Child("flaky", command, log, first_pause=0.01)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "start 2"))
        assert log.read_text() == "start 0\nstart 1\nstart 2\n"
        os.kill(child.pid, signal.SIGKILL)
        await _until(partial(_says, log, "start 3"))
        nursery.cancel_scope.cancel()
    told = capsys.readouterr().err
    assert told.count("flaky ended with status 0 and is started again in") == 2
    assert f"flaky ended by SIGKILL and is started again in 0.1 s; its log: {log}" in told


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
        await _until(partial(_says, log, "up\n"))
        nursery.cancel_scope.cancel()
    assert _is_gone(child.pid)


async def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        await Child("nothing", lambda: [str(tmp_path / "nothing")], tmp_path / "log").keep()
    assert isinstance(first_error(raised.value, (FileNotFoundError,)), FileNotFoundError)


async def _ready() -> str:
    return ""


async def _never_ready() -> str:
    return "its door is shut"


async def test_one_that_ends_at_its_start_is_not_waited_for(tmp_path: Path) -> None:
    child = Child("broken", lambda: _python("raise SystemExit('no disk')"), tmp_path / "log", first_pause=60)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        with trio.fail_after(_SECONDS), pytest.raises(StartFailed) as raised:
            await child.wait_ready(_never_ready, 600)
        nursery.cancel_scope.cancel()
    assert str(raised.value) == f"broken ended at its start; the end of its log, {child.log}:\n    no disk"


async def test_one_that_is_not_ready_in_time_says_what_it_lacks(tmp_path: Path) -> None:
    child = Child("slow", lambda: _python("import time; time.sleep(60)"), tmp_path / "log")
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await child.wait_ready(_ready, 60)
        with pytest.raises(StartFailed, match=r"slow was not ready within 0 s \(its door is shut\).*\n    \(it is empty\)"):
            await child.wait_ready(_never_ready, 0.1)
        nursery.cancel_scope.cancel()


class _Noted(Groups):
    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []

    def note_start(self, group: int) -> None:
        self.started.append(group)

    def note_end(self, group: int) -> None:
        self.ended.append(group)


async def test_what_a_killed_program_had_started_ends_too_and_every_group_is_noted(tmp_path: Path) -> None:
    log, noted = tmp_path / "log", _Noted()
    program = (
        "import subprocess,sys,time; sleep = [sys.executable, '-S', '-c', 'import time; time.sleep(60)'];"
        "print(subprocess.Popen(sleep).pid, flush=True); time.sleep(60)"
    )
    child = Child("parent", lambda: _python(program), log, groups=noted, first_pause=0.01)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "\n"))
        os.kill(child.pid, signal.SIGKILL)
        await _until(lambda: log.read_text().count("\n") == 2)
        assert noted.ended == []
        nursery.cancel_scope.cancel()
    assert [is_running(int(pid)) for pid in log.read_text().split()] == [False, False]
    assert len(noted.started) == 2
    assert sorted(noted.ended) == sorted(noted.started)


async def test_one_that_is_held_is_not_started_before_it_is_released(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("held", lambda: _python("print('up', flush=True); import time; time.sleep(60)"), log, first_pause=0.001)
    async with trio.open_nursery() as nursery:
        await nursery.start(child.keep)
        await _until(partial(_says, log, "up\n"))
        child.hold()
        os.kill(child.pid, signal.SIGKILL)
        await _until(lambda: child.deaths == 1)
        await trio.sleep(0.05)
        assert log.read_text() == "up\n"
        child.release()
        await _until(partial(_says, log, "up\n", 2))
        nursery.cancel_scope.cancel()


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
