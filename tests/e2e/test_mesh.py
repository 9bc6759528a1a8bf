"""A whole mesh on this machine: gateway, sidecars, control, from a folder of YAML, and who may enter it."""

import contextlib
import json
import signal
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Final

import pytest
from bookshop_mesh import MARK, bookshop_mesh, policy, route, service, write_bookshop
from endurance import lasting
from laptop_mesh import START_SECONDS, Mesh, Proxy, get, send, wait_until
from load_client import Load
from mesh_wire import Witness, peer_context, shown_by, witness

pytestmark = [pytest.mark.e2e, pytest.mark.endure]


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
    write_bookshop(folder)
    with bookshop_mesh(folder) as running:
        yield running


@pytest.fixture
def watched(mesh: Mesh) -> Iterator[Witness]:
    """A workload that writes down who calls it; the gateway and the sidecars may."""
    (mesh.folder / "witness.yaml").write_text(service("witness"))
    (mesh.folder / "witness-route.yaml").write_text(route("witness"))
    with witness(mesh.folder) as made:
        yield made
    for name in ("witness", "witness-route", "witness-entry"):
        (mesh.folder / f"{name}.yaml").unlink()


def principal(service_account: str) -> str:
    return f"spiffe://cluster.local/ns/default/sa/{service_account}"


def test_every_hop_between_proxies_is_mutual_tls_by_the_metrics_of_both_sides(mesh: Mesh) -> None:
    assert mesh.get("/reviews/0").status == 200
    hops = [
        (mesh.proxy("gateway", "bookshop"), "bookshop-hauberk", mesh.proxy("sidecar", "reviews-v2"), "reviews"),
        (mesh.proxy("sidecar", "reviews-v2"), "reviews", mesh.proxy("sidecar", "ratings"), "ratings"),
    ]
    for caller, calling, called, serving in hops:
        names = {"source_principal": principal(calling), "destination_principal": principal(serving)}
        for proxy, reporter in ((caller, "source"), (called, "destination")):
            # An exchange is counted a moment after its answer was sent.
            wait_until(
                lambda: bool(proxy.metric_lines("istio_requests_total", reporter=reporter, response_code="200", **names)),  # noqa: B023 - called at once
                f"{reporter} {calling} {serving}",
            )
        served = called.metric_lines("istio_requests_total", reporter="destination")
        assert all('connection_security_policy="mutual_tls"' in line for line in served), served


def test_every_hop_between_proxies_is_mutual_tls_by_the_certificates_on_the_wire(mesh: Mesh, watched: Witness) -> None:
    # What the sidecars show those who call them.
    caller = peer_context(mesh.folder, ssl.PROTOCOL_TLS_CLIENT, "somebody")
    for name, account in (("reviews-v2", "reviews"), ("reviews-v3", "reviews"), ("ratings", "ratings")):
        sidecar = mesh.proxy("sidecar", name)
        shown = shown_by(caller, sidecar.inbound_port(9080))
        assert shown.names == (principal(account),)
        assert shown.was_valid()
        assert shown.serial == sidecar.certificate().serial
    # What gateway and sidecar show those whom they call.
    wait_until(lambda: mesh.get("/witness/x").status == 200, "the witness's answer to the gateway")
    proxy_port = int(str(mesh.proxy("sidecar", "reviews-v2").node()["http_proxy_port"]))
    wait_until(lambda: _by_proxy(proxy_port, "http://witness:9080/x") == 200, "the witness's answer to the sidecar")
    by_name = {shown.names: shown.serial for shown in watched.callers()}
    assert by_name == {
        (principal("bookshop-hauberk"),): mesh.proxy("gateway", "bookshop").certificate().serial,
        (principal("reviews"),): mesh.proxy("sidecar", "reviews-v2").certificate().serial,
    }


def test_what_was_waited_for_is_what_the_next_request_gets(mesh: Mesh) -> None:
    file = mesh.folder / "reviews-route.yaml"
    for mark in ("second", "third", "first"):
        file.write_text(route("reviews", mark=mark))
        waited = mesh.hauberk("wait", "--timeout", "60", "httproute/reviews")
        assert (waited.returncode, waited.stderr) == (0, "")
        assert mark_of(mesh) == mark


def test_a_proxy_that_hangs_is_named_by_who_waits(mesh: Mesh) -> None:
    file = mesh.folder / "reviews-route.yaml"
    agent = mesh.proxy("gateway", "bookshop").agent()
    send(agent, signal.SIGSTOP)
    try:
        file.write_text(route("reviews", mark="second"))
        waited = mesh.hauberk("wait", "--timeout", "5")
        assert waited.returncode == 1
        assert waited.stderr.startswith("default/bookshop: behind for ")
        assert waited.stderr.endswith(" next: hauberk proxies\n")
    finally:
        send(agent, signal.SIGCONT)
        file.write_text(route("reviews"))
    assert mesh.hauberk("wait", "--timeout", "60").returncode == 0


def mark_of(mesh: Mesh) -> str | None:
    """By which form of the route the gateway answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{mesh.gateway_port}/reviews/0", timeout=20) as answer:
        return str(answer.headers[MARK])


def _by_proxy(port: int, url: str) -> int:
    """The status of an answer by an HTTP proxy."""
    return get(port, url).status


def test_plaintext_to_a_strict_workload_is_reset(mesh: Mesh) -> None:
    for name in ("reviews-v2", "ratings"):
        port = mesh.proxy("sidecar", name).inbound_port(9080)
        with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as sock:
            sock.sendall(b"GET /reviews/0 HTTP/1.1\r\nHost: reviews\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)


def test_modes_change_under_load_without_a_failed_request(mesh: Mesh) -> None:
    sidecars = [mesh.proxy("sidecar", name) for name in ("reviews-v2", "reviews-v3", "ratings")]
    rounds = int(lasting(60, 5))
    with Load(mesh.gateway_port, "/reviews/0", clients=3, fresh=1) as load:
        for _ in range(rounds):
            for mode, taken in (("PERMISSIVE", True), ("STRICT", False)):
                (mesh.folder / "policy.yaml").write_text(policy(mode))
                wait_until(
                    lambda: all(_takes_plaintext(sidecar) is taken for sidecar in sidecars),  # noqa: B023 - called at once
                    f"{mode} at every sidecar",
                )
    assert load.total() > rounds
    assert load.failed() == []


def _takes_plaintext(sidecar: Proxy) -> bool:
    with (
        contextlib.suppress(ConnectionResetError, BrokenPipeError),
        socket.create_connection(("127.0.0.1", sidecar.inbound_port(9080)), timeout=START_SECONDS) as sock,
    ):
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return sock.recv(12).startswith(b"HTTP/1.1 ")
    return False


def test_a_policy_whose_plugin_is_missing_says_so_and_where_and_fails_as_declared(mesh: Mesh) -> None:
    waf = mesh.folder / "waf.yaml"
    waf.write_text(MISSING.replace("FAILURE", "closed"))
    wait_until(lambda: mesh.get("/reviews/0").status == 503, "the answer of a plugin that is not there")
    told = mesh.hauberk("status")
    assert told.returncode == 1
    assert (
        "waf.yaml:1:1: PluginPolicy waf: PluginMissing: the plugin 'waf' is not installed at gateway default/bookshop"
        in told.stderr
    )
    waf.write_text(MISSING.replace("FAILURE", "open"))
    wait_until(lambda: mesh.get("/reviews/0").status == 200, "requests that go on without it")
    wait_until(lambda: "failure: open" in mesh.hauberk("status").stderr, "the same, told otherwise")
    waf.unlink()
    wait_until(lambda: mesh.hauberk("status").returncode == 0, "a status without mistakes")


def test_places_are_relative_and_workloads_say_who_made_them(mesh: Mesh) -> None:
    rows = json.loads(mesh.hauberk("status", "-o", "json").stdout)["conditions"]
    places = {row["kind"]: row["place"] for row in rows}
    assert (places["Gateway"], places["HTTPRoute"]) == ("gateway.yaml:1:1", "reviews-route.yaml:1:1")
    assert places["WorkloadEntry"] == "hauberk run"


def test_every_proxy_is_known_to_be_up_to_date(mesh: Mesh) -> None:
    wait_until(lambda: mesh.current_proxies() == 4, "four proxies with the latest configuration")


GREETER: Final = """
import os, socketserver
class Greeter(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 ready\\r\\n")
        self.wfile.write(b"250 " + self.rfile.readline())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("127.0.0.1", int(os.environ["PORT"])), Greeter).serve_forever()
"""


def test_what_is_not_http_passes_the_proxies_as_it_is(mesh: Mesh) -> None:
    """Out of a workload and into one, which is itself. Nothing says what the port speaks, and the server speaks first."""
    (mesh.folder / "greeter.yaml").write_text(service("greeter"))
    with mesh.workload("greeter", through=(mesh.python, "-c", GREETER)):
        sidecar = mesh.proxy("sidecar", "greeter")
        wait_until(lambda: (sidecar.folder / "bootstrap.json").exists() and sidecar.is_ready(), "the sidecar")
        port = sidecar.outbound_port("greeter.default:9080")
        wait_until(lambda: conversation(port) == b"220 ready\r\n250 MAIL FROM\r\n", "the greeting")
    (mesh.folder / "greeter.yaml").unlink()


def conversation(port: int) -> bytes:
    """What a server says that speaks first, and then answers one line."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), 30.0) as stream,
        stream.makefile("rb") as file,
    ):
        greeting = file.readline()
        stream.sendall(b"MAIL FROM\r\n")
        return greeting + file.readline()
    return b""
