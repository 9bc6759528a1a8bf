"""Circuits in a mesh of real processes: a workload's process dies under its living sidecar, and comes back."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from bookshop_mesh import bookshop
from laptop_mesh import Mesh, running_mesh, wait_until
from load_client import Load

pytestmark = pytest.mark.e2e

RULE: Final = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3, baseEjectionTime: 2s, interval: 1s}
"""
# Runs a program again each time it has died and a file allows it, so that `hauberk run` and its sidecar live on.
KEEPER: Final = """\
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
folder = pathlib.Path(sys.argv[1])
while True:
    child = subprocess.Popen(sys.argv[2:])
    (folder / "pid").write_text(str(child.pid))
    try:
        child.wait()
    except BaseException:
        child.kill()
        raise
    (folder / "allowed").unlink(missing_ok=True)
    while not (folder / "allowed").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where the keeper of the process to be killed tells its number."""
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "keeper.py").write_text(KEEPER)
    return folder


@pytest.fixture
def mesh(tmp_path: Path, kept: Path) -> Iterator[Mesh]:
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "all.yaml").write_text(bookshop("reviews"))
    (folder / "rule.yaml").write_text(RULE)
    keeper = (sys.executable, str(kept / "keeper.py"), str(kept))
    with (
        running_mesh(folder) as running,
        running.workload("reviews", version="v1"),
        running.workload("reviews", version="v2", variables={"SERVICE_VERSION": "v2"}, through=keeper),
    ):
        wait_until(lambda: len(endpoints(running)) == 2, "both endpoints at the gateway")
        wait_until(lambda: _versions(running) == {"v1", "v2"}, "answers of both")
        yield running


def endpoints(mesh: Mesh) -> list[dict[str, Any]]:
    """The circuits of the endpoints of reviews at the gateway, as the command shows them."""
    shown = mesh.hauberk("circuits", "-o", "json").stdout
    proxies = json.loads(shown)["proxies"] if shown else []
    return [endpoint for proxy in proxies if proxy["role"] == "gateway" for endpoint in proxy["endpoints"]]


def _versions(mesh: Mesh) -> set[str]:
    answers = [mesh.get("/reviews/0") for _ in range(6)]
    return {json.loads(answer.body)["version"] for answer in answers if answer.status == 200}


def test_a_killed_process_costs_its_requests_in_flight_alone_is_ejected_and_comes_back(mesh: Mesh, kept: Path) -> None:
    port = mesh.proxy("sidecar", "reviews-v2").inbound_port(9080)

    tripped: dict[str, Any] = {}

    def state() -> str:
        """Of its circuit; empty while the gateway does not tell."""
        for endpoint in endpoints(mesh):
            if endpoint["endpoint"] == f"127.0.0.1:{port}":
                tripped.update(endpoint["tripped"] or {})
                return str(endpoint["state"])
        return ""

    with Load(mesh.gateway_port, "/reviews/0", clients=2, fresh=1) as load:
        wait_until(lambda: load.total() > 50, "some load")
        os.kill(int((kept / "pid").read_text()), signal.SIGKILL)
        wait_until(lambda: state() in {"open", "half-open"}, "its ejection")
        assert tripped["path"] == "/reviews/0"
        assert tripped["reason"] == "connect_failed"
        assert tripped["request_id"]
        # Each client has one request in flight.
        assert len(load.failed()) <= load.clients, load.outcomes()
        (kept / "allowed").touch()
        wait_until(lambda: state() == "closed", "its return")
        wait_until(lambda: _versions(mesh) == {"v1", "v2"}, "answers of both again")
    assert len(load.failed()) <= load.clients, load.outcomes()
    ejections = mesh.proxy("gateway", "bookshop").metric_lines("envoy_cluster_outlier_detection_ejections_enforced_total")
    assert any(float(line.split()[-1]) >= 1 for line in ejections)
