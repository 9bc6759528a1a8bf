"""HTTP/2 clients that others wrote, with a running proxy in between: curl over TLS and in the clear, nghttp, h2load."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from curl import curl
from live_proxy import PATIENCE, LiveProxy, forward_to, live_proxy
from origin import Origin, made, origin
from programs import haproxy, program

pytestmark = pytest.mark.e2e

LARGE: Final = 8 * 1024 * 1024
UPLOAD: Final = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def backend() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder


@pytest.fixture(scope="module")
def proxy(backend: Origin, certificates: Path) -> Iterator[LiveProxy]:
    snapshot = forward_to(backend.port)
    (chain,) = snapshot["listeners"]["web"]["filter_chains"]
    transport = {"security": "tls", "certificates": ["own"], "alpn": ["h2", "http/1.1"]}
    snapshot["listeners"]["tls"] = {"address": "127.0.0.1:0", "filter_chains": [chain | {"transport": transport}]}
    own = {"chain_file": str(certificates / "chain.pem"), "key_file": str(certificates / "key.pem")}
    snapshot["certificates"] = {"own": own}
    with live_proxy(snapshot) as running:
        yield running


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(made(UPLOAD))
    return path


@pytest.fixture(params=["prior knowledge", "tls"])
def common(request: pytest.FixtureRequest, proxy: LiveProxy, certificates: Path) -> tuple[str, tuple[object, ...]]:
    """Where the proxy is, and what curl is told to speak HTTP/2 with it."""
    if request.param == "tls":
        return f"https://localhost:{proxy.ports()['tls']}", ("--http2", "--ipv4", "--cacert", certificates / "authority.pem")
    return f"http://127.0.0.1:{proxy.port}", ("--http2-prior-knowledge",)


@pytest.mark.parametrize("path", ["/bytes", "/chunked", "/until-close"])
def test_curl_downloads(common: tuple[str, tuple[object, ...]], path: str) -> None:
    url, options = common
    shown = curl(*options, "-w", "%{http_version} %{http_code}", f"{url}{path}?n={LARGE}")
    assert shown[LARGE:] == b"2 200"
    assert shown[:LARGE] == made(LARGE)


def test_curl_uploads_and_keeps_its_connection(common: tuple[str, tuple[object, ...]], upload: Path) -> None:
    url, options = common
    answer = curl(*options, "--data-binary", f"@{upload}", f"{url}/upload").decode().split()
    assert answer[:2] == [hashlib.sha256(made(UPLOAD)).hexdigest(), str(UPLOAD)]
    # With prior knowledge, curl 7.88 fails where it would use its connection again, whoever the server is.
    urls = [f"{url}/bytes?n={size}" for size in ((5, 6) if url.startswith("https") else (6,))]
    shown = curl(*options, "--head", "-w", "%{num_connects}", *urls)
    assert b"content-length: 6" in shown
    assert shown.endswith(b"0" if len(urls) > 1 else b"1"), "no further connection"


def test_curl_sees_a_broken_download_as_broken(common: tuple[str, tuple[object, ...]]) -> None:
    url, options = common
    for how in ("counted", "chunked-reset"):
        command = [program("curl"), "--silent", *map(str, options), "-o", "/dev/null", f"{url}/die?n=300000&how={how}"]
        # 92: an error of the stream. Anything but success.
        assert subprocess.run(command, check=False, timeout=PATIENCE).returncode in {18, 56, 92}, how


def test_whoever_wants_http_1_over_tls_gets_it(proxy: LiveProxy, certificates: Path) -> None:
    options = ("--http1.1", "--ipv4", "--cacert", certificates / "authority.pem", "-w", " %{http_version}")
    assert curl(*options, f"https://localhost:{proxy.ports()['tls']}/bytes?n=3") == made(3) + b" 1.1"


def test_h2load_gets_every_answer(proxy: LiveProxy) -> None:
    command = [program("h2load"), "-n", "600", "-c", "3", "-m", "20", f"http://127.0.0.1:{proxy.port}/bytes?n=20000"]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE * 2).stdout.decode()
    assert "600 succeeded, 0 failed, 0 errored" in shown
    assert "600 2xx" in shown


def test_nghttp_asks_for_several_at_once(proxy: LiveProxy) -> None:
    urls = [f"http://127.0.0.1:{proxy.port}/bytes?n={size}" for size in (0, 1, 70_000, 300_000)]
    command = [program("nghttp"), "-nv", "--no-dep", *urls]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout.decode()
    assert len(re.findall(r":status: 200", shown)) == len(urls)
    assert "GOAWAY frame <length=8" in shown


def test_haproxy_in_front(proxy: LiveProxy, tmp_path: Path, upload: Path) -> None:
    """Its clients' requests come as streams of few connections, and it closes none of them over an upload that ends early."""
    with haproxy(tmp_path, proxy.port, "proto h2") as port:
        url = f"http://127.0.0.1:{port}"
        for path in ("/bytes", "/chunked", "/until-close"):
            assert curl(f"{url}{path}?n={LARGE}") == made(LARGE)
        answer = curl("--data-binary", f"@{upload}", "-H", "Transfer-Encoding: chunked", f"{url}/upload").decode().split()
        assert answer == [hashlib.sha256(made(UPLOAD)).hexdigest(), str(UPLOAD), "chunked"]
        assert b"content-length: 7" in curl("--head", f"{url}/bytes?n=7")
        command = [program("curl"), "--silent", "-o", "/dev/null", f"{url}/die?n=300000&how=chunked"]
        assert subprocess.run(command, check=False, timeout=PATIENCE).returncode in {18, 56}
        assert curl(f"{url}/bytes?n=3") == made(3)
