"""A whole proxy core behind TLS on loopback, judged by OpenSSL's own client, curl and Python's `ssl`.

Both implementations of TLS are: that of most listeners, and that of those that take clients whose certificate is not believed.
"""

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from local_proxy import AUTHORITY, PATIENCE_SECONDS, REQUEST, Chained, Proxy, ask, client_context, issue, location, read_head

HOUR: Final = 3600.0
STRANGER = trustme.CA()
A = issue("a.test")
B = issue("b.test")
WILD = issue("*.wild.test")
CLIENT = AUTHORITY.issue_cert("client.test")
STRANGERS_CLIENT = STRANGER.issue_cert("client.test")


@pytest.fixture(params=["strict", "lenient"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    made = Proxy(request.param == "lenient")
    yield made
    made.close()


strict = pytest.mark.parametrize("proxy", ["strict"], indirect=True)
lenient = pytest.mark.parametrize("proxy", ["lenient"], indirect=True)


# Filter chains.


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("asked", "target", "shown"),
    [
        ("a.test", "to-a", "a.test"),
        ("b.test", "to-b", "b.test"),
        ("x.wild.test", "to-wild", "*.wild.test"),
        ("A.TEST", "to-a", "a.test"),
        ("unknown.test", "to-rest", "rest.test"),
        (None, "to-rest", "rest.test"),
    ],
)
def test_each_server_name_gets_the_certificate_and_the_routes_of_its_chain(
    proxy: Proxy, asked: str | None, target: str, shown: str, order: int
) -> None:
    chains = [
        Chained("to-a", A, names=("a.test",)),
        Chained("to-b", B, names=("b.test",)),
        Chained("to-wild", WILD, names=("*.wild.test",)),
        Chained("to-rest", issue("rest.test")),
    ]
    proxy.serve(chains[::order])
    context = client_context()
    context.check_hostname = False
    reached, names = proxy.during(lambda: ask(proxy.address, asked, context))
    assert reached == target
    assert names == [shown]


def test_chains_may_differ_in_what_is_theirs_and_share_one_certificate(proxy: Proxy) -> None:
    both = issue("a.test", "b.test")
    proxy.serve([Chained("to-a", both, names=("a.test",)), Chained("to-b", both, names=("b.test",))])
    for name in ("a", "b"):
        assert proxy.during(lambda: ask(proxy.address, f"{name}.test", client_context()))[0] == f"to-{name}"  # noqa: B023


# Clients that are not what they should be.


def test_clients_in_the_clear_are_counted_and_closed(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A)])
    for said in (REQUEST, b"\x00" * 50, b"\x16\x03\x01\x00\x05hello"):
        with socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) as sock:
            sock.sendall(said)
            failed = proxy.counted()[2]
            proxy.until(lambda: proxy.counted()[2] == failed + 1)  # noqa: B023
    assert proxy.counted()[:2] == (0, 0)
    assert proxy.core.active() == 0


@strict
@pytest.mark.parametrize("leaf", [None, STRANGERS_CLIENT], ids=["none", "of a stranger"])
def test_clients_without_a_believed_certificate_are_counted_and_get_nothing(proxy: Proxy, leaf: trustme.LeafCert | None) -> None:
    proxy.serve([Chained("to-a", A, trust=AUTHORITY.cert_pem.bytes())])
    with pytest.raises((OSError, EOFError)):
        proxy.during(lambda: ask(proxy.address, "a.test", client_context(leaf)))
    proxy.until(lambda: proxy.counted()[2] == 1)
    assert proxy.during(lambda: ask(proxy.address, "a.test", client_context(CLIENT)))[0] == "to-a"
    assert proxy.counted()[0] == 1


def test_hundreds_of_handshakes_that_do_not_move_time_out(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A, handshake=HOUR)])
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test").do_handshake()
    beginning = hello.read()
    idle = []
    for number in range(300):
        sock = socket.create_connection(proxy.address)
        # From nothing at all to nearly a whole first flight.
        sock.sendall(beginning[: number * (len(beginning) - 1) // 300])
        idle.append(sock)
    proxy.until(lambda: proxy.core.active() > 0)
    # Somebody who means it is served meanwhile.
    assert proxy.during(lambda: ask(proxy.address, "a.test", client_context()))[0] == "to-a"
    proxy.until(lambda: proxy.core.active() == 300)
    proxy.clock.ahead += HOUR
    proxy.until(lambda: proxy.counted()[2] == 300)
    assert proxy.loop.descriptors() == 1
    for sock in idle:
        sock.close()


def test_a_connection_that_idled_too_long_ends_in_order(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A, idle=HOUR)])
    answered = threading.Event()

    def wait_for_the_end() -> bytes:
        with (
            socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) as sock,
            client_context().wrap_socket(sock, server_hostname="a.test", suppress_ragged_eofs=False) as tls,
        ):
            tls.sendall(REQUEST)
            read_head(tls)
            answered.set()
            return tls.recv(1)

    waiting = proxy.submit(wait_for_the_end)
    proxy.until(answered.is_set)
    proxy.clock.ahead += HOUR
    proxy.until(waiting.done)
    assert waiting.result() == b""


# Certificates that change.


def test_certificates_change_under_load_without_an_error(proxy: Proxy) -> None:
    certificates = [issue("a.test") for _ in range(10)]
    proxy.serve([Chained("to-a", certificates[0])])
    stop = threading.Event()
    context = client_context()
    served: list[str] = []

    def keep_alive() -> None:
        """Requests on one connection that outlives every change."""
        with (
            socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) as sock,
            context.wrap_socket(sock, server_hostname="a.test") as tls,
        ):
            before = tls.getpeercert(binary_form=True)
            while not stop.is_set():
                tls.sendall(REQUEST)
                assert location(read_head(tls)) == "to-a"
                served.append("kept")
            assert tls.getpeercert(binary_form=True) == before

    def come_and_go() -> None:
        while not stop.is_set():
            assert ask(proxy.address, "a.test", context)[0] == "to-a"
            served.append("new")

    workers = [proxy.submit(keep_alive) for _ in range(3)] + [proxy.submit(come_and_go) for _ in range(2)]
    seen = set()
    for certificate in certificates:
        proxy.serve([Chained("to-a", certificate)])
        until = time.monotonic() + 0.15
        proxy.until(lambda: time.monotonic() > until)  # noqa: B023
        shown = proxy.during(lambda: ssl.get_server_certificate(proxy.address))
        seen.add(shown)
        # New connections get the new one at once.
        assert shown.strip() in certificate[0].decode().replace("\r", "")
    assert len(seen) == 10
    proxy.until(lambda: proxy.counted()[0] > 50 and len(served) > 1000)
    stop.set()
    proxy.until(lambda: all(worker.done() for worker in workers))
    for worker in workers:
        worker.result()
    assert proxy.counted()[2] == 0


# An answer that comes before the request is complete.


def test_a_refused_upload_over_tls_gets_its_answer(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A)])

    def upload() -> bytes:
        with (
            socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) as sock,
            client_context().wrap_socket(sock, server_hostname="a.test") as tls,
        ):
            tls.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900000\r\n\r\n")
            for _ in range(90):
                tls.sendall(b"u" * 10_000)
            return read_head(tls)

    for _ in range(20):
        assert b" 302 " in proxy.during(upload)


# OpenSSL's client and curl.


def _s_client(proxy: Proxy, *options: str, said: bytes = b"") -> str:
    """The transcript of `openssl s_client`, which is told `said` once it has shaken hands."""
    with tempfile.TemporaryDirectory() as folder:
        trust = Path(folder, "trust.pem")
        trust.write_bytes(AUTHORITY.cert_pem.bytes())
        host, port = proxy.address
        command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", "a.test", "-CAfile", str(trust), *options]

        def run() -> str:
            done = subprocess.run(command, input=said, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
            return done.stdout.decode("latin-1")

        return proxy.during(run)


CLOSING: Final = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@needs_openssl
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_agrees_and_is_told_the_end(proxy: Proxy, version: str) -> None:
    proxy.serve([Chained("to-a", A)])
    transcript = _s_client(proxy, version, "-alpn", "h2,http/1.1", "-ign_eof", "-verify_return_error", said=CLOSING)
    assert "Verify return code: 0 (ok)" in transcript
    assert "ALPN protocol: http/1.1" in transcript
    assert "location: https://to-a" in transcript.lower()
    # What it prints when, and only when, close_notify has come.
    assert "closed" in transcript.splitlines()[-1]
    assert "unexpected eof" not in transcript.lower()


@needs_openssl
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_comes_back_by_its_ticket(proxy: Proxy, tmp_path: Path, version: str) -> None:
    proxy.serve([Chained("to-a", A), Chained("to-b", B, names=("b.test",))])
    session = str(tmp_path / "session.pem")
    first = _s_client(proxy, version, "-ign_eof", "-sess_out", session, said=CLOSING)
    assert "New, TLS" in first
    again = _s_client(proxy, version, "-ign_eof", "-sess_in", session, said=CLOSING)
    assert "Reused, TLS" in again
    assert "location: https://to-a" in again.lower()


@needs_openssl
def test_an_attempt_to_renegotiate_is_harmless(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A)])
    # A line "R" lets s_client ask for a new handshake.
    transcript = _s_client(proxy, "-tls1_2", said=b"R\n")
    assert "RENEGOTIATING" in transcript
    assert "no renegotiation" in transcript.lower()
    proxy.until(lambda: proxy.core.active() == 0)
    assert proxy.during(lambda: ask(proxy.address, "a.test", client_context()))[0] == "to-a"


@needs_openssl
def test_versions_below_the_least_are_refused(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a", A, min_version="1.3")])
    assert "alert protocol version" in _s_client(proxy, "-tls1_2", said=b"").lower()
    proxy.until(lambda: proxy.counted()[2] == 1)


@needs_curl
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_is_served(proxy: Proxy, tmp_path: Path, version: str) -> None:
    proxy.serve([Chained("to-a", A, names=("a.test",)), Chained("to-b", B, names=("b.test",))])
    trust = tmp_path / "trust.pem"
    trust.write_bytes(AUTHORITY.cert_pem.bytes())
    port = proxy.address[1]
    for name in ("a", "b"):
        command = ["curl", "-sS", "--noproxy", "*", "--cacert", str(trust), "--tlsv" + version, "--tls-max", version]
        command += ["--resolve", f"{name}.test:{port}:127.0.0.1", "-w", "%{http_code} %{redirect_url}"]
        # The same connection twice.
        command += [f"https://{name}.test:{port}/", f"https://{name}.test:{port}/again"]
        done = proxy.during(lambda: subprocess.run(command, capture_output=True, timeout=60, check=False))  # noqa: B023
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b"302 https://to-" + name.encode()) == 2
    assert proxy.counted()[0] == 2
