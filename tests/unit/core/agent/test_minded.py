"""Who is minded notices the end of its minder."""

import os

import pytest
import trio
import trio.testing

from hauberk_core.agent.minded import MINDED_VARIABLE, wait_unminded

MINDED = {MINDED_VARIABLE: "1"}


async def test_the_end_of_the_pipe_is_the_end_of_the_minder() -> None:
    reading, writing = os.pipe()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_unminded, MINDED, reading)
            os.write(writing, b"whatever")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(nursery.child_tasks) == 1
            os.close(writing)
            with trio.fail_after(30):
                while nursery.child_tasks:
                    await trio.testing.wait_all_tasks_blocked()
    finally:
        os.close(reading)


@pytest.mark.parametrize("environment", [{}, {MINDED_VARIABLE: "0"}])
async def test_who_is_not_minded_waits_for_nothing(environment: dict[str, str]) -> None:
    with trio.move_on_after(0.05) as scope:
        await wait_unminded(environment, -1)
    assert scope.cancelled_caught
