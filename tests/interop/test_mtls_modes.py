"""Strict, permissive, and the way between them while traffic flows."""

import errno
import hashlib
import socket

import msgspec
import pytest
from load_client import Load
from mesh_authority import workload
from mesh_workers import REQUEST, Worker, World, ask, calling, client_context, mesh, serving
from recording_backend import RecordingBackend

from hauberk_core.net.x509 import first_certificate

REVIEWS = workload("reviews")
RATINGS = workload("ratings")
GATEWAY = workload("gateway")


@pytest.fixture
def reviews(mesh_world: World, backend: RecordingBackend) -> Worker:
    worker = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    worker.follow(serving(backend.port, mesh(mode="permissive"), labels={"reporter": "destination"}))
    return worker


@pytest.fixture
def gateway(mesh_world: World, reviews: Worker) -> Worker:
    worker = mesh_world.worker(mesh_world.authority.issue(GATEWAY))
    worker.follow(calling(reviews.port, mesh(REVIEWS)))
    return worker


def _is_reset(world: World, port: int) -> bool:
    def speak() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.sendall(REQUEST)
            try:
                sock.recv(100)
            except OSError as error:
                return error.errno == errno.ECONNRESET
        return False

    return world.during(speak)


def test_permissive_takes_both_on_one_port_and_tells_them_apart(
    mesh_world: World, reviews: Worker, backend: RecordingBackend
) -> None:
    context = client_context(mesh_world.authority.issue(GATEWAY), mesh_world.authority.trust_pem)
    assert mesh_world.during(lambda: ask(reviews.port, context)).startswith(b"HTTP/1.1 200 ")
    assert mesh_world.during(lambda: ask(reviews.port)).startswith(b"HTTP/1.1 200 ")
    assert reviews.series("istio_http", connection_security_policy="mutual_tls", source_principal=GATEWAY) == 1
    assert reviews.series("istio_http", connection_security_policy="none", source_principal="unknown") == 1
    assert reviews.log == []


def test_permissive_verifies_whoever_speaks_tls(mesh_world: World, reviews: Worker) -> None:
    context = client_context(None, mesh_world.authority.trust_pem)
    with pytest.raises((OSError, EOFError)):
        mesh_world.during(lambda: ask(reviews.port, context))
    assert reviews.counted("refused_certificate") == 1


def test_both_proxies_say_who_was_at_the_other_end(mesh_world: World, reviews: Worker, gateway: Worker) -> None:
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    assert gateway.series("istio_http", reporter="source", destination_principal=REVIEWS) == 1
    assert gateway.series("istio_http", connection_security_policy="unknown") == 1
    assert reviews.series("istio_http", connection_security_policy="mutual_tls", source_principal=GATEWAY) == 1


def test_the_workload_is_told_of_its_callers_certificate(mesh_world: World, reviews: Worker, backend: RecordingBackend) -> None:
    snapshot = serving(backend.port, mesh(mode="permissive"))
    web = snapshot.listeners["web"]
    (chain,) = web.filter_chains
    chain = msgspec.structs.replace(chain, client_certificate="append_forward")
    reviews.follow(msgspec.structs.replace(snapshot, listeners={"web": msgspec.structs.replace(web, filter_chains=(chain,))}))
    issued = mesh_world.authority.issue(GATEWAY)
    context = client_context(issued, mesh_world.authority.trust_pem)
    assert mesh_world.during(lambda: ask(reviews.port, context)).startswith(b"HTTP/1.1 200 ")
    told = hashlib.sha256(first_certificate(issued.chain)).hexdigest()
    assert mesh_world.during(lambda: ask(reviews.port)).startswith(b"HTTP/1.1 200 ")
    requests = [request for connection in backend.connections for request in connection.requests]
    found = [dict(request.fields).get("x-forwarded-client-cert") for request in requests]
    assert found == [f"Hash={told};URI={GATEWAY}", None]


def test_a_peer_in_the_mesh_says_how_the_first_hop_was_carried_and_nobody_else_does(
    mesh_world: World, reviews: Worker, backend: RecordingBackend
) -> None:
    said = REQUEST.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: https\r\n\r\n")
    context = client_context(mesh_world.authority.issue(GATEWAY), mesh_world.authority.trust_pem)

    def speak(is_peer: bool) -> None:
        with socket.create_connection(("127.0.0.1", reviews.port), timeout=60) as plain:
            sock = context.wrap_socket(plain) if is_peer else plain
            with sock:
                sock.sendall(said)
                assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")

    mesh_world.during(lambda: speak(True))
    mesh_world.during(lambda: speak(False))
    requests = [request for connection in backend.connections for request in connection.requests]
    assert [dict(request.fields)["x-forwarded-proto"] for request in requests] == ["https", "http"]


def test_modes_change_under_load_without_a_failed_request(
    mesh_world: World, reviews: Worker, gateway: Worker, backend: RecordingBackend
) -> None:
    load = Load(gateway.port, clients=4, pause=0.0)
    for _ in range(8):
        reviews.follow(serving(backend.port, mesh(mode="strict"), labels={"reporter": "destination"}))
        mesh_world.more(load, 40)
        assert _is_reset(mesh_world, reviews.port)
        reviews.follow(serving(backend.port, mesh(mode="permissive"), labels={"reporter": "destination"}))
        mesh_world.more(load, 40)
        assert mesh_world.during(lambda: ask(reviews.port)).startswith(b"HTTP/1.1 200 ")
    answers = mesh_world.end(load)
    assert list(answers) == ["200"]
    # Connections that are allowed in both modes have not noticed: as many as there are clients.
    assert gateway.series("cluster", 0, cluster="next") <= 4


def test_strict_ends_plain_connections_behind_their_answer(mesh_world: World, reviews: Worker, backend: RecordingBackend) -> None:
    with socket.create_connection(("127.0.0.1", reviews.port), timeout=60) as sock:

        def answer() -> bytes:
            sock.sendall(REQUEST)
            return sock.recv(4096)

        assert b"connection: close" not in mesh_world.during(answer).lower()
        reviews.follow(serving(backend.port, mesh(mode="strict"), labels={"reporter": "destination"}))
        assert b"connection: close" in mesh_world.during(answer).lower()
        assert mesh_world.during(lambda: sock.recv(100)) == b""


def test_a_peer_that_is_no_longer_expected_is_ended_behind_its_answer(
    mesh_world: World, reviews: Worker, gateway: Worker, backend: RecordingBackend
) -> None:
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    reviews.follow(serving(backend.port, mesh(RATINGS)))
    mesh_world.until(lambda: reviews.core.active() == 0)
    assert not mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    assert f"the peer is {GATEWAY}, where {RATINGS} is expected" in reviews.log[0]


def test_connections_to_a_peer_that_is_no_longer_expected_are_not_used_again(
    mesh_world: World, reviews: Worker, gateway: Worker
) -> None:
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    gateway.follow(calling(reviews.port, mesh(RATINGS)))
    mesh_world.until(lambda: reviews.core.active() == 0)
    assert b"hauberk-reason: connect_failed" in mesh_world.during(lambda: ask(gateway.port))
    assert gateway.counted("refused_identity") == 3


def test_connections_made_under_another_identity_of_ours_are_not_used_again(
    mesh_world: World, reviews: Worker, gateway: Worker
) -> None:
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    gateway.follow(identity=mesh_world.authority.issue(RATINGS))
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    assert reviews.series("istio_http", source_principal=GATEWAY) == 1
    assert reviews.series("istio_http", source_principal=RATINGS) == 1
    assert gateway.series("cluster", 0, cluster="next") == 2


def test_a_disabled_listener_is_plain(mesh_world: World, reviews: Worker, backend: RecordingBackend) -> None:
    reviews.follow(serving(backend.port))
    assert mesh_world.during(lambda: ask(reviews.port)).startswith(b"HTTP/1.1 200 ")
    context = client_context(mesh_world.authority.issue(GATEWAY), mesh_world.authority.trust_pem)
    with pytest.raises(OSError, match=r"(?i)wrong version number|record layer failure"):
        mesh_world.during(lambda: ask(reviews.port, context))
