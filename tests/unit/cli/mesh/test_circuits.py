"""`hauberk circuits`, asked of admin servers that tell what a test wants."""

import json
from pathlib import Path

import msgspec
import pytest
from fake_admin import admin_server, write_proxy

from hauberk_cli.exit_codes import NOT_STARTED, OK
from hauberk_cli.main import main
from hauberk_cli.mesh import circuits as circuits_module
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_core.model.circuit import Circuits, ClusterCircuit, EndpointCircuit, Limits, Trip
from hauberk_core.model.health import EndpointHealth

TRIP = Trip(
    at=0.0, why="3 of 502, 503 and 504 in a row", method="GET", path="/ratings/1", status=504, request_id="abc", trace_id="def"
)
CLUSTER = ClusterCircuit(
    cluster="outbound|9080||ratings",
    requests=2,
    connections=1,
    waiting=1,
    retries=0,
    limits=Limits(connections=1),
    request_overflows=0,
    connection_overflows=4,
    waiting_overflows=0,
    retry_overflows=0,
    ejection_overflows=0,
    tripped=None,
)
ENDPOINT = EndpointCircuit(
    cluster="outbound|9080||ratings",
    endpoint="127.0.0.1:4711",
    state="open",
    open_seconds=12.34,
    active=1,
    consecutive_5xx=0,
    consecutive_gateway=2,
    consecutive_local=0,
    ejections=3,
    ejections_5xx=0,
    ejections_gateway=2,
    ejections_local=0,
    ejections_probe=1,
    tripped=TRIP,
)


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(MESH_VARIABLE, raising=False)
    monkeypatch.setattr(circuits_module, "_SECONDS", 60.0)
    return tmp_path


def encoded(*endpoints: EndpointCircuit) -> bytes:
    return msgspec.json.encode(Circuits(clusters=(CLUSTER,), endpoints=endpoints))


def test_the_table_has_states_counts_and_the_request_that_tripped(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/circuits": encoded(ENDPOINT)}) as address:
        write_proxy(mesh, "reviews-v2", address)
        assert main(["circuits", "--mesh", str(mesh)]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["default/reviews-v2", CLUSTER.cluster, "(all)", "full", "2", "1/1", "1", "0"]
    assert lines[2].split() == [
        "default/reviews-v2",
        CLUSTER.cluster,
        "127.0.0.1:4711",
        "open",
        "for",
        "12.3",
        "s",
        "1",
        "2",
        "3",
    ]
    assert "GET /ratings/1: 504: 3 of 502, 503 and 504 in a row (request abc, trace def)" in lines[3]


def test_health_has_a_table_of_its_own_with_the_cause(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fault = "it answered with the status 503"
    check = EndpointHealth(
        cluster=CLUSTER.cluster,
        endpoint="127.0.0.1:4712",
        state="unhealthy",
        seconds=7.2,
        check="HTTP GET /healthz",
        fault=fault,
        checks=9,
        failures=4,
        changes=2,
    )
    with admin_server({"/circuits": msgspec.json.encode(Circuits(checks=(check,)))}) as address:
        write_proxy(mesh, "reviews-v2", address)
        assert main(["circuits", "--mesh", str(mesh)]) == OK
    lines = capsys.readouterr().out.splitlines()
    row = ["default/reviews-v2", CLUSTER.cluster, "127.0.0.1:4712", "unhealthy", "7", "s", "HTTP", "GET", "/healthz", "9", "4"]
    assert lines[3].split() == row
    assert lines[4].endswith(f"127.0.0.1:4712: HTTP GET /healthz: {fault}")


def test_as_json_it_is_what_the_proxies_tell(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/circuits": encoded(ENDPOINT)}) as first, admin_server({"/circuits": encoded()}) as second:
        write_proxy(mesh, "a", first)
        write_proxy(mesh, "b", second)
        assert main(["circuits", "-o", "json", "--mesh", str(mesh)]) == OK
    told = json.loads(capsys.readouterr().out)["proxies"]
    assert [one["proxy"] for one in told] == ["default/a", "default/b"]
    assert told[0]["endpoints"][0]["tripped"]["trace_id"] == "def"
    assert told[1]["endpoints"] == []


def test_one_proxy_can_be_asked_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/circuits": encoded()}) as address:
        assert main(["circuits", "--admin", address]) == OK
        assert address in capsys.readouterr().out


def test_a_proxy_that_has_ended_or_is_something_else_is_left_out(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        admin_server({"/circuits": encoded()}) as alive,
        admin_server({"/circuits": b"<html>"}) as other,
        admin_server({"/circuits": b""}, 404) as old,
    ):
        for name, address in (("alive", alive), ("other", other), ("old", old), ("ended", "127.0.0.1:1")):
            write_proxy(mesh, name, address)
        broken = mesh / ".hauberk" / "proxies" / "sidecar.default.broken"
        broken.mkdir()
        (broken / "bootstrap.json").write_text("{")
        assert main(["circuits", "--mesh", str(mesh)]) == OK
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]} == {"default/alive"}


def test_without_any_proxy_it_says_what_to_type(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuits", "--mesh", str(mesh)]) == NOT_STARTED
    assert "hauberk up" in capsys.readouterr().err


def test_an_address_where_no_proxy_is_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    # Nothing listens on port 1, which no program is given.
    assert main(["circuits", "--admin", "127.0.0.1:1"]) == NOT_STARTED
    assert "no proxy's admin server answers at 127.0.0.1:1\n" in capsys.readouterr().err
