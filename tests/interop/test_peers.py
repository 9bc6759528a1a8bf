"""Clients and servers that others wrote, with a running proxy in between: curl, nginx, HAProxy, h2load, wrk, http.client."""

import http.client
import io
import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
import trustme
from curl import carries_everything, curl, digest_of, head_and_body
from live_proxy import PATIENCE, LiveProxy, forward_to, live_proxy
from origin import Origin, made, origin
from programs import haproxy, nginx, program

pytestmark = pytest.mark.e2e

LARGE: Final = 8 * 1024 * 1024
UPLOAD: Final = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def backend() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(backend: Origin) -> Iterator[LiveProxy]:
    with live_proxy(forward_to(backend.port)) as running:
        yield running


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(made(UPLOAD))
    return path


# curl


def test_curl_keeps_its_connection(proxy: LiveProxy) -> None:
    url = f"http://127.0.0.1:{proxy.port}/bytes?n=10"
    shown = curl("--http1.1", "-w", "%{num_connects} %{http_version} %{http_code}\n", "-o", "/dev/null", *[url] * 3)
    counts = [line.split() for line in shown.decode().splitlines()]
    # Only -o's first URL is thrown away; the others' bodies come along.
    assert counts[0][-3:] == ["1", "1.1", "200"]
    assert shown.count(b"0 1.1 200") == 2


def test_curl_speaks_http_1_0(proxy: LiveProxy) -> None:
    url = f"http://127.0.0.1:{proxy.port}"
    first, fields, body = head_and_body(curl("--http1.0", "--include", f"{url}/bytes?n=1000"))
    assert (first.split()[1], body) == ("200", made(1000))
    assert fields["connection"] == "close"
    # Chunks are unknown to HTTP/1.0: the body ends with the connection.
    first, fields, body = head_and_body(curl("--http1.0", "--include", f"{url}/chunked?n=100000"))
    assert "transfer-encoding" not in fields
    assert body == made(100_000)


def test_curl_asks_for_the_head_alone(proxy: LiveProxy) -> None:
    url = f"http://127.0.0.1:{proxy.port}"
    for path, expected in (("/bytes?n=1234", ("content-length", "1234")), ("/chunked?n=1234", ("transfer-encoding", "chunked"))):
        first, fields, body = head_and_body(curl("--head", url + path))
        assert first.split()[1] == "200"
        assert fields.get(expected[0], expected[1]) == expected[1]
        assert body == b""
    shown = curl("--head", url + "/bytes?n=5", "--next", "-s", url + "/bytes?n=5", "-w", " %{num_connects}")
    assert shown.endswith(made(5) + b" 0")


@pytest.mark.parametrize("options", [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")])
def test_curl_uploads(proxy: LiveProxy, upload: Path, options: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{proxy.port}/upload"
    answer = curl("--data-binary", f"@{upload}", *options, url).decode().split()
    framing = "chunked" if "Transfer-Encoding: chunked" in options else "counted"
    assert answer == [digest_of(made(UPLOAD)), str(UPLOAD), framing]


def test_curl_hears_100_continue_before_it_sends(proxy: LiveProxy, upload: Path) -> None:
    url = f"http://127.0.0.1:{proxy.port}/upload"
    shown = curl("--include", "--expect100-timeout", PATIENCE, "-T", upload, "-H", "Expect: 100-continue", url)
    assert shown.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert shown.decode().split()[-3:] == [digest_of(made(UPLOAD)), str(UPLOAD), "counted"]


def test_curl_follows_a_redirect(proxy: LiveProxy) -> None:
    shown = curl("--location", "-w", " %{num_redirects} %{num_connects}", f"http://127.0.0.1:{proxy.port}/redirect")
    assert shown == made(10) + b" 1 1"


@pytest.mark.parametrize("path", ["/bytes", "/chunked", "/until-close"])
def test_curl_downloads_in_every_framing(proxy: LiveProxy, path: str) -> None:
    assert digest_of(curl(f"http://127.0.0.1:{proxy.port}{path}?n={LARGE}")) == digest_of(made(LARGE))


def test_curl_gets_trailers(proxy: LiveProxy, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    body = curl("--dump-header", heads, f"http://127.0.0.1:{proxy.port}/chunked?n=50000")
    assert body == made(50_000)
    assert f"x-digest: {digest_of(body)}" in heads.read_text()


def test_curl_sees_a_broken_download_as_broken(proxy: LiveProxy) -> None:
    for how in ("counted", "counted-reset", "chunked", "chunked-reset"):
        command = [program("curl"), "--silent", "-o", "/dev/null", f"http://127.0.0.1:{proxy.port}/die?n=300000&how={how}"]
        # 18: a part of the file; 56: the connection was reset while receiving. Anything but success.
        assert subprocess.run(command, check=False, timeout=PATIENCE).returncode in {18, 56}, how


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_over_tls(backend: Origin, tmp_path: Path, upload: Path, version: str) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    snapshot = forward_to(backend.port, chain={"transport": {"security": "tls", "certificates": ["own"]}})
    snapshot["certificates"] = {"own": {"chain_file": str(tmp_path / "chain.pem"), "key_file": str(tmp_path / "key.pem")}}
    with live_proxy(snapshot) as running:
        url = f"https://localhost:{running.port}"
        common = ("--cacert", tmp_path / "authority.pem", f"--tlsv{version}", "--tls-max", version, "--ipv4")
        # What curl says of the handshake goes to its standard error.
        command = [program("curl"), "-sSv", *map(str, common), f"{url}/bytes?n={LARGE}"]
        finished = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        assert digest_of(finished.stdout) == digest_of(made(LARGE)), finished.stderr
        assert f"SSL connection using TLSv{version}".encode() in finished.stderr
        answer = curl(*common, "--data-binary", f"@{upload}", f"{url}/upload").decode().split()
        assert answer[:2] == [digest_of(made(UPLOAD)), str(UPLOAD)]
        stranger = [program("curl"), "--silent", "--ipv4", url]
        assert subprocess.run(stranger, check=False, timeout=PATIENCE).returncode == 60  # nobody vouches for the certificate


# Other proxies and servers


def test_nginx_behind(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "large").write_bytes(made(LARGE))
    with nginx(tmp_path, f"root {tmp_path}/site;") as port, live_proxy(forward_to(port)) as running:
        url = f"http://127.0.0.1:{running.port}/large"
        assert digest_of(curl(url)) == digest_of(made(LARGE))
        first, fields, body = head_and_body(curl("--include", "--range", "1000-1999", url))
        assert (first.split()[1], fields["content-range"]) == ("206", f"bytes 1000-1999/{LARGE}")
        assert body == made(LARGE)[1000:2000]
        shown = curl("--include", "--range", "0-9,1000-1009", url)
        assert b"multipart/byteranges" in shown
        first, fields, body = head_and_body(curl("--head", url))
        assert (fields["content-length"], body) == (str(LARGE), b"")
        assert curl("-o", "/dev/null", "-w", "%{http_code}", "-H", f"If-None-Match: {fields['etag']}", url) == b"304"
        assert curl("-o", "/dev/null", "-w", "%{http_code}", url + "s") == b"404"


def test_haproxy_behind(backend: Origin, tmp_path: Path, upload: Path) -> None:
    with haproxy(tmp_path, backend.port) as port, live_proxy(forward_to(port)) as running:
        carries_everything(f"http://127.0.0.1:{running.port}", upload, LARGE)


def test_nginx_in_front(backend: Origin, tmp_path: Path, upload: Path) -> None:
    location = (
        "proxy_pass http://hauberk; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host;"
        "proxy_request_buffering off; proxy_buffering off;"
    )
    _in_front(
        backend,
        tmp_path,
        upload,
        lambda port: nginx(tmp_path, location, f"upstream hauberk {{ server 127.0.0.1:{port}; keepalive 8; }}"),
    )


def test_haproxy_in_front(backend: Origin, tmp_path: Path, upload: Path) -> None:
    _in_front(backend, tmp_path, upload, lambda port: haproxy(tmp_path, port))


def _in_front(backend: Origin, folder: Path, upload: Path, front: Callable[[int], AbstractContextManager[int]]) -> None:
    """Another proxy before ours: everything comes through, on connections that both keep."""
    log = folder / "access.log"
    snapshot = forward_to(backend.port) | {"access_log": {"file": str(log), "format": "json"}}
    with live_proxy(snapshot) as running, front(running.port) as port:
        carries_everything(f"http://127.0.0.1:{port}", upload, LARGE)
        before = backend.connections
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for _ in range(20):
            connection.request("GET", "/bytes?n=100")
            assert connection.getresponse().read() == made(100)
        connection.close()
        assert backend.connections <= before + 1
        running.terminate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    last = [line["downstream_remote_address"] for line in lines if line["path"] == "/bytes?n=100"]
    assert len(last) == 20
    # HAProxy sends a connection's first request on a connection of its own.
    assert len(set(last)) <= 2


# Load


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[LiveProxy]:
    """A proxy in front of a server that is no bottleneck."""
    with nginx(tmp_path, "return 200 'ten octets';") as port, live_proxy(forward_to(port)) as running:
        yield running


@pytest.mark.parametrize("clients", [1, 50])
def test_h2load(fast: LiveProxy, clients: int) -> None:
    command = [program("h2load"), "--h1", "-n", "3000", "-c", str(clients), f"http://127.0.0.1:{fast.port}/"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    assert "requests: 3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored" in shown
    assert "status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx" in shown


def test_wrk(fast: LiveProxy) -> None:
    command = [program("wrk"), "-t", "1", "-c", "64", "-d", "2s", "--timeout", "30s", f"http://127.0.0.1:{fast.port}/"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    done = re.search(r"(\d+) requests in", shown)
    assert done is not None, shown
    assert int(done[1]) > 0, shown
    assert "Socket errors" not in shown
    assert "Non-2xx" not in shown


def test_http_client_reads_pipelined_answers(proxy: LiveProxy) -> None:
    sizes = [3, 0, 70_000, 1, 500_000, 2, 9]
    asked = [f"GET /{'bytes' if size % 2 else 'chunked'}?n={size} HTTP/1.1\r\nHost: a.test\r\n\r\n" for size in sizes]
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as stream:
        stream.sendall("".join(asked).encode())
        reader = _Shared(stream.makefile("rb", buffering=0))
        for size in sizes:
            response = http.client.HTTPResponse(_Readable(reader))  # type: ignore[arg-type]
            response.begin()
            assert (response.status, response.read()) == (200, made(size))


class _Shared(io.BufferedReader):
    """http.client closes its reader behind each answer; this one may have read into the next already, and stays."""

    def close(self) -> None:
        """Stay open."""


class _Readable:
    """As much of a socket as a response needs."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader: Final = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self._reader
