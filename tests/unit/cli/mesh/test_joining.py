"""Waiting for a control that is just starting."""

from pathlib import Path

import pytest
import trio
import trio.testing
from fake_control import FakeControl

from hauberk_cli.mesh.joining import connect_to_control
from hauberk_control.local.client import ControlAway
from hauberk_control.local.messages import FOLDER_NAME, SOCKET_NAME, Answer, Refused, Request, Services
from hauberk_control.local.server import open_local_socket


class Starting(FakeControl):
    """Fulfils the third request."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def answer(self, request: Request) -> Answer:
        self.asked += 1
        return Services(services=[]) if self.asked >= 3 else Refused(message="in a moment", starting=True)


async def test_a_control_that_has_only_just_begun_is_waited_for(tmp_path: Path) -> None:
    service = Starting()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve_later, tmp_path, service)
            connection = await connect_to_control(tmp_path, 60)
            await connection.close()
            nursery.cancel_scope.cancel()
    assert service.asked == 3


async def _serve_later(mesh: Path, service: FakeControl) -> None:
    # Once somebody waits.
    await trio.testing.wait_all_tasks_blocked(0.01)
    async with open_local_socket(mesh / FOLDER_NAME / SOCKET_NAME, service):
        await trio.sleep_forever()


async def test_the_wait_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ControlAway, match="none started within 0 s"):
        await connect_to_control(tmp_path, 0.1)
