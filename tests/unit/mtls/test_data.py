"""What secures a listener or a cluster, and which connections may go on under it."""

import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
from keeping_services import KeepingServices
from mesh_authority import MeshAuthority, workload

from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import HANDSHAKE_DONE, Security, Stream
from hauberk_core.plugin.data import Identity
from hauberk_mtls import plugin
from hauberk_mtls.data import make_security

AUTHORITY = MeshAuthority()
OTHER_AUTHORITY = MeshAuthority()
REVIEWS = workload("reviews")
RATINGS = workload("ratings")
GATEWAY = workload("gateway")
REVIEWS_PEM = AUTHORITY.issue(REVIEWS)
GATEWAY_PEM = AUTHORITY.issue(GATEWAY)


def _config(*identities: str, permissive: bool = False, server_name: str = "") -> TransportConfig:
    return TransportConfig(
        security="mesh",
        mode="permissive" if permissive else "strict",
        identities=identities,
        certificates=("workload",),
        trust_file="workload",
        server_name=server_name,
    )


def _identity(pem: CertificatePem, is_listener: bool, trust: bytes = AUTHORITY.trust_pem) -> Identity:
    return Identity(is_listener, pem.chain, pem.key, trust)


def _server(*identities: str, permissive: bool = False, services: KeepingServices | None = None) -> Security:
    made = make_security(_config(*identities, permissive=permissive), _identity(REVIEWS_PEM, True), services or KeepingServices())
    assert made is not None
    return made


def _client(
    *identities: str, pem: CertificatePem = GATEWAY_PEM, trust: bytes = AUTHORITY.trust_pem, server_name: str = ""
) -> Security:
    made = make_security(_config(*identities, server_name=server_name), _identity(pem, False, trust), KeepingServices())
    assert made is not None
    return made


Connect = Callable[[Security, Security], tuple[Stream, Stream]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes connections between two securities; the server's end first, both settled."""
    made: list[Stream] = []

    def handshake(server: Security, client: Security) -> tuple[Stream, Stream]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        near = server.wrap(SocketStream(ours, False, "near:1"), "")
        far = client.wrap(SocketStream(theirs, False, "far:1"), "reviews.test")
        made.extend((near, far))
        pending = [near, far]
        for _ in range(100):
            pending = [stream for stream in pending if stream.handshake() != HANDSHAKE_DONE]
            if not pending:
                return near.settled(), far.settled()
        raise AssertionError("the handshake does not end")

    yield handshake
    for stream in made:
        stream.close()


def test_both_ends_know_each_other(connect: Connect) -> None:
    near, far = connect(_server(), _client(REVIEWS, server_name="outbound.test"))
    assert (near.peer_identity(), far.peer_identity()) == (GATEWAY, REVIEWS)
    assert near.is_secure()
    assert far.is_secure()
    assert near.alpn() == far.alpn() == "http/1.1"


def test_no_name_is_sent_where_none_is_configured(connect: Connect) -> None:
    asked: list[str | None] = []
    server = _server()
    context: ssl.SSLContext = server._context  # type: ignore[attr-defined]
    context.sni_callback = lambda connection, name, _: asked.append(name)
    connect(server, _client(REVIEWS))
    connect(server, _client(REVIEWS, server_name="outbound.test"))
    assert asked == [None, "outbound.test"]


def test_a_listener_keeps_the_connections_that_it_would_take(connect: Connect) -> None:
    near, _ = connect(_server(), _client(REVIEWS))
    assert _server().keeps(near)
    assert _server(GATEWAY, RATINGS).keeps(near)
    assert not _server(RATINGS).keeps(near)
    ours, theirs = socket.socketpair()
    plain = SocketStream(ours, False, "near:1")
    assert _server(permissive=True).keeps(plain)
    assert not _server().keeps(plain)
    undecided = _server(permissive=True).wrap(plain, "")
    assert not _server().keeps(undecided)
    undecided.close()
    theirs.close()


def test_a_renewed_certificate_shares_the_pool_and_nothing_else_does() -> None:
    key = _client(REVIEWS).pool_key()
    assert _client(REVIEWS, pem=AUTHORITY.issue(GATEWAY)).pool_key() == key
    others = [
        _client(RATINGS),
        _client(REVIEWS, RATINGS),
        _client(REVIEWS, pem=AUTHORITY.issue(RATINGS)),
        _client(REVIEWS, trust=AUTHORITY.trust_pem + OTHER_AUTHORITY.trust_pem),
        _client(REVIEWS, server_name="outbound.test"),
    ]
    assert len({key, *[other.pool_key() for other in others]}) == 1 + len(others)


@pytest.mark.parametrize(
    ("config", "identity", "reason"),
    [
        (_config(), Identity(True, b"", b"", AUTHORITY.trust_pem), "needs a certificate with its key"),
        (_config(), Identity(True, REVIEWS_PEM.chain, REVIEWS_PEM.key, b""), "needs the mesh's authorities"),
        (_config(), _identity(AUTHORITY.issue(), True), "the proxy's own certificate: it has 0 URIs"),
        (_config(), _identity(GATEWAY_PEM, False), "a cluster in the mesh needs `identities`"),
        (_config(), _identity(REVIEWS_PEM, True, b"no certificate"), "NO_START_LINE|no start line|no certificate"),
        (_config(), Identity(True, REVIEWS_PEM.chain, GATEWAY_PEM.key, AUTHORITY.trust_pem), "KEY_VALUES_MISMATCH"),
    ],
)
def test_what_cannot_prove_or_verify_anything_is_refused(config: TransportConfig, identity: Identity, reason: str) -> None:
    with pytest.raises((ValueError, ssl.SSLError), match=reason):
        make_security(config, identity, KeepingServices())


def test_other_transports_are_left_to_others() -> None:
    services = KeepingServices()
    assert plugin.hauberk_transport(TransportConfig(security="tls"), _identity(REVIEWS_PEM, True), services) is None
    made = plugin.hauberk_transport(_config(), _identity(REVIEWS_PEM, True), services)
    assert made is not None
    assert plugin.HAUBERK_API == "1"


def test_what_is_no_socket_of_the_kernel_cannot_be_wrapped() -> None:
    for security in (_server(), _client(REVIEWS)):
        with pytest.raises(TypeError, match="a socket of the kernel"):
            security.wrap(Stream(), "")


def test_contexts_know_neither_old_versions_nor_tickets() -> None:
    for security in (_server(), _client(REVIEWS)):
        context: ssl.SSLContext = security._context  # type: ignore[attr-defined]
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert not context.check_hostname
    assert _server()._context.num_tickets == 0  # type: ignore[attr-defined]
