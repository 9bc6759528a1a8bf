"""Certificates that are renewed while traffic flows."""

import socket
import ssl
import time

from load_client import Load
from mesh_authority import MeshAuthority, workload
from mesh_workers import PATIENCE_SECONDS, World, ask, calling, client_context, mesh, serving
from recording_backend import RecordingBackend

from hauberk_core.net.x509 import first_certificate

REVIEWS = workload("reviews")
GATEWAY = workload("gateway")

# Certificates are renewed long before they end, because a machine that stands still for moments must not outlive one; the
# connections that were made first do outlive theirs.
LIFE_SECONDS = 10.0
RENEWAL_SECONDS = 1.0
TEST_SECONDS = 14.0


def _shown(port: int, context: ssl.SSLContext) -> bytes:
    """The certificate that a server shows, in DER."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as sock,
        context.wrap_socket(sock) as tls,
    ):
        return tls.getpeercert(True) or b""


def test_short_lived_certificates_are_renewed_under_load_without_a_failure(mesh_world: World, backend: RecordingBackend) -> None:
    authority = mesh_world.authority
    reviews = mesh_world.worker(authority.issue(REVIEWS, seconds=LIFE_SECONDS))
    reviews.follow(serving(backend.port, mesh(GATEWAY)))
    gateway = mesh_world.worker(authority.issue(GATEWAY, seconds=LIFE_SECONDS))
    gateway.follow(calling(reviews.port, mesh(REVIEWS)))
    prober = client_context(authority.issue(GATEWAY), authority.trust_pem)
    load = Load(gateway.port, clients=2, pause=0.0)
    end = time.monotonic() + TEST_SECONDS
    rounds = 0
    while time.monotonic() < end:
        renewal = time.monotonic() + RENEWAL_SECONDS
        reviews.follow(identity=authority.issue(REVIEWS, seconds=LIFE_SECONDS))
        gateway.follow(identity=authority.issue(GATEWAY, seconds=LIFE_SECONDS))
        assert mesh_world.during(lambda: _shown(reviews.port, prober)) == first_certificate(reviews.identity.chain)
        # More clients than before, so that connections are made with the new certificates too, beside those of the old ones.
        more = Load(gateway.port, clients=2 + rounds % 7, pause=0.0)
        mesh_world.until(lambda: time.monotonic() >= renewal)  # noqa: B023 - called at once
        assert list(mesh_world.end(more)) == ["200"]
        rounds += 1
    answers = mesh_world.end(load)
    assert list(answers) == ["200"]
    assert rounds > 1
    assert reviews.log == []
    assert gateway.log == []
    # They outlived their certificates: renewing closes nothing.
    made = gateway.series("cluster", 0, cluster="next")
    assert 2 < made <= 2 + 8


def test_an_authority_that_is_no_longer_believed_ends_the_pool(mesh_world: World, backend: RecordingBackend) -> None:
    reviews = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
    reviews.follow(serving(backend.port, mesh(GATEWAY)))
    gateway = mesh_world.worker(mesh_world.authority.issue(GATEWAY))
    gateway.follow(calling(reviews.port, mesh(REVIEWS)))
    assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    other = MeshAuthority()
    both = mesh_world.authority.trust_pem + other.trust_pem
    # Roots overlap while they rotate: first everybody believes both, then certificates move, then the old root goes.
    steps = [
        (None, both),
        (other, both),
        (other, other.trust_pem),
    ]
    for authority, trust in steps:
        reviews.follow(identity=authority.issue(REVIEWS) if authority else None, trust=trust)
        assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
        gateway.follow(identity=authority.issue(GATEWAY) if authority else None, trust=trust)
        assert mesh_world.during(lambda: ask(gateway.port)).startswith(b"HTTP/1.1 200 ")
    assert gateway.series("cluster", 0, cluster="next") == 3
    assert reviews.log == []
