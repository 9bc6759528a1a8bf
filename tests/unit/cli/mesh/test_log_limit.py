from pathlib import Path

import pytest
import trio
import trio.testing

from hauberk_cli.mesh import log_limit as module
from hauberk_cli.mesh.log_limit import LOOK_SECONDS, limit_log


async def _after_a_look(log: Path, clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limit_log, log)
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(LOOK_SECONDS)
        # The next wait begins when the work in its thread is done.
        while log.exists() and log.stat().st_size > module.LIMIT:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_a_log_that_has_grown_too_long_begins_anew(
    tmp_path: Path, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 10)
    log = tmp_path / "log"
    with log.open("a") as program:
        program.write("short\n")
        program.flush()
        await _after_a_look(log, mock_clock)
        assert log.read_text() == "short\n"
        program.write("too long\n")
        program.flush()
        await _after_a_look(log, mock_clock)
        program.write("after\n")
    assert log.read_text() == "after\n"
    assert (tmp_path / "log.1").read_text() == "short\ntoo long\n"


async def test_a_log_that_is_gone_harms_nobody(tmp_path: Path, mock_clock: trio.testing.MockClock) -> None:
    await _after_a_look(tmp_path / "log", mock_clock)
