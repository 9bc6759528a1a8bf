"""TLS streams in the loop, over TCP on loopback, against each other and against Python's own blocking `ssl`.

What a listener does is tested of both implementations: of `net.tls`, and of `net.lenient_tls`, which takes any client.
"""

import fcntl
import socket
import ssl
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import pytest
import trustme
from OpenSSL import SSL

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.connection import READ_BULK_BYTES, READ_HEAD_BYTES
from hauberk_core.net.lenient_tls import LenientSecurity, LenientStream, lenient_security
from hauberk_core.net.loop import Loop
from hauberk_core.net.poller import EpollPoller, Poller, SelectorPoller
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls import TlsSecurity, TlsStream
from hauberk_core.net.tls_context import SecureChain
from hauberk_core.net.transport import Security

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import NotingConnection, RunUntil

TcpPair = Callable[[], tuple[socket.socket, socket.socket]]
MEBIBYTE: Final = 1024 * 1024

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
LEAF = AUTHORITY.issue_cert("shop.test")
CLIENT_LEAF = AUTHORITY.issue_cert("client.test")
STRANGERS_LEAF = STRANGER.issue_cert("client.test")


@pytest.fixture(params=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    return ssl.TLSVersion.TLSv1_2 if request.param == "1.2" else ssl.TLSVersion.TLSv1_3


def _server_context(version: ssl.TLSVersion, trust: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    LEAF.configure_cert(context)
    if trust:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _lenient(context: ssl.SSLContext) -> LenientSecurity:
    """What takes any client, and else does as `context` does."""
    only = "1.3" if context.minimum_version == ssl.TLSVersion.TLSv1_3 else "1.2"
    transport = TransportConfig(security="tls", min_version="1.3" if only == "1.3" else "1.2", unproven_clients="take")
    pair = b"".join(part.bytes() for part in LEAF.cert_chain_pems), LEAF.private_key_pem.bytes()
    security = lenient_security([SecureChain((), transport, (pair,), STRANGER.cert_pem.bytes())])
    security._context.set_max_proto_version(SSL.TLS1_3_VERSION if only == "1.3" else SSL.TLS1_2_VERSION)
    return security


def _client_context(leaf: trustme.LeafCert | None = None, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.configure_trust(context)
    if leaf is not None:
        leaf.configure_cert(context)
    return context


class Ends:
    """Both ends of connections, in one loop."""

    def __init__(self, loop: Loop, noting: type["NotingConnection"], tcp_pair: TcpPair, lenient: bool) -> None:
        """Args: lenient - whether listeners take any client, by the other implementation."""
        self._loop = loop
        self._lenient = lenient
        self._securities: dict[ssl.SSLContext, Security] = {}
        self._noting = noting
        self._tcp_pair = tcp_pair
        self.made: list[NotingConnection] = []

    def server(self, context: ssl.SSLContext) -> tuple["NotingConnection", socket.socket]:
        """Ours in the loop, and the client's blocking socket, which has said nothing yet."""
        ours, theirs = self._tcp_pair()
        security = self._securities.get(context)
        if security is None:
            security = self._securities[context] = _lenient(context) if self._lenient else TlsSecurity(context, True, "")
        return self.open(security.wrap(SocketStream(ours, False, "127.0.0.1:1"), "")), theirs

    def client(self, context: ssl.SSLContext, sock: socket.socket, name: str = "shop.test") -> "NotingConnection":
        sock.setblocking(False)
        return self.open(TlsSecurity(context, False, name).wrap(SocketStream(sock, False, "127.0.0.1:2"), "endpoint"))

    def both(self, server: ssl.SSLContext, client: ssl.SSLContext, name: str = "shop.test") -> list["NotingConnection"]:
        near, theirs = self.server(server)
        return [near, self.client(client, theirs, name)]

    def open(self, stream: object) -> "NotingConnection":
        assert isinstance(stream, TlsStream | LenientStream)
        connection = self._noting(self._loop, stream)
        connection.open()
        self.made.append(connection)
        return connection


EVERY_WAY: Final = ["ssl-epoll", "ssl-selector", "lenient-epoll"]
"""Of doing what a listener does; pollers are all the same to the other implementation."""
strict = pytest.mark.parametrize("way", EVERY_WAY[:2], indirect=True)
"""For what only `ssl` does, or what no listener does."""


@pytest.fixture(params=EVERY_WAY)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def poller(way: str) -> Iterator[Poller]:
    made = EpollPoller() if way.endswith("epoll") else SelectorPoller()
    yield made
    made.close()


@pytest.fixture
def ends(loop: Loop, noting: type["NotingConnection"], tcp_pair: TcpPair, way: str) -> Ends:
    return Ends(loop, noting, tcp_pair, way.startswith("lenient"))


@pytest.fixture(autouse=True)
def close_all(ends: Ends) -> object:
    yield None
    for connection in ends.made:
        connection.close()


class Peer:
    """A blocking client of Python's own `ssl`, in a thread."""

    def __init__(
        self, sock: socket.socket, talk: Callable[[ssl.SSLSocket], bytes], context: ssl.SSLContext | None = None
    ) -> None:
        self.result: bytes | Exception | None = None
        self._talk = talk
        self._context = context or _client_context()
        self._socket = sock
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._context.wrap_socket(self._socket, server_hostname="shop.test", suppress_ragged_eofs=False) as tls:
                self.result = self._talk(tls)
        except Exception as error:
            self.result = error

    def over(self) -> bool:
        return not self._thread.is_alive()


def _read_to_the_end(tls: ssl.SSLSocket) -> bytes:
    pieces = []
    while data := tls.recv(65536):
        pieces.append(data)
    return b"".join(pieces)


def _reason(connection: "NotingConnection") -> str:
    return str(connection.error)


# Handshakes.


@strict
def test_both_ends_agree_on_protocol_and_name(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    context = _server_context(version)
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, _: asked.append(name)
    near, far = ends.both(context, _client_context())
    run_until(lambda: near.opens == 1 and far.opens == 1)
    for end in (near, far):
        assert end.stream.is_secure()
        assert end.stream.alpn() == "http/1.1"
        assert end.stream.local_address().startswith("127.0.0.1:")
    assert asked == ["shop.test"]
    assert near.stream.peer_address() == "127.0.0.1:1"


@strict
def test_a_cluster_without_a_server_name_asks_for_the_endpoints_host(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion
) -> None:
    near, theirs = ends.server(_server_context(version))
    theirs.setblocking(False)
    far = ends.open(TlsSecurity(_client_context(), False, "").wrap(SocketStream(theirs, False, "-"), "shop.test"))
    run_until(lambda: near.opens == 1 and far.opens == 1)


def test_a_handshake_in_single_octets_is_a_handshake(ends: Ends, loop: Loop, version: ssl.TLSVersion) -> None:
    connection, theirs = ends.server(_server_context(version))
    theirs.setblocking(False)
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _client_context().wrap_bio(incoming, outgoing, server_hostname="shop.test")

    def exchange(step: Callable[[], object]) -> None:
        """Carry octets until `step` succeeds, one at a time towards us."""
        while True:
            try:
                step()
                done = True
            except ssl.SSLWantReadError:
                done = False
            for octet in outgoing.read():
                theirs.send(bytes([octet]))
                loop.run_ready()
            if done:
                return
            try:
                incoming.write(theirs.recv(65536))
            except BlockingIOError:
                loop.run_ready()

    exchange(tls.do_handshake)
    exchange(lambda: tls.write(b"hello"))
    while not connection.pieces:
        loop.run_ready()
    assert connection.octets() == b"hello"
    assert connection.opens == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", "the peer speaks HTTP in the clear, not TLS"),
        (b"CONNECT shop.test:443 HTTP/1.1\r\n\r\n", "the peer speaks HTTP in the clear, not TLS"),
        (b"\x00" * 100, "the peer does not speak TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the peer does not speak TLS"),
        (b"", "the peer ended the connection"),
    ],
)
def test_a_client_that_does_not_speak_tls_is_broken_with_a_reason(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, said: bytes, reason: str
) -> None:
    connection, theirs = ends.server(_server_context(version))
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    run_until(lambda: connection.error is not None)
    assert reason in _reason(connection)
    assert connection.opens == 0
    assert connection.closed


@strict
def test_a_server_that_does_not_speak_tls_is_broken_with_a_reason(ends: Ends, tcp_pair: TcpPair, run_until: "RunUntil") -> None:
    ours, theirs = tcp_pair()
    connection = ends.client(_client_context(), ours)
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    run_until(lambda: connection.error is not None)
    assert "the peer does not speak TLS" in _reason(connection)


@strict
@pytest.mark.parametrize("leaf", [None, STRANGERS_LEAF], ids=["none", "of a stranger"])
def test_a_client_without_a_believed_certificate_is_refused(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, leaf: trustme.LeafCert | None
) -> None:
    near, far = ends.both(_server_context(version, trust=True), _client_context(leaf))
    run_until(lambda: near.error is not None and far.error is not None)
    assert near.opens == 0
    if leaf is None:
        assert "the peer shows no certificate, and one is required" in _reason(near)
    else:
        assert "the peer's certificate is not believed: unable to get local issuer certificate" in _reason(near)
    if leaf is not None:
        assert "the peer does not believe the authority of our certificate" in _reason(far)
    elif version == ssl.TLSVersion.TLSv1_3:
        # The client's handshake was over before the server looked.
        assert "the peer requires a certificate of us" in _reason(far)
    else:
        assert "or a certificate of us" in _reason(far)


def test_a_client_with_a_believed_certificate_is_let_in(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    near, far = ends.both(_server_context(version, trust=True), _client_context(CLIENT_LEAF))
    far.queue(b"hello")
    far.flush()
    run_until(lambda: near.octets() == b"hello")


def test_a_certificate_of_another_name_is_refused_with_the_name(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion
) -> None:
    near, far = ends.both(_server_context(version), _client_context(), "other.test")
    run_until(lambda: far.error is not None and near.error is not None)
    assert "the peer's certificate is not believed" in _reason(far)
    assert "not valid for 'other.test'" in _reason(far)
    assert far.opens == 0


def test_a_certificate_of_an_unknown_authority_is_refused(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    near, far = ends.both(_server_context(version), _client_context(authority=STRANGER))
    run_until(lambda: far.error is not None and near.error is not None)
    assert "the peer's certificate is not believed: unable to get local issuer certificate" in _reason(far)
    assert "the peer does not believe the authority of our certificate" in _reason(near)


def test_versions_that_do_not_meet_are_refused_with_a_reason(ends: Ends, run_until: "RunUntil") -> None:
    client = _client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    near, far = ends.both(_server_context(ssl.TLSVersion.TLSv1_3), client)
    run_until(lambda: far.error is not None and near.error is not None)
    assert "the peer offers no TLS version that is accepted here" in _reason(near)
    assert "the peer refuses the TLS versions offered" in _reason(far)


@strict
@pytest.mark.parametrize("name", ["", ".example.test", "a" * 70 + ".test", "x..test"])
def test_a_server_name_that_cannot_be_asked_for_is_broken_with_a_reason(
    ends: Ends, tcp_pair: TcpPair, run_until: "RunUntil", name: str
) -> None:
    ours, _ = tcp_pair()
    connection = ends.open(TlsSecurity(_client_context(), False, "").wrap(SocketStream(ours, False, "-"), name))
    run_until(lambda: connection.error is not None)
    assert f"{name!r} cannot be asked for as a server name" in _reason(connection)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_a_client_that_is_gone_before_the_handshake_leaves_nothing_open(
    ends: Ends, loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", version: ssl.TLSVersion, said: bytes
) -> None:
    ours, theirs = tcp_pair()
    theirs.sendall(said)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    connection = ends.open(TlsStream(SocketStream(ours, False, "-"), _server_context(version), True, ""))
    run_until(lambda: connection.error is not None)
    assert loop.descriptors() == 0
    assert connection.stream.fileno() == -1


# Octets.


@pytest.mark.parametrize("read_size", [1000, READ_HEAD_BYTES, READ_BULK_BYTES])
def test_much_flows_both_ways_at_once_and_arrives_whole(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, read_size: int
) -> None:
    near, far = ends.both(_server_context(version), _client_context())
    sent = [b"".join(struct.pack(">I", number + side) for number in range(MEBIBYTE // 4)) for side in (0, 1 << 30)]
    for end, data in ((near, sent[0]), (far, sent[1])):
        end.read_size = read_size
        end.queue(data)
        end.flush()
    run_until(lambda: near.bytes_read == len(sent[1]) and far.bytes_read == len(sent[0]))
    assert near.octets() == sent[1]
    assert far.octets() == sent[0]


def test_a_slow_reader_congests_and_gets_everything(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    near, far = ends.both(_server_context(version), _client_context())
    run_until(lambda: near.opens == 1 and far.opens == 1)
    far.pause_reading()
    far.read_size = 5000
    written = bytearray()
    while not near.is_congested:
        piece = bytes([len(written) // 50_000 % 251]) * 50_000
        written.extend(piece)
        near.queue(piece)
        near.flush()
    assert near.drained == 0
    far.resume_reading()
    run_until(lambda: far.bytes_read == len(written))
    assert far.octets() == written
    assert near.drained == 1


def test_reading_paused_and_resumed_again_and_again_loses_nothing(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion
) -> None:
    near, far = ends.both(_server_context(version), _client_context())
    near.read_size = 700
    sent = bytes(range(256)) * 400
    far.queue(sent)
    far.close_when_sent()
    rounds = 0

    def pause_and_resume() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds % 3 == 0:
            near.pause_reading()
        elif rounds % 3 == 1:
            near.resume_reading()
        return near.ended

    run_until(pause_and_resume)
    assert near.octets() == sent


def test_what_a_read_left_of_a_record_is_pending(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    near, far = ends.both(_server_context(version), _client_context())
    run_until(lambda: near.opens == 1 and far.opens == 1)
    near.pause_reading()
    far.queue(bytes(1000))
    far.flush()
    got: list[bytes] = []

    def read(size: int) -> Callable[[], bool]:
        def read_something() -> bool:
            data = near.stream.recv(size)
            if data is not None:
                got.append(data)
            return data is not None

        return read_something

    run_until(read(400))
    assert near.stream.pending() == 600
    run_until(read(600))
    assert near.stream.pending() == 0
    assert near.stream.recv(400) is None
    far.queue(bytes(300))
    far.flush()
    run_until(read(400))
    assert near.stream.pending() == 0
    assert b"".join(got) == bytes(1300)


# Ending.


@pytest.mark.parametrize("how", ["close_when_sent", "close_in_order", "end_writing"])
@pytest.mark.parametrize("size", [0, 10, 3 * MEBIBYTE])
def test_the_end_is_said_by_close_notify(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, how: str, size: int) -> None:
    connection, theirs = ends.server(_server_context(version))
    peer = Peer(theirs, _read_to_the_end)
    run_until(lambda: connection.opens == 1)
    connection.queue(b"b" * size)
    if how == "close_when_sent":
        connection.close_when_sent()
    elif how == "close_in_order":
        connection.flush()
        run_until(lambda: not connection.unsent())
        connection.close_in_order()
    else:
        connection.end_writing()
    run_until(peer.over)
    assert peer.result == b"b" * size
    run_until(lambda: connection.closed or connection.ended or connection.error is not None)


def test_close_notify_waits_for_room_in_the_kernel(
    ends: Ends, loop: Loop, run_until: "RunUntil", version: ssl.TLSVersion
) -> None:
    """Where the last octets fill the kernel's buffer to the brim, the end must not be lost."""
    for surplus in range(0, 40_000, 5_000):
        connection, theirs = ends.server(_server_context(version))
        started, go_on = threading.Event(), threading.Event()

        def talk(tls: ssl.SSLSocket, started: threading.Event = started, go_on: threading.Event = go_on) -> bytes:
            started.set()
            go_on.wait()
            return _read_to_the_end(tls)

        peer = Peer(theirs, talk)
        run_until(started.is_set)
        total = 0
        while not connection.unsent():
            connection.queue(b"f" * 1000)
            connection.flush()
            total += 1000
        connection.queue(b"f" * surplus)
        connection.close_when_sent()
        go_on.set()
        run_until(peer.over)
        assert peer.result == b"f" * (total + surplus)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_whatever_is_cut_off_is_seen_as_cut_off(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, how: str) -> None:
    connection, theirs = ends.server(_server_context(version))
    peer = Peer(theirs, _read_to_the_end)
    run_until(lambda: connection.opens == 1)
    connection.queue(b"half of it")
    connection.flush()
    if how == "close":
        connection.close()
    else:
        connection.reset()
    run_until(peer.over)
    assert isinstance(peer.result, ssl.SSLEOFError if how == "close" else OSError)


def test_a_peers_close_notify_is_an_end(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    connection, theirs = ends.server(_server_context(version))

    def talk(tls: ssl.SSLSocket) -> bytes:
        tls.sendall(b"e" * 50_000)
        tls.unwrap()
        return b""

    connection.read_size = READ_BULK_BYTES
    peer = Peer(theirs, talk)
    # The answering close_notify lets the peer's `unwrap` return.
    run_until(lambda: connection.ended)
    connection.close_when_sent()
    run_until(peer.over)
    assert connection.octets() == b"e" * 50_000
    assert connection.error is None
    assert peer.result == b""


@pytest.mark.parametrize("read_size", [READ_HEAD_BYTES, READ_BULK_BYTES])
def test_an_end_without_close_notify_is_an_error_behind_what_came(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, read_size: int
) -> None:
    connection, theirs = ends.server(_server_context(version))
    connection.read_size = read_size

    def talk(tls: ssl.SSLSocket) -> bytes:
        # A ticket that the client has not read would turn its closing into a reset.
        tls.recv(1)
        tls.sendall(b"t" * 50_000)
        return b""

    peer = Peer(theirs, talk)
    run_until(lambda: connection.opens == 1)
    connection.queue(b"!")
    connection.flush()
    run_until(lambda: connection.error is not None)
    run_until(peer.over)
    assert connection.octets() == b"t" * 50_000
    assert not connection.ended
    assert "the peer ended the connection without close_notify" in _reason(connection)


# Some more than can be kept, and exactly as many.
@pytest.mark.parametrize(("records", "size"), [(1, 20), (3, 16_000), (16, 100), (17, 100), (100, 100)])
def test_what_had_come_when_we_ended_our_side_is_still_received(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion, records: int, size: int
) -> None:
    connection, theirs = ends.server(_server_context(version))
    is_paused, go_on = threading.Event(), threading.Event()

    def talk(tls: ssl.SSLSocket) -> bytes:
        is_paused.wait()
        for _ in range(records):
            tls.sendall(b"o" * size)
        go_on.wait()
        answer = _read_to_the_end(tls)
        tls.unwrap()
        return answer

    peer = Peer(theirs, talk)
    run_until(lambda: connection.opens == 1)
    connection.pause_reading()
    is_paused.set()
    # A record's head, nonce and tag are at least 22 octets in either version.
    run_until(lambda: _waiting(connection.descriptor) >= records * (size + 22))
    connection.queue(b"that is all from us")
    connection.end_writing()
    connection.resume_reading()
    run_until(lambda: connection.bytes_read == records * size)
    go_on.set()
    run_until(lambda: connection.ended)
    run_until(peer.over)
    assert connection.error is None
    assert peer.result == b"that is all from us"


def _waiting(descriptor: int) -> int:
    """Octets that the kernel holds for this socket."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_writing_to_a_peer_that_is_gone_is_told_as_such(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    """So that whoever wrote may look what it had said before."""
    connection, theirs = ends.server(_server_context(version))
    is_paused = threading.Event()

    def talk(tls: ssl.SSLSocket) -> bytes:
        is_paused.wait()
        return b""

    peer = Peer(theirs, talk)
    run_until(lambda: connection.opens == 1)
    connection.pause_reading()
    is_paused.set()
    run_until(peer.over)

    def is_told() -> bool:
        connection.queue(b"anybody there?")
        connection.flush()
        return connection.error is not None

    run_until(is_told)
    assert isinstance(connection.error, ConnectionError)


def test_writing_behind_the_end_of_both_sides_is_broken(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    near, far = ends.both(_server_context(version), _client_context())
    run_until(lambda: near.opens == 1 and far.opens == 1)
    near.end_writing()
    run_until(lambda: far.ended)
    far.end_writing()
    run_until(lambda: near.ended)
    near.queue(b"one thing more")
    near.flush()
    assert near.error is not None
    assert near.closed


def test_ending_our_side_while_octets_pour_in_loses_none(ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion) -> None:
    for _ in range(5):
        connection, theirs = ends.server(_server_context(version))

        def talk(tls: ssl.SSLSocket) -> bytes:
            for _ in range(100):
                tls.sendall(b"u" * 10_000)
            _read_to_the_end(tls)
            tls.unwrap()
            return b""

        peer = Peer(theirs, talk)
        run_until(lambda: connection.bytes_read > 100_000)  # noqa: B023 - called at once
        connection.end_writing()
        run_until(lambda: connection.ended or connection.error is not None)  # noqa: B023
        connection.close()
        run_until(peer.over)
        if connection.ended or sys.platform == "linux":
            assert connection.bytes_read == 1_000_000
        else:
            # Elsewhere they may be, but never in silence.
            assert "octets of the peer crossed the end of the connection and are lost" in _reason(connection)


def test_tickets_let_a_client_come_back_without_a_full_handshake(
    ends: Ends, run_until: "RunUntil", version: ssl.TLSVersion
) -> None:
    server, client = _server_context(version), _client_context()
    sessions: list[ssl.SSLSession | None] = []
    reused: list[bool | None] = []
    for _ in range(3):
        connection, theirs = ends.server(server)

        def run(theirs: socket.socket = theirs) -> None:
            session = sessions[-1] if sessions else None
            with client.wrap_socket(theirs, server_hostname="shop.test", session=session) as tls:
                tls.recv(1)
                reused.append(tls.session_reused)
                sessions.append(tls.session)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        connection.queue(b"!")
        connection.flush()
        run_until(lambda: not thread.is_alive())  # noqa: B023 - called at once
    assert reused == [False, True, True]
