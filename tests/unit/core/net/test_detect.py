"""TLS or plain by the first octet, in the loop, over TCP on loopback."""

import socket
import ssl
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import trustme

from hauberk_core.net.detect import DetectingStream, PlaintextRefused
from hauberk_core.net.loop import Loop
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls import TlsStream

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import NotingConnection, RunUntil

TcpPair = Callable[[], tuple[socket.socket, socket.socket]]
Accept = Callable[..., tuple["NotingConnection", socket.socket]]
"""An accepted connection in the loop, which takes plain octets or not, and TLS of others or not; and its peer."""

AUTHORITY = trustme.CA()


@pytest.fixture
def accept(loop: Loop, noting: type["NotingConnection"], tcp_pair: TcpPair) -> Accept:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("shop.test").configure_cert(context)

    def make(takes_plain: bool, *own_protocols: bytes) -> tuple["NotingConnection", socket.socket]:
        ours, theirs = tcp_pair()
        plain = SocketStream(ours, False, "peer:1")
        connection = noting(loop, DetectingStream(plain, TlsStream(plain, context, True, ""), takes_plain, own_protocols))
        connection.open()
        return connection, theirs

    return make


def test_an_undecided_connection_has_a_handshake_before_it_and_nothing_to_give(accept: Accept, loop: Loop) -> None:
    connection, _ = accept(True)
    stream = connection.stream
    loop.run_ready()
    assert stream.is_secure()
    assert stream.peer_identity() == ""
    assert stream.recv(100) is None
    assert stream.send(b"x") == 0
    assert stream.settled() is stream
    assert stream.peer_address() == "peer:1"
    assert stream.local_address().startswith("127.0.0.1:")
    stream.shutdown_write()
    connection.close()
    assert stream.fileno() == -1


@pytest.mark.parametrize("octet", string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")
def test_what_a_method_begins_with_is_plain_and_nothing_of_it_is_lost(accept: Accept, run_until: "RunUntil", octet: str) -> None:
    connection, peer = accept(True)
    peer.sendall(octet.encode() + b"ET / HTTP/1.1\r\n")
    run_until(lambda: connection.opens == 1 and len(connection.octets()) > 1)
    assert connection.octets() == octet.encode() + b"ET / HTTP/1.1\r\n"
    assert not connection.stream.is_secure()
    assert isinstance(connection.stream, SocketStream)
    connection.close()


@pytest.mark.parametrize("takes_plain", [True, False])
def test_tls_is_tls_even_in_single_octets(accept: Accept, loop: Loop, run_until: "RunUntil", takes_plain: bool) -> None:
    connection, peer = accept(takes_plain)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(client)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.wrap_bio(incoming, outgoing, server_hostname="shop.test")
    peer.setblocking(False)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def carry() -> bool:
        """Go on with the handshake. Returns whether it is done."""
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        for octet in outgoing.read():
            peer.send(bytes([octet]))
            loop.run_ready()
        try:
            incoming.write(peer.recv(65536))
        except BlockingIOError:
            loop.run_ready()
        return done

    run_until(carry)
    tls.write(b"hello")
    peer.send(outgoing.read())
    run_until(lambda: connection.octets() == b"hello")
    assert connection.stream.is_secure()
    assert isinstance(connection.stream, TlsStream)
    connection.close()


def test_one_octet_that_begins_tls_is_waited_behind_without_turning_in_circles(accept: Accept, loop: Loop) -> None:
    connection, peer = accept(True)
    peer.sendall(b"\x16")
    while loop.run_ready() == 0:
        pass
    # OpenSSL has taken the octet, so that the poller is silent.
    assert [loop.run_ready() for _ in range(20)] == [0] * 20
    assert not connection.established
    connection.close()


def test_plaintext_that_is_not_taken_is_reset(accept: Accept, run_until: "RunUntil") -> None:
    connection, peer = accept(False)
    peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
    run_until(lambda: connection.closed)
    assert isinstance(connection.error, PlaintextRefused)
    with pytest.raises(ConnectionResetError):
        peer.recv(100)


@pytest.mark.parametrize("takes_plain", [True, False])
def test_an_end_before_the_first_octet_says_nothing(accept: Accept, run_until: "RunUntil", takes_plain: bool) -> None:
    connection, peer = accept(takes_plain)
    peer.shutdown(socket.SHUT_WR)
    run_until(lambda: connection.closed)
    assert str(connection.error) == "the peer ended the connection before it said anything"
    assert peer.recv(100) == b""


def test_an_undecided_connection_can_be_reset(accept: Accept) -> None:
    connection, peer = accept(True)
    connection.reset()
    with pytest.raises(ConnectionResetError):
        peer.recv(100)


def first_words(*protocols: str) -> bytes:
    """What a client of TLS says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="shop.test").do_handshake()
    return sent.read()


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1")])
def test_tls_of_an_application_is_passed_on_as_it_is(
    accept: Accept, run_until: "RunUntil", loop: Loop, protocols: tuple[str, ...], pieces: int
) -> None:
    connection, peer = accept(True, b"own-")
    words = first_words(*protocols)
    size = -(-len(words) // pieces)
    for start in range(0, len(words), size):
        assert connection.opens == 0
        peer.sendall(words[start : start + size])
        # Nothing is to be done before all of it is there.
        while loop.run_ready():
            pass
    run_until(lambda: connection.octets() == words)
    assert not connection.stream.is_secure()
    connection.close()


def test_tls_of_our_own_is_taken(accept: Accept, run_until: "RunUntil") -> None:
    connection, peer = accept(True, b"own-")
    peer.sendall(first_words("http/1.1", "own-http/1.1"))
    peer.setblocking(False)
    answer = bytearray()

    def answered() -> bool:
        try:
            answer.extend(peer.recv(65536))
        except BlockingIOError:
            return False
        return True

    run_until(answered)
    assert answer[:1] == b"\x16"
    connection.close()


def test_half_a_message_and_an_end_keep_nobody_busy(accept: Accept, loop: Loop) -> None:
    connection, peer = accept(True, b"own-")
    peer.sendall(first_words()[:50])
    peer.shutdown(socket.SHUT_WR)
    rounds = 0
    while connection.error is None and rounds < 10_000:
        loop.run_ready()
        rounds += 1
    assert rounds < 10_000
    connection.close()
