"""HTTP/2 to backends on real sockets: the h2 package's, in the clear and by ALPN, and other proxies of hauberk."""

import hashlib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
import trustme
from curl import curl
from http2_server import Http2Server, http2_server
from live_proxy import PATIENCE, LiveProxy, live_proxy
from mesh_authority import workload
from mesh_workers import World, ask, calling, mesh, serving
from origin import Origin, made, origin
from programs import program
from recording_backend import RecordingBackend

pytestmark = pytest.mark.e2e

LARGE: Final = 4 * 1024 * 1024
UPLOAD: Final = 1024 * 1024


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def plain() -> Iterator[Http2Server]:
    with http2_server() as server:
        yield server


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[Http2Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    authority.issue_cert("localhost").configure_cert(context)
    with http2_server(context) as server:
        yield server


@pytest.fixture(scope="module")
def old() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(
    plain: Http2Server, secure: Http2Server, old: Origin, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveProxy]:
    """One listener for each way to a backend; `inner` is the proxy's own, reached over TLS as a backend of itself."""
    folder = tmp_path_factory.mktemp("certificates")
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    tls = {"security": "tls", "server_name": "localhost", "trust_file": str(folder / "authority.pem")}

    def at(port: int, **more: object) -> dict[str, object]:
        return {"endpoints": [{"address": f"127.0.0.1:{port}"}], **more}

    clusters: dict[str, dict[str, object]] = {
        "plain": at(plain.port, protocol="http2"),
        "plain-by-h2": at(plain.port, protocol="http2", http2_codec="h2"),
        "tls": at(secure.port, protocol="alpn", transport=tls),
        "origin": at(old.port),
    }
    listeners = {name: _listener(name) for name in ("plain", "plain-by-h2", "tls")}
    for name, alpn in (("inner", ["h2", "http/1.1"]), ("old", ["http/1.1"])):
        listeners[name] = _listener("origin", {"security": "tls", "certificates": ["own"], "alpn": alpn})
    snapshot = {
        "listeners": listeners,
        "route_tables": {name: _table(name) for name in clusters},
        "clusters": clusters,
        "certificates": {"own": {"chain_file": str(folder / "chain.pem"), "key_file": str(folder / "key.pem")}},
        "access_log": None,
    }
    with live_proxy(snapshot) as running:
        ports = running.ports()
        for name in ("inner", "old"):
            clusters[f"to-{name}"] = at(ports[name], protocol="alpn", transport=tls)
            listeners[f"to-{name}"] = _listener(f"to-{name}")
            snapshot["route_tables"][f"to-{name}"] = _table(f"to-{name}")  # type: ignore[index]
        running.configure(snapshot)
        running.wait_until(lambda: {"to-inner", "to-old"} <= set(running.ports()))
        yield running


def _listener(table: str, transport: dict[str, object] | None = None) -> dict[str, object]:
    chain = {"route_table": table} | ({} if transport is None else {"transport": transport})
    return {"address": "127.0.0.1:0", "filter_chains": [chain]}


def _table(cluster: str) -> dict[str, object]:
    route = {"name": "all", "backends": [{"cluster": cluster}]}
    return {"virtual_hosts": [{"name": "any", "hosts": ["*"], "routes": [route]}]}


@pytest.mark.parametrize("client", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("way", ["plain", "plain-by-h2", "tls", "to-inner", "to-old"])
def test_bodies_both_ways(proxy: LiveProxy, tmp_path: Path, client: str, way: str) -> None:
    url = f"http://127.0.0.1:{proxy.ports()[way]}"
    assert curl(client, f"{url}/bytes?n={LARGE}") == made(LARGE)
    upload = tmp_path / "upload"
    upload.write_bytes(made(UPLOAD))
    told = curl(client, "--data-binary", f"@{upload}", f"{url}/up").decode()
    assert told.split()[:2] == [hashlib.sha256(made(UPLOAD)).hexdigest(), str(UPLOAD)]


@pytest.mark.parametrize("way", ["plain", "tls", "to-inner"])
def test_many_at_a_time_share_few_connections(proxy: LiveProxy, plain: Http2Server, secure: Http2Server, way: str) -> None:
    before = {"plain": plain.connections, "tls": secure.connections}
    command = [program("h2load"), "-c4", "-m20", "-n400", f"http://127.0.0.1:{proxy.ports()[way]}/bytes?n=100"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert "400 succeeded, 0 failed, 0 errored" in finished.stdout, finished.stdout + finished.stderr
    after = {"plain": plain.connections, "tls": secure.connections}
    if way in before:
        assert after[way] - before[way] <= 2


def test_fields_and_trailers(proxy: LiveProxy, plain: Http2Server) -> None:
    shown = curl("-i", "--http1.1", "-H", "TE: trailers", f"http://127.0.0.1:{proxy.ports()['plain']}/x?y").decode()
    assert shown.startswith("HTTP/1.1 200 OK\r\n")
    assert "x-server: h2\r\n" in shown
    asked = plain.requests[-1]
    assert (asked[":path"], asked[":scheme"], asked["te"]) == ("/x?y", "http", "trailers")


def test_between_proxies_of_the_mesh(mesh_world: World, backend: RecordingBackend) -> None:
    reviews, caller = workload("reviews"), workload("gateway")
    serves = mesh_world.worker(mesh_world.authority.issue(reviews))
    listening = msgspec.structs.replace(mesh(), alpn=("h2", "http/1.1"))
    serves.follow(serving(backend.port, listening, labels={"reporter": "destination"}))
    calls = mesh_world.worker(mesh_world.authority.issue(caller))
    calls.follow(calling(serves.port, mesh(reviews), protocol="http2"))
    for _ in range(3):
        assert mesh_world.during(lambda: ask(calls.port)).startswith(b"HTTP/1.1 200 ")
    assert serves.series("istio_http", connection_security_policy="mutual_tls", source_principal=caller) == 3
    assert calls.series("istio_http", destination_principal=reviews) == 3


def test_from_application_to_workload_through_two_proxies(mesh_world: World, plain: Http2Server) -> None:
    """As a gRPC client calls a server: in the clear, inside the mesh's TLS, in the clear, and HTTP/2 all the way."""
    reviews = workload("reviews")
    serves = mesh_world.worker(mesh_world.authority.issue(reviews))
    serves.follow(serving(plain.port, msgspec.structs.replace(mesh(), alpn=("h2", "http/1.1")), protocol="client"))
    calls = mesh_world.worker(mesh_world.authority.issue(workload("gateway")))
    calls.follow(calling(serves.port, mesh(reviews), protocol="http2"))
    url = f"http://127.0.0.1:{calls.port}"
    shown = mesh_world.during(lambda: curl("--http2-prior-knowledge", "-w", "%{http_version}", "-d", "hello", f"{url}/call"))
    assert shown == f"{hashlib.sha256(b'hello').hexdigest()} 5".encode() + b"2"
    assert plain.requests[-1][":path"] == "/call"
    assert mesh_world.during(lambda: curl("--http2-prior-knowledge", f"{url}/bytes?n={LARGE}")) == made(LARGE)
