"""What commands show with `-o json` has the shape that the reference tells."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from fake_admin import admin_server, write_proxy
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli.main import main
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_control.local.messages import ConditionRow, FileProblem, Progress, Proxies, RefusalRow, Status
from hauberk_core.agent.config_dump import ConfigDump
from hauberk_core.model.circuit import Circuits, ClusterCircuit, EndpointCircuit, Limits, Trip
from hauberk_docs.output import shaped_commands

TRIP = Trip(at=1.5, why="too many", method="GET", path="/", status=503)
CIRCUITS = Circuits(
    clusters=(
        ClusterCircuit(
            cluster="ratings",
            requests=1,
            connections=1,
            waiting=0,
            retries=0,
            limits=Limits(requests=1),
            request_overflows=2,
            connection_overflows=0,
            waiting_overflows=0,
            retry_overflows=0,
            ejection_overflows=0,
            tripped=TRIP,
        ),
    ),
    endpoints=(
        EndpointCircuit(
            cluster="ratings",
            endpoint="127.0.0.1:1",
            state="half-open",
            open_seconds=0.0,
            active=0,
            consecutive_5xx=1,
            consecutive_gateway=1,
            consecutive_local=0,
            ejections=1,
            ejections_5xx=1,
            ejections_gateway=0,
            ejections_local=0,
            ejections_probe=0,
            tripped=TRIP,
        ),
    ),
)
ARGUMENTS = {
    "hauberk config check": ["broken.json"],
    "hauberk config dump": ["default/reviews"],
    "hauberk wait": ["--timeout", "0"],
    "hauberk check": ["--kubeconfig", "kubeconfig"],
}
NO_CLUSTER = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""
SHAPES = {command: option.shape() for command, option in shaped_commands()}


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mesh in which there is something of everything to tell."""
    monkeypatch.setenv(MESH_VARIABLE, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text('{"versoin": "1"}')
    (tmp_path / "kubeconfig").write_text(NO_CLUSTER)
    refusal = RefusalRow(version="v2", reason="no", seconds_ago=1.0, settled=False)
    row = proxy_row("reviews", current=False, last_refusal=refusal)
    problem = FileProblem(file="a.yaml", text="a.yaml:1:1: no")
    condition = ConditionRow(kind="Gateway", namespace="d", name="n", place="a.yaml:1:1", type="T", status="True", reason="R")
    dump = ConfigDump(proxy="reviews", number=1, refused={}, addresses={"web": "127.0.0.1:1"}, snapshot=msgspec.Raw(b"{}"))
    control = FakeControl(
        Status(conditions=[condition], problems=["no"]),
        Proxies(proxies=[row]),
        progress=[Progress(unread=[], problems=[problem], absent=[], proxies=[row])],
    )
    pages = {"/config_dump": msgspec.json.encode(dump), "/circuits": msgspec.json.encode(CIRCUITS)}
    with ExitStack() as stack:
        stack.enter_context(serving(tmp_path, control))
        write_proxy(tmp_path, "reviews", stack.enter_context(admin_server(pages)))
        yield tmp_path


@pytest.mark.parametrize("command", sorted(SHAPES))
def test_an_answer_has_every_member_and_no_other(mesh: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([*command.split()[1:], *ARGUMENTS.get(command, []), "-o", "json"])
    shown = capsys.readouterr()
    assert shown.err == ""
    told = json.loads(shown.out)
    read = msgspec.json.decode(shown.out, type=SHAPES[command])
    assert json.loads(msgspec.json.encode(msgspec.structs.asdict(read))) == told
    assert any(told.values()), "there is nothing to compare"


def test_every_command_with_an_answer_is_told_of() -> None:
    names = {"status", "proxies", "wait", "circuits", "config check", "config dump", "plugin list", "version", "check"}
    assert {f"hauberk {name}" for name in names} <= set(SHAPES)
