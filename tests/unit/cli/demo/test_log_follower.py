from pathlib import Path

import pytest
import trio
import trio.testing

from hauberk_cli.demo.log_follower import LOOK_SECONDS, follow_log, log_size, read_log


def test_only_whole_lines_are_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthr")
    text, offset = read_log(log, 0)
    assert text == "one\ntwo\n"
    with log.open("a") as file:
        file.write("ee\n")
    assert read_log(log, offset) == ("three\n", log_size(log))


async def test_what_comes_from_now_on_is_shown_and_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mock_clock: trio.testing.MockClock
) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_log, "control", log)
        await trio.testing.wait_all_tasks_blocked()
        with log.open("a") as file:
            file.write("reviews.yaml:3:1: \x1b[2Jno\n")
        mock_clock.jump(LOOK_SECONDS)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().out == "  control | reviews.yaml:3:1: ?[2Jno\n"
