"""Gateways whose proxies cannot join, or not yet, are no reason to end the mesh."""

from pathlib import Path

import pytest
import trio
from fake_control import FakeControl, serving

from hauberk_cli.mesh.free_ports import free_port
from hauberk_cli.mesh.gateways import GatewayProxy, GatewayRunner
from hauberk_control.local.messages import Answer, AskGateways, Gateways, Joined, JoinGateway, Noted, Ports, Refused, Request

PATIENCE = 60.0
ROUNDS = 3


class Unwilling(FakeControl):
    """A control that has a Gateway, and whose answers to who wants to run it are those of a bad moment, in turn."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = answers
        self.joins = 0

    async def answer(self, request: Request) -> Answer:
        if isinstance(request, AskGateways):
            return Gateways(gateways=[Ports(name="front", namespace="default", ports=[80])])
        if isinstance(request, JoinGateway):
            self.joins += 1
            return self._answers[self.joins % len(self._answers)]
        return await super().answer(request)


async def run_until(mesh: Path, control: Unwilling, joins: int) -> list[GatewayProxy]:
    """Run the gateways of `mesh` until somebody has tried to join so often."""
    started: list[GatewayProxy] = []
    runner = GatewayRunner(mesh, lambda port: free_port(), started.append)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.run)
            while control.joins < joins:  # noqa: ASYNC110 - a thread of the fake counts
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    return started


async def test_a_refused_or_broken_join_is_tried_again_and_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # What nobody expects ends the conversation, as a control does that is killed in the middle of it.
    control = Unwilling(Refused(message="there is no Gateway default/front of ours"), Noted())
    with serving(tmp_path, control):
        assert await run_until(tmp_path, control, 2 * ROUNDS) == []
    told = capsys.readouterr().err
    assert told.count("gateway default/front cannot run: there is no Gateway default/front of ours") == 1


async def test_a_process_that_cannot_be_started_is_tried_again_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(trio.lowlevel, "open_process", refuse)
    joined = Joined(control="127.0.0.1:1", join="127.0.0.1:1", root="", identity="spiffe://mesh.test/ns/default/sa/f", token="t")
    control = Unwilling(joined)
    with serving(tmp_path, control):
        assert await run_until(tmp_path, control, ROUNDS) == []
    assert capsys.readouterr().err.count("gateway default/front cannot run: ") == 1
