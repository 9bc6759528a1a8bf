"""A whole mesh on this machine: gateway, sidecars, control, from a folder of YAML."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from laptop_mesh import Load, Mesh, running_mesh, wait_until

pytestmark = pytest.mark.e2e

GATEWAY: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bookshop}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: http, port: 80, protocol: HTTP}
"""
ROUTE: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{name: bookshop}]
  rules:
  - matches: [{path: {type: PathPrefix, value: PREFIX}}]
    filters:
    - type: URLRewrite
      urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /reviews}}
    backendRefs: [{name: reviews, port: 9080}]
"""
SERVICE: Final = """\
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: NAME}
  ports: [{port: 9080}]
"""
POLICY: Final = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: MODE}}
"""
MISSING: Final = """\
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: waf}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: bookshop}]
  plugin: waf
  failure: FAILURE
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("laptop") / "mesh"
    folder.mkdir()
    (folder / "gateway.yaml").write_text(GATEWAY)
    (folder / "route.yaml").write_text(ROUTE.replace("PREFIX", "/reviews"))
    for name in ("reviews", "ratings"):
        (folder / f"{name}.yaml").write_text(SERVICE.replace("NAME", name))
    (folder / "policy.yaml").write_text(POLICY.replace("MODE", "STRICT"))
    with (
        running_mesh(folder, "--validity", "20s") as running,
        running.workload("ratings"),
        running.workload("reviews", version="v2", variables={"SERVICE_VERSION": "v2"}),
    ):
        wait_until(lambda: '"ratings_instance":"ratings' in running.get("/reviews/0").body, "an answer of both services")
        yield running


def _served(mesh: Mesh, workload: str) -> list[str]:
    """What a workload's sidecar counts of requests that it answered with 200."""
    page = mesh.proxy("sidecar", workload).admin("/stats/prometheus")
    return [
        line
        for line in page.splitlines()
        if line.startswith("istio_requests_total") and 'reporter="destination"' in line and 'response_code="200"' in line
    ]


def test_every_hop_between_proxies_is_mutual_tls(mesh: Mesh) -> None:
    assert mesh.get("/reviews/0").status == 200
    callers = {"reviews-v2": "bookshop-hauberk", "ratings": "reviews"}
    for workload, caller in callers.items():
        # An exchange is counted a moment after its answer was sent.
        wait_until(lambda workload=workload: bool(_served(mesh, workload)), "a count")  # type: ignore[misc]
        for line in _served(mesh, workload):
            assert 'connection_security_policy="mutual_tls"' in line
            assert f'source_principal="spiffe://cluster.local/ns/default/sa/{caller}"' in line


def test_plaintext_to_a_strict_workload_is_reset(mesh: Mesh) -> None:
    port = mesh.proxy("sidecar", "reviews-v2").inbound_port(9080)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(b"GET /reviews/0 HTTP/1.1\r\nHost: reviews\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_modes_change_under_load_without_a_failed_request(mesh: Mesh) -> None:
    policy = mesh.folder / "policy.yaml"
    port = mesh.proxy("sidecar", "reviews-v2").inbound_port(9080)

    def takes_plaintext() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET /reviews/0 HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n")
            try:
                return sock.recv(12).startswith(b"HTTP/1.1 200")
            except ConnectionResetError:
                return False

    with Load(mesh, "/reviews/0") as load:
        for _ in range(3):
            policy.write_text(POLICY.replace("MODE", "PERMISSIVE"))
            wait_until(takes_plaintext, "plaintext under PERMISSIVE")
            policy.write_text(POLICY.replace("MODE", "STRICT"))
            wait_until(lambda: not takes_plaintext(), "a reset under STRICT")
    assert load.answers
    assert load.failed() == []


def test_an_edited_route_moves_traffic(mesh: Mesh) -> None:
    route = mesh.folder / "route.yaml"
    route.write_text(ROUTE.replace("PREFIX", "/elsewhere"))
    wait_until(lambda: mesh.get("/elsewhere/0").status == 200, "the new route")
    wait_until(lambda: mesh.get("/reviews/0").status == 404, "the end of the old route")
    route.write_text(ROUTE.replace("PREFIX", "/reviews"))
    wait_until(lambda: mesh.get("/reviews/0").status == 200, "the old route again")


def test_a_broken_file_is_told_with_its_place_and_harms_nobody(mesh: Mesh) -> None:
    broken = mesh.folder / "broken.yaml"
    with Load(mesh, "/reviews/0") as load:
        broken.write_text(ROUTE.replace("PREFIX", "/reviews").replace("backendRefs", "backendRef"))
        wait_until(lambda: mesh.hauberk("status").returncode == 1, "a status that tells of the mistake")
        told = mesh.hauberk("status").stderr
        assert re.search(r"broken\.yaml:11:\d+: .*backendRef", told), told
        assert "backendRefs" in told
        broken.unlink()
        wait_until(lambda: mesh.hauberk("status").returncode == 0, "a status without mistakes")
    assert load.answers
    assert load.failed() == []


def test_a_policy_whose_plugin_is_missing_says_so_and_where_and_fails_as_declared(mesh: Mesh) -> None:
    policy = mesh.folder / "waf.yaml"
    policy.write_text(MISSING.replace("FAILURE", "closed"))
    wait_until(lambda: mesh.get("/reviews/0").status == 503, "the answer of a plugin that is not there")
    told = mesh.hauberk("status")
    assert told.returncode == 1
    assert (
        "waf.yaml:1:1: PluginPolicy waf: PluginMissing: the plugin 'waf' is not installed at gateway default/bookshop"
        in told.stderr
    )
    policy.write_text(MISSING.replace("FAILURE", "open"))
    wait_until(lambda: mesh.get("/reviews/0").status == 200, "requests that go on without it")
    wait_until(lambda: "failure: open" in mesh.hauberk("status").stderr, "the same, told otherwise")
    policy.unlink()
    wait_until(lambda: mesh.hauberk("status").returncode == 0, "a status without mistakes")


def test_places_are_relative_and_workloads_say_who_made_them(mesh: Mesh) -> None:
    rows = json.loads(mesh.hauberk("status", "-o", "json").stdout)["conditions"]
    places = {row["kind"]: row["place"] for row in rows}
    assert (places["Gateway"], places["HTTPRoute"]) == ("gateway.yaml:1:1", "route.yaml:1:1")
    assert places["WorkloadEntry"] == "hauberk run"


def test_every_proxy_is_known_to_be_up_to_date(mesh: Mesh) -> None:
    wait_until(
        lambda: [proxy["current"] for proxy in json.loads(mesh.hauberk("proxies", "-o", "json").stdout)["proxies"]] == [True] * 3,
        "three proxies with the latest configuration",
    )


def test_certificates_are_renewed_under_load(mesh: Mesh) -> None:
    # They live 20 s here; renewal is due at half of that.
    proxy = mesh.proxy("sidecar", "reviews-v2")
    before = proxy.admin("/certs")
    with Load(mesh, "/reviews/0") as load:
        wait_until(lambda: proxy.admin("/certs") != before, "another certificate")
    assert load.failed() == []


def test_control_and_a_sidecar_are_killed_and_traffic_goes_on(mesh: Mesh) -> None:
    control_log = (mesh.folder / ".hauberk" / "control.log").read_text()
    with Load(mesh, "/reviews/0") as load:
        [control] = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and (entry / "cmdline").exists()
            and b"hauberk_cli\0control" in (entry / "cmdline").read_bytes()
            and str(mesh.folder).encode() in (entry / "cmdline").read_bytes()
        ]
        os.kill(control, signal.SIGKILL)
        wait_until(
            lambda: (
                len((mesh.folder / ".hauberk" / "control.log").read_text()) > len(control_log)
                and mesh.hauberk("proxies").stdout.count("yes") == 3
            ),
            "control again, with all proxies",
        )
    assert load.answers
    assert load.failed() == []
    assert mesh.get("/reviews/0").status == 200
