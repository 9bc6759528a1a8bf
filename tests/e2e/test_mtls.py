"""Two real proxies in a mesh of certificate files: client, proxy, mutual TLS, proxy, backend."""

import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from identity_files import IdentityFiles
from live_proxy import JsonObject, LiveProxy, forward_to, live_proxy
from load_client import Load
from mesh_authority import MeshAuthority, workload
from mesh_workers import ask, client_context
from programs import free_port
from recording_backend import RecordingBackend, recording_backend

from hauberk_core.net.x509 import first_certificate

pytestmark = pytest.mark.e2e

REVIEWS = workload("reviews")
GATEWAY = workload("gateway")


@pytest.fixture
def backend() -> Iterator[RecordingBackend]:
    with recording_backend() as made:
        yield made


@pytest.fixture
def authority() -> MeshAuthority:
    return MeshAuthority()


@pytest.fixture
def reviews_files(authority: MeshAuthority, tmp_path: Path) -> IdentityFiles:
    return IdentityFiles(tmp_path / "reviews", authority.issue(REVIEWS), authority.trust_pem)


def _serving(files: IdentityFiles, backend: RecordingBackend, mode: str) -> JsonObject:
    snapshot = forward_to(
        backend.port, cluster={"labels": {"reporter": "destination"}}, chain={"transport": files.transport(GATEWAY, mode=mode)}
    )
    return snapshot | {"certificates": files.certificates()}


@pytest.fixture
def admin() -> int:
    """A free port for the admin server of `reviews`."""
    return free_port()


@pytest.fixture
def reviews(reviews_files: IdentityFiles, backend: RecordingBackend, admin: int) -> Iterator[LiveProxy]:
    with live_proxy(_serving(reviews_files, backend, "strict"), options=("--admin", f"127.0.0.1:{admin}")) as proxy:
        yield proxy


@pytest.fixture
def gateway(reviews: LiveProxy, authority: MeshAuthority, tmp_path: Path) -> Iterator[LiveProxy]:
    files = IdentityFiles(tmp_path / "gateway", authority.issue(GATEWAY), authority.trust_pem)
    snapshot = forward_to(reviews.port, cluster={"transport": files.transport(REVIEWS)})
    with live_proxy(snapshot | {"certificates": files.certificates()}) as proxy:
        yield proxy


def _get(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/x", timeout=20) as answer:
        return int(answer.status)


def _shown(port: int, context: ssl.SSLContext) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock, context.wrap_socket(sock) as tls:
        return tls.getpeercert(True) or b""


def test_the_hop_between_proxies_is_mutual_tls_and_nothing_else_gets_in(
    gateway: LiveProxy, reviews: LiveProxy, authority: MeshAuthority, admin: int
) -> None:
    assert _get(gateway.port) == 200
    with pytest.raises(ConnectionResetError):
        ask(reviews.port)
    reviews.wait_logged("the peer does not speak TLS, and this address takes nothing else")
    other = client_context(authority.issue(workload("ratings")), authority.trust_pem)
    with pytest.raises((OSError, EOFError)):
        ask(reviews.port, other)
    reviews.wait_logged(f"the peer is {workload('ratings')}, where {GATEWAY} is expected")
    assert "no connection" not in gateway.log()
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats/prometheus", timeout=20) as answer:
        metrics = answer.read().decode().splitlines()
    [requests] = [line for line in metrics if line.startswith("istio_requests_total{") and f'"{GATEWAY}"' in line]
    assert 'connection_security_policy="mutual_tls"' in requests
    assert 'reporter="destination"' in requests
    assert requests.endswith(" 1.0")
    for kind in ("refused_plaintext", "refused_identity"):
        assert f'hauberk_plugin_count_total{{name="{kind}",plugin="mtls"}} 1.0' in metrics


def test_modes_change_and_certificates_are_renewed_while_requests_flow(
    gateway: LiveProxy, reviews: LiveProxy, authority: MeshAuthority, reviews_files: IdentityFiles, backend: RecordingBackend
) -> None:
    prober = client_context(authority.issue(GATEWAY), authority.trust_pem)
    with Load(gateway.port, pause=0.0) as load:
        reviews.configure(_serving(reviews_files, backend, "permissive"))
        reviews.wait_until(lambda: _is_taken(reviews.port))
        renewed = authority.issue(REVIEWS)
        reviews_files.renew(renewed)
        reviews.wait_until(lambda: _shown(reviews.port, prober) == first_certificate(renewed.chain))
        reviews.configure(_serving(reviews_files, backend, "strict"))
        reviews.wait_until(lambda: not _is_taken(reviews.port))
    assert list(load.outcomes()) == ["200"]


def _is_taken(port: int) -> bool:
    """Whether a request in the clear is answered."""
    try:
        return ask(port).startswith(b"HTTP/1.1 200 ")
    except (OSError, EOFError):
        return False


def test_a_proxy_whose_plugin_is_switched_off_refuses_the_mesh(
    reviews_files: IdentityFiles, backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUBERK_PLUGINS_OFF", "mtls")
    with live_proxy(forward_to(backend.port)) as proxy:
        proxy.configure(_serving(reviews_files, backend, "strict"))
        proxy.wait_logged("no plugin secures transports of the kind 'mesh'")
        assert _get(proxy.port) == 200


def test_the_example_does_what_its_page_says(backend: RecordingBackend, admin: int, tmp_path: Path, repository: Path) -> None:
    example = repository / "examples" / "mtls"
    subprocess.run([str(example / "identities.sh")], cwd=tmp_path, check=True, timeout=60)

    def snapshot(name: str, ports: dict[int, int]) -> JsonObject:
        text = (example / name).read_text()
        for written, free in ports.items():
            text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{free}")
        for file in tmp_path.iterdir():
            text = text.replace(f'"{file.name}"', json.dumps(str(file)))
        read: JsonObject = json.loads(text)
        return read

    with live_proxy(snapshot("reviews.json", {15006: 0, 9080: backend.port})) as called:
        inbound = called.ports()["inbound"]
        with live_proxy(snapshot("gateway.json", {8080: 0, 15006: inbound})) as calling:
            assert _get(calling.port) == 200
        page = (repository / "docs/how-to/mtls.md").read_text()
        [command] = [line for line in page.splitlines() if line.startswith("openssl s_client")]
        words = command.replace("127.0.0.1:15006", f"127.0.0.1:{inbound}").split()
        judged = subprocess.run(words, cwd=tmp_path, input="", capture_output=True, text=True, timeout=60, check=True)
        assert "Verification: OK" in judged.stdout
        assert "New, TLSv1.3" in judged.stdout
        curl = ["curl", "--silent", "--show-error", f"http://127.0.0.1:{inbound}/"]
        refused = subprocess.run(curl, capture_output=True, text=True, timeout=60, check=False)
        assert "Connection reset by peer" in refused.stderr
