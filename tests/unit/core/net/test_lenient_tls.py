"""Listeners that ask for a certificate and take any client. What they share with all others is tested beside those."""

import datetime as dt
import gc
import socket
import ssl
import struct
import weakref
from collections.abc import Iterator

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from local_proxy import AUTHORITY, PATIENCE_SECONDS, REQUEST, Chained, Proxy, arrived, client_context, issue, location, read_head
from OpenSSL import SSL

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.lenient_tls import lenient_security
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls_context import CertificateAndKey, SecureChain, server_context

STRANGER = trustme.CA()
TRUST = AUTHORITY.cert_pem.bytes()
A = issue("a.test")
B = issue("b.test")
ASKING = TransportConfig(security="tls", unproven_clients="take")
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ADMIN = "admin.test"

CLIENTS = {
    "none": (None, 1),
    "stranger's": (STRANGER.issue_cert(ADMIN), 1),
    "expired": (AUTHORITY.issue_cert("client.test", not_before=LONG_AGO, not_after=LONG_AGO + dt.timedelta(1)), 1),
    "authority's": (STRANGER.create_child_ca().issue_cert("client.test"), 1),
    "believed": (AUTHORITY.issue_cert(ADMIN), 0),
    "believed through another": (AUTHORITY.create_child_ca().issue_cert("client.test"), 0),
}
"""What clients show, and how many of them are excused."""


def _chain(*certificates: CertificateAndKey, trust: bytes = TRUST, transport: TransportConfig = ASKING) -> SecureChain:
    return SecureChain((), transport, certificates, trust)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy(lenient=True)
    made.serve([Chained("to-a", A)])
    yield made
    made.close()


def _ask(proxy: Proxy, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> tuple[str, ssl.SSLSession | None]:
    """Where a request is sent, and the session to come back with. The connection's identity is looked at meanwhile."""
    with (
        socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) as sock,
        context.wrap_socket(sock, server_hostname="a.test", session=session) as tls,
    ):
        assert tls.session_reused is (session is not None)
        tls.sendall(REQUEST)
        return location(read_head(tls)), tls.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("shown", CLIENTS)
def test_every_client_is_served_and_those_that_prove_nothing_are_counted(
    proxy: Proxy, shown: str, version: ssl.TLSVersion
) -> None:
    leaf, excused = CLIENTS[shown]
    context = client_context(leaf)
    context.maximum_version = version
    target, session = proxy.during(lambda: _ask(proxy, context))
    assert target == "to-a"
    assert proxy.excused() == excused
    # A session says who has come back, not whether the certificate is believed.
    assert proxy.during(lambda: _ask(proxy, context, session))[0] == "to-a"
    assert proxy.excused() == (2 * excused if leaf is None else excused)
    assert proxy.counted()[0] == 2


@pytest.mark.parametrize("shown", CLIENTS)
def test_nobody_is_taken_for_whom_a_certificate_names(proxy: Proxy, shown: str) -> None:
    leaf, _ = CLIENTS[shown]

    def connect() -> ssl.SSLSocket:
        sock = socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS)
        tls = client_context(leaf).wrap_socket(sock, server_hostname="a.test")
        tls.sendall(REQUEST)
        read_head(tls)
        return tls

    with proxy.during(connect):
        [listener] = proxy.core._listeners._listeners.values()
        [connection] = listener.connections
        assert connection.stream.peer_identity() == ""
        assert connection.stream.is_secure()


def test_ciphers_are_those_of_all_listeners() -> None:
    for transport in (ASKING, TransportConfig(security="tls", unproven_clients="take", min_version="1.3")):
        context = lenient_security([_chain(A, transport=transport)])._context
        model = server_context(transport, *A, TRUST)
        assert SSL.Connection(context).get_cipher_list() == [cipher["name"] for cipher in model.get_ciphers()]


def test_an_old_context_goes_when_nobody_uses_it() -> None:
    gc.disable()
    try:
        security = lenient_security([_chain(A, B)])
        gone = weakref.ref(security._context)
        del security
        assert gone() is None
    finally:
        gc.enable()


def _resetting(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("when", ["before", "amid the handshake", "open"])
def test_a_reset_leaves_nothing_behind_for_other_connections(proxy: Proxy, when: str) -> None:
    """OpenSSL keeps errors for each thread, not for each connection."""
    sock = socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS)
    if when == "amid the handshake":
        hello = ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            client_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test").do_handshake()
        sock.sendall(hello.read())
        proxy.until(lambda: arrived(sock))
    elif when == "open":
        tls = proxy.during(lambda: client_context().wrap_socket(sock, server_hostname="a.test"))
        proxy.until(lambda: proxy.counted()[1] == 1)
        sock = socket.socket(fileno=tls.detach())
    other = proxy.during(lambda: client_context().wrap_socket(socket.create_connection(proxy.address), server_hostname="a.test"))
    with other:
        proxy.until(lambda: proxy.core.active() == 2)
        _resetting(sock)
        proxy.until(lambda: proxy.core.active() == 1)
        other.sendall(REQUEST)
        assert location(proxy.during(lambda: read_head(other))) == "to-a"


def test_a_connection_that_breaks_says_how() -> None:
    ours, theirs = socket.socketpair()
    stream = lenient_security([_chain(A)]).wrap(SocketStream(ours, False, "-"), "")
    ours.setblocking(False)
    theirs.close()
    with pytest.raises(OSError, match=r"without close_notify|peer|reset"):
        stream.handshake()
    stream.close()
    stream.close()
    assert stream.fileno() == -1
    assert (stream.recv(10), stream.send(b"x"), stream.pending(), stream.alpn()) == (None, 0, 0, "")


def test_what_cannot_be_loaded_is_refused_in_the_words_of_all_listeners() -> None:
    key = serialization.load_pem_private_key(A[1], None)
    secret = serialization.BestAvailableEncryption(b"secret")
    encrypted = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    with pytest.raises(ValueError, match="the key is encrypted"):
        lenient_security([_chain((A[0], encrypted))])
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        lenient_security([_chain((A[0], B[1]))])
    with pytest.raises((ssl.SSLError, ValueError)):
        lenient_security([_chain(A, trust=b"# no certificate")])
    with pytest.raises(ValueError, match="needs a certificate"):
        lenient_security([_chain()])
    strict = _chain(B, transport=TransportConfig(security="tls"))
    with pytest.raises(ValueError, match="a listener each"):
        lenient_security([_chain(A), strict])


def test_a_bundle_may_carry_comments() -> None:
    lenient_security([_chain(A, trust=b"# Autorit\xe9 de test\n" + TRUST + b"\n# end\n")])
