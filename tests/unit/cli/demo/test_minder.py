import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hauberk_cli.demo.descendants import descendants, is_running

_SECONDS = 60
# A process with a child of its own that ignores SIGTERM; it says when both are there.
_STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print('there', flush=True)\n"
    "time.sleep(60)\n"
)


@contextmanager
def _minder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "hauberk_cli.demo.minder", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as minder:
        try:
            yield minder
        finally:
            minder.kill()


@contextmanager
def _started(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()


def _wait(condition: Callable[[], bool]) -> None:
    """Wait for what the kernel does in its time."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_when_the_pipe_ends_the_groups_and_the_folder_go(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "a.log").write_text("x")
    with _minder(folder) as minder, _started(_STUBBORN) as process:
        children = descendants(process.pid)
        assert len(children) == 1
        minder.communicate(f"+{process.pid}\n", timeout=_SECONDS)
        assert process.wait(timeout=_SECONDS) == -signal.SIGKILL
        _wait(lambda: not any(is_running(child) for child in children))
    assert not folder.exists()


def test_what_has_ended_in_order_is_left_alone(tmp_path: Path) -> None:
    with _minder(tmp_path) as minder, _started("print('there', flush=True); import time; time.sleep(60)") as process:
        minder.communicate(f"keep\n+{process.pid}\n-{process.pid}\n", timeout=_SECONDS)
        assert process.poll() is None
    assert tmp_path.exists()


def test_a_part_that_was_not_noted_any_more_is_known_by_its_command(tmp_path: Path) -> None:
    folder, other = tmp_path / "demo", tmp_path / "demo-of-somebody-else"
    sleep = "print('there', flush=True); import time; time.sleep(60)"
    # What a part looks like in a list of processes, and others who merely have to do with the folder.
    parts = [
        ["-P", "-m", "hauberk_sidecar", str(folder / ".hauberk" / "bootstrap.json")],
        ["-P", "-m", "hauberk_cli", "control", "--validity", "24h", str(folder)],
    ]
    strangers = [
        ["-P", "-m", "hauberk_sidecar", str(other)],
        ["-f", str(folder / "log")],
        ["-P", "-m", "hauberk_cli", "proxies", str(folder)],
    ]
    with ExitStack() as stack:
        minder = stack.enter_context(_minder(folder))
        ours = [stack.enter_context(_started(sleep, *arguments)) for arguments in parts]
        others = [stack.enter_context(_started(sleep, *arguments)) for arguments in strangers]
        assert minder.stdin is not None
        minder.stdin.close()
        # At once: until somebody takes note of their end, they count as running.
        assert [process.wait(timeout=_SECONDS) for process in ours] == [-signal.SIGTERM] * len(ours)
        minder.wait(timeout=_SECONDS)
        assert [process.poll() for process in others] == [None] * len(others)


@pytest.mark.parametrize("grandchildren", [1, 2])
def test_descendants_are_found_through_their_parents(grandchildren: int) -> None:
    sleeper = "import time; time.sleep(60)"
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeper!r}])"
    program = (
        "import subprocess, sys, time\n"
        f"for _ in range({grandchildren}): subprocess.Popen([sys.executable, '-c', {middle!r}])\n"
        "print('there', flush=True)\n"
        "time.sleep(60)\n"
    )
    with _started(program) as process:
        try:
            # One that is just becoming another program has no command line.
            _wait(lambda: sum("time.sleep" in command for command in descendants(process.pid).values()) == 2 * grandchildren)
            assert process.poll() is None
            assert len(descendants(process.pid)) == 2 * grandchildren
        finally:
            os.killpg(process.pid, signal.SIGKILL)
