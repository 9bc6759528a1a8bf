"""Calls of gRPC in a whole mesh: a Gateway, a GRPCRoute, and a workload whose sidecar is reached by mutual TLS."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_peers import PATIENCE, calling_at, failure
from laptop_mesh import Mesh, running_mesh, wait_until

pytestmark = pytest.mark.e2e

MESH = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: reviews}
spec:
  parentRefs: [{name: web}]
  rules:
  - matches: [{method: {service: books.v1.Reviews}}]
    backendRefs: [{name: reviews, port: 9080}]
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: x, port: 9080}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(MESH)
    program = Path(__file__).parents[1] / "support" / "grpc_program.py"
    with running_mesh(folder) as running:
        command = ["-m", "hauberk_cli", "run", "--mesh", str(folder), "--service", "reviews", "--port", "9080"]
        environment = os.environ | {"PYTHONPATH": str(program.parent)}
        with (tmp_path / "run.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *command, "--", sys.executable, str(program)], stdout=log, stderr=log, env=environment
            )
        try:
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def test_a_call_finds_its_way_through_gateway_and_sidecar(mesh: Mesh) -> None:
    with calling_at(mesh.gateway_port) as caller:

        def answered() -> bool:
            try:
                return bool(caller.unary("Get")(b"hello", timeout=5) == b"hello")
            except grpc.RpcError:
                return False

        wait_until(answered, "an answer through the mesh")
        assert list(caller.both("Chat")(iter([b"a", b"b"]), timeout=PATIENCE)) == [b"A", b"B"]
        error = failure(lambda: caller.unary("Get", "books.v1.Others")(b"x", timeout=PATIENCE))
        assert (error.code(), error.details()[:9]) == (grpc.StatusCode.UNIMPLEMENTED, "no_route:")
    shown = json.loads(mesh.hauberk("status", "-o", "json").stdout)
    [route] = [row for row in shown["conditions"] if row["kind"] == "GRPCRoute" and row["type"] == "Accepted"]
    assert route["status"] == "True"
    gateway = mesh.proxy("gateway", "web")
    counted = {"request_protocol": "grpc", "grpc_response_status": "0"}
    # An exchange is counted a moment after its answer was sent.
    wait_until(lambda: bool(gateway.metric_lines("istio_requests_total", **counted)), "a call that is counted")
