"""`hauberk circuits`, asked of admin servers that tell what a test wants."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from hauberk_cli.exit_codes import NOT_STARTED, OK
from hauberk_cli.main import main
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_core.model.circuit import Circuits, ClusterCircuit, EndpointCircuit, Limits, Trip

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


@contextlib.contextmanager
def admin(page: bytes, status: int = 200) -> Iterator[str]:
    """An admin server with one page. Gives: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/circuits" else 404)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(MESH_VARIABLE, raising=False)
    return tmp_path


def proxy(mesh: Path, name: str, address: str) -> None:
    folder = mesh / ".hauberk" / "proxies" / f"sidecar.default.{name}"
    folder.mkdir(parents=True)
    document = {"role": "sidecar", "name": name, "admin": address, "control": "127.0.0.1:1", "more": {"a": 1}}
    (folder / "bootstrap.json").write_text(json.dumps(document))


def encoded(*endpoints: EndpointCircuit) -> bytes:
    return msgspec.json.encode(Circuits(clusters=(CLUSTER,), endpoints=endpoints))


def test_the_table_has_states_counts_and_the_request_that_tripped(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin(encoded(ENDPOINT)) as address:
        proxy(mesh, "reviews-v2", address)
        assert main(["circuits", "--mesh", str(mesh)]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["reviews-v2", CLUSTER.cluster, "(all)", "full", "2", "1/1", "1", "0"]
    assert lines[2].split() == ["reviews-v2", CLUSTER.cluster, "127.0.0.1:4711", "open", "for", "12.3", "s", "1", "2", "3"]
    assert "GET /ratings/1: 504: 3 of 502, 503 and 504 in a row (request abc, trace def)" in lines[3]


def test_as_json_it_is_what_the_proxies_tell(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin(encoded(ENDPOINT)) as first, admin(encoded()) as second:
        proxy(mesh, "a", first)
        proxy(mesh, "b", second)
        assert main(["circuits", "-o", "json", "--mesh", str(mesh)]) == OK
    told = json.loads(capsys.readouterr().out)["proxies"]
    assert [one["proxy"] for one in told] == ["a", "b"]
    assert told[0]["endpoints"][0]["tripped"]["trace_id"] == "def"
    assert told[1]["endpoints"] == []


def test_one_proxy_can_be_asked_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    with admin(encoded()) as address:
        assert main(["circuits", "--admin", address]) == OK
        assert address in capsys.readouterr().out


def test_a_proxy_that_has_ended_or_is_something_else_is_left_out(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin(encoded()) as alive, admin(b"<html>") as other, admin(b"", 404) as old:
        for name, address in (("alive", alive), ("other", other), ("old", old), ("ended", "127.0.0.1:1")):
            proxy(mesh, name, address)
        broken = mesh / ".hauberk" / "proxies" / "sidecar.default.broken"
        broken.mkdir()
        (broken / "bootstrap.json").write_text("{")
        assert main(["circuits", "--mesh", str(mesh)]) == OK
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]} == {"alive"}


def test_without_any_proxy_it_says_what_to_type(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuits", "--mesh", str(mesh)]) == NOT_STARTED
    assert "hauberk up" in capsys.readouterr().err
