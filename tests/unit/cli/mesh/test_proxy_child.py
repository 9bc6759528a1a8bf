"""A program that is kept running: replaced, killed, unwilling to start, and ended."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import trio

from hauberk_cli.mesh import proxy_child
from hauberk_cli.mesh.proxy_child import ProxyChild

PROGRAM: Final = Path(__file__).with_name("kept_program.py")


async def _until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - files and processes tell nobody
            await trio.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Kept:
    """The child, and where it serves."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self.child: Final = ProxyChild("the program", lambda: [sys.executable, str(PROGRAM), str(folder)], folder / "log")

    async def ask(self) -> int:
        """The number of the process that serves."""
        with trio.fail_after(60):
            stream = await trio.open_tcp_stream("127.0.0.1", int((self.folder / "port").read_text()))
            async with stream:
                return int(await stream.receive_some(100))

    def behave(self, how: str) -> None:
        """What the next process is to do."""
        (self.folder / "behaviour").write_text(how)


@pytest.fixture
async def kept(nursery: trio.Nursery, tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    await nursery.start(made.child.keep)
    await _until((tmp_path / "port").exists)
    return made


async def test_a_replacement_serves_on_the_same_socket(kept: Kept) -> None:
    before = await kept.ask()
    assert before == kept.child.pid
    assert await kept.child.replace()
    after = await kept.ask()
    assert after == kept.child.pid != before
    assert not _runs(before)


async def test_a_killed_program_is_started_again_and_its_callers_wait(kept: Kept) -> None:
    before = await kept.ask()
    os.kill(before, signal.SIGKILL)
    await _until(lambda: not _runs(before))
    # At once: the queue of the socket, which is kept open meanwhile, holds the connection.
    assert await kept.ask() != before


async def test_a_successor_that_fails_changes_nothing(kept: Kept) -> None:
    before = await kept.ask()
    kept.behave("fail")
    assert not await kept.child.replace()
    assert await kept.ask() == before == kept.child.pid


async def test_a_successor_that_is_never_ready_is_ended(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_child, "READY_SECONDS", 0.5)
    before = await kept.ask()
    kept.behave("silent")
    assert not await kept.child.replace()
    assert await kept.ask() == before


async def test_who_dies_while_being_replaced_is_replaced_once(kept: Kept, nursery: trio.Nursery) -> None:
    before = await kept.ask()
    kept.behave("silent")
    async with trio.open_nursery() as replacing:
        replacing.start_soon(kept.child.replace)
        await _until((kept.folder / "silent").exists)
        os.kill(before, signal.SIGKILL)
        # Until then it may still take the connection that is to be its successor's.
        await _until(lambda: not _runs(before))
        await trio.testing.wait_all_tasks_blocked(0.1)
        replacing.cancel_scope.cancel()
        kept.behave("")
    after = await kept.ask()
    assert after == kept.child.pid != before


async def test_the_end_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    made = Kept(tmp_path)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.child.keep)
        await _until((tmp_path / "port").exists)
        serving = await made.ask()
        nursery.cancel_scope.cancel()
    assert not _runs(serving)
    with pytest.raises(OSError, match="all attempts"):
        await made.ask()
    assert not await made.child.replace()
