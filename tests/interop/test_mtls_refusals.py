"""Who is let in between proxies of a mesh, and who is not: judged by Python's own TLS, by OpenSSL's command, by plain sockets."""

import errno
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from mesh_authority import MeshAuthority, self_signed, workload
from mesh_workers import REQUEST, Worker, World, ask, calling, client_context, mesh, serving
from recording_backend import RecordingBackend

from hauberk_core.agent.wire import CertificatePem
from hauberk_core.net.pem import load_certificate

REVIEWS = workload("reviews")
GATEWAY = workload("gateway")
STRANGERS = MeshAuthority()


@pytest.fixture
def reviews(mesh_world: World, backend: RecordingBackend) -> Worker:
    """A server's proxy that lets in the gateway alone, strictly."""
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    worker.follow(serving(backend.port, mesh(GATEWAY), labels={"reporter": "destination"}))
    return worker


def test_an_expected_peer_is_served_and_known(mesh_world: World, reviews: Worker) -> None:
    context = client_context(mesh_world.authority.issue(GATEWAY), mesh_world.authority.trust_pem)
    assert mesh_world.during(lambda: ask(reviews.port, context)).startswith(b"HTTP/1.1 200 ")
    found = reviews.series(
        "istio_http", source_principal=GATEWAY, connection_security_policy="mutual_tls", reporter="destination"
    )
    assert found == 1
    assert reviews.log == []


def _certificate(kind: str, authority: MeshAuthority) -> CertificatePem | None:
    match kind:
        case "another trust domain":
            return authority.issue(workload("gateway", trust_domain="elsewhere.test"))
        case "another service account":
            return authority.issue(workload("ratings"))
        case "expired":
            return authority.issue(GATEWAY, seconds=-1)
        case "not yet":
            return authority.issue(GATEWAY, since=-3600, seconds=7200)
        case "self-signed":
            return self_signed(GATEWAY)
        case "another authority":
            return STRANGERS.issue(GATEWAY)
        case "no URI":
            return authority.issue()
        case "two URIs":
            return authority.issue(GATEWAY, workload("ratings"))
        case "no SPIFFE ID":
            return authority.issue("https://gateway.test/")
        case "an authority's":
            return authority.issue(GATEWAY, is_authority=True, signs=True)
        case "may sign":
            return authority.issue(GATEWAY, signs=True)
        case _:
            return None


REFUSED = [
    ("another trust domain", "refused_identity", "the peer is spiffe://elsewhere.test/ns/default/sa/gateway, where"),
    ("another service account", "refused_identity", f"/sa/ratings, where {GATEWAY} is expected"),
    ("expired", "refused_certificate", "certificate has expired"),
    ("not yet", "refused_certificate", "certificate is not yet valid"),
    ("none", "refused_certificate", "the peer shows no certificate, and one is required"),
    ("self-signed", "refused_certificate", "self-signed certificate"),
    ("another authority", "refused_certificate", "the peer's certificate is not believed"),
    ("no URI", "refused_identity", "it has 0 URIs for names"),
    ("two URIs", "refused_identity", "it has 2 URIs for names"),
    ("no SPIFFE ID", "refused_identity", "is no SPIFFE ID"),
    ("an authority's", "refused_identity", "it is an authority's"),
    ("may sign", "refused_identity", "it is an authority's"),
]


@pytest.mark.parametrize(("kind", "counter", "reason"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_client_that_is_not_expected_is_closed_counted_and_logged(
    mesh_world: World, reviews: Worker, backend: RecordingBackend, kind: str, counter: str, reason: str
) -> None:
    context = client_context(_certificate(kind, mesh_world.authority), mesh_world.authority.trust_pem)

    def refused() -> bool:
        try:
            ask(reviews.port, context)
        except (OSError, EOFError):
            return True
        return False

    assert mesh_world.during(refused)
    assert reviews.counted(counter) == 1
    assert reviews.series("listener", 2, listener="web") == 1
    [line] = reviews.log
    assert line.startswith("plugin mtls: no connection from 127.0.0.1:")
    assert reason in line
    assert backend.connections == []


# What a server may show, beside what a client may: it must show something.
UNBELIEVED = [case for case in REFUSED if case[0] != "none"]


@pytest.mark.parametrize(("kind", "counter", "reason"), UNBELIEVED, ids=[case[0] for case in UNBELIEVED])
def test_a_server_that_is_not_expected_gets_no_request(
    mesh_world: World, backend: RecordingBackend, kind: str, counter: str, reason: str
) -> None:
    certificate = _certificate(kind, mesh_world.authority)
    assert certificate is not None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(server, certificate.chain, certificate.key)
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def serve() -> None:
            for _ in range(3):  # connect_attempts
                try:
                    with server.wrap_socket(listener.accept()[0], server_side=True) as tls:
                        asked.append(tls.recv(100))
                except OSError:
                    continue

        client = mesh_world.worker(mesh_world.authority.issue(workload("productpage")))
        client.follow(calling(listener.getsockname()[1], mesh(GATEWAY)))
        served = mesh_world.begin(serve)
        answer = mesh_world.during(lambda: ask(client.port))
        mesh_world.until(served.done)
    assert b"hauberk-reason: connect_failed" in answer
    assert b"".join(asked) == b""
    assert client.counted(counter) == 3
    assert client.series("cluster", 2, cluster="next") == 3
    assert all(reason in line and line.startswith("plugin mtls: no connection to 127.0.0.1:") for line in client.log)


def test_whoever_belongs_to_the_trust_domain_is_let_in_where_nobody_is_named(
    mesh_world: World, backend: RecordingBackend
) -> None:
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    worker.follow(serving(backend.port, mesh()))
    authority = mesh_world.authority
    friend = client_context(authority.issue(workload("anyone", "anywhere")), authority.trust_pem)
    assert mesh_world.during(lambda: ask(worker.port, friend)).startswith(b"HTTP/1.1 200 ")
    stranger = client_context(authority.issue(workload("anyone", trust_domain="cluster.local.test")), authority.trust_pem)
    with pytest.raises((OSError, EOFError)):
        mesh_world.during(lambda: ask(worker.port, stranger))
    assert "where a workload of cluster.local is expected" in worker.log[0]


def test_tls_1_2_is_not_spoken(mesh_world: World, reviews: Worker) -> None:
    context = client_context(mesh_world.authority.issue(GATEWAY), mesh_world.authority.trust_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        mesh_world.during(lambda: ask(reviews.port, context))
    assert reviews.counted("failed_handshake") == 1


@pytest.mark.parametrize(
    "said", [REQUEST, b"\x15\x03\x03", b"\x00", b"PRI * HTTP/2.0\r\n\r\n"], ids=["http", "alert", "nul", "h2"]
)
def test_strict_resets_plaintext(mesh_world: World, reviews: Worker, backend: RecordingBackend, said: bytes) -> None:
    def speak() -> int | None:
        with socket.create_connection(("127.0.0.1", reviews.port), timeout=60) as sock:
            sock.sendall(said)
            try:
                sock.recv(100)
            except OSError as error:
                return error.errno
        return None

    assert mesh_world.during(speak) == errno.ECONNRESET
    assert reviews.counted("refused_plaintext") == 1
    assert "the peer does not speak TLS" in reviews.log[0]
    assert backend.connections == []


@pytest.mark.parametrize("mode", ["strict", "permissive"])
@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03"], ids=["nothing", "one octet", "two octets"])
def test_a_client_that_says_too_little_is_closed_in_time(
    mesh_world: World, backend: RecordingBackend, mode: str, said: bytes
) -> None:
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    worker.follow(serving(backend.port, mesh(mode=mode), handshake=0.1))

    def speak() -> bytes:
        with socket.create_connection(("127.0.0.1", worker.port), timeout=60) as sock:
            sock.sendall(said)
            try:
                return sock.recv(100)
            except ConnectionResetError:
                return b""

    assert mesh_world.during(speak) == b""
    assert worker.series("listener", 2, listener="web") == 1


@pytest.mark.parametrize("mode", ["strict", "permissive"])
def test_a_client_that_only_looks_whether_somebody_listens_is_no_refusal(
    mesh_world: World, backend: RecordingBackend, mode: str
) -> None:
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    worker.follow(serving(backend.port, mesh(mode=mode)))
    socket.create_connection(("127.0.0.1", worker.port), timeout=60).close()
    mesh_world.until(lambda: worker.series("listener", 2, listener="web") == 1)
    assert worker.log == []


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
def test_openssl_agrees(mesh_world: World, reviews: Worker, tmp_path: Path, version: str) -> None:
    identity = mesh_world.authority.issue(GATEWAY)
    for name, pem in (("chain", identity.chain), ("key", identity.key), ("trust", mesh_world.authority.trust_pem)):
        (tmp_path / name).write_bytes(pem)
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{reviews.port}",
        "-cert",
        "chain",
        "-key",
        "key",
        "-CAfile",
        "trust",
    ]
    command += ["-verify_return_error", "-alpn", "h2,hauberk-http/1.1", "-ign_eof", version]
    asking = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    def run() -> str:
        done = subprocess.run(command, input=asking, capture_output=True, cwd=tmp_path, timeout=60, check=False)
        return done.stdout.decode("latin-1")

    said = mesh_world.during(run)
    if version == "-tls1_2":
        assert "HTTP/1.1 200 OK" not in said
        return
    assert "HTTP/1.1 200 OK" in said
    assert "New, TLSv1.3" in said
    assert "ALPN protocol: hauberk-http/1.1" in said
    assert "Verify return code: 0 (ok)" in said
    assert "New Session Ticket" not in said


def test_without_the_plugin_the_mesh_is_refused_and_what_was_there_serves_on(
    mesh_world: World, backend: RecordingBackend
) -> None:
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS), plugins={})
    worker.follow(serving(backend.port))
    for snapshot in (serving(backend.port, mesh()), calling(backend.port, mesh(GATEWAY))):
        assert worker.refusal(snapshot) == (
            "no plugin secures transports of the kind 'mesh'; install one, for example hauberk's mtls"
        )
    assert mesh_world.during(lambda: ask(worker.port)).startswith(b"HTTP/1.1 200 ")
