"""`hauberk up` beside a mesh that runs already."""

from pathlib import Path

import pytest
from fake_control import FakeControl, serving

from hauberk_cli.exit_codes import NOT_STARTED
from hauberk_cli.main import main
from hauberk_cli.mesh import up
from hauberk_control.local.messages import Answer, Gateways, Request


class WithoutGateways(FakeControl):
    async def answer(self, request: Request) -> Answer:
        return Gateways(gateways=[])


def test_a_folder_that_is_served_already_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "_PREDECESSOR_SECONDS", 1.0)
    with serving(tmp_path, WithoutGateways()):
        before = sorted(tmp_path.rglob("*"))
        assert main(["up", str(tmp_path)]) == NOT_STARTED
        assert sorted(tmp_path.rglob("*")) == before
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"error: another control serves {tmp_path} already" in shown.err
