"""Connections over TCP on loopback: buffers and their marks, pausing, and every way to end."""

import contextlib
import errno
import gc
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from hauberk_core.net.connection import HIGH_MARK, LOW_MARK, READ_BULK_BYTES
from hauberk_core.net.loop import Loop
from hauberk_core.net.poller import Poller
from hauberk_core.net.sockets import SocketTransport
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Stream

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import Connect, NotedFaults, NotingConnection, RunUntil

SMALL_BUFFER = 32 * 1024


def _read_all(peer: socket.socket) -> bytes:
    pieces = []
    while data := peer.recv(1 << 16):
        pieces.append(data)
    return b"".join(pieces)


def _small_send_buffer(connection: "NotingConnection") -> None:
    """Let the kernel take little, so that much waits in the connection."""
    sock = socket.socket(fileno=socket.dup(connection.descriptor))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    sock.close()


def _linger_zero(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# Reading.


def test_what_comes_is_received_and_the_end_is_told_once(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    peer.sendall(b"some octets")
    run_until(lambda: connection.octets() == b"some octets")
    peer.shutdown(socket.SHUT_WR)
    run_until(lambda: connection.ended)
    assert connection.opens == 1
    assert connection.bytes_read == 11
    assert not connection.is_reading()


def test_a_read_takes_no_more_than_asked_for(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    connection.read_size = 10
    peer.sendall(b"x" * 35)
    run_until(lambda: len(connection.octets()) == 35)
    assert max(len(piece) for piece in connection.pieces) <= 10
    connection.read_size = READ_BULK_BYTES
    peer.sendall(b"y" * 1000)
    run_until(lambda: len(connection.octets()) == 1035)
    assert len(connection.pieces[-1]) == 1000


def test_while_reading_is_paused_everything_waits_in_the_kernel(loop: Loop, connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    connection.pause_reading()
    peer.sendall(b"before the end")
    peer.shutdown(socket.SHUT_WR)
    time.sleep(0.01)
    assert sum(loop.run_ready() for _ in range(100)) == 0
    assert connection.pieces == []
    connection.resume_reading()
    run_until(lambda: connection.ended)
    assert connection.octets() == b"before the end"


@pytest.mark.parametrize("how", ["half-close", "close", "half-close, and ours as well", "reset"])
def test_a_peer_that_goes_while_reading_is_paused_costs_no_processor_and_is_remembered(
    loop: Loop, connect: "Connect", run_until: "RunUntil", how: str
) -> None:
    connection, peer = connect()
    connection.pause_reading()
    peer.sendall(b"last words")
    if how == "half-close":
        peer.shutdown(socket.SHUT_WR)
    elif how == "half-close, and ours as well":
        connection.end_writing()
        peer.shutdown(socket.SHUT_WR)
    else:
        if how == "reset":
            _linger_zero(peer)
        peer.close()
    time.sleep(0.02)
    # At most it is noticed once; after that the poller must be silent.
    assert sum(loop.run_ready() for _ in range(200)) <= 2
    assert connection.pieces == []
    assert not connection.closed
    connection.resume_reading()
    run_until(lambda: connection.ended or connection.error is not None)
    assert connection.octets() == b"last words"
    assert (connection.error is not None) == (how == "reset")
    # The end was told; nobody asks again.
    assert sum(loop.run_ready() for _ in range(200)) <= 2


def test_after_both_sides_ended_the_poller_is_silent(loop: Loop, connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    peer.shutdown(socket.SHUT_WR)
    run_until(lambda: connection.ended)
    connection.end_writing()
    peer.close()
    time.sleep(0.01)
    assert sum(loop.run_ready() for _ in range(200)) <= 2
    connection.close()
    assert loop.descriptors() == 0


def test_a_reset_is_reported_as_broken(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    _linger_zero(peer)
    peer.close()
    run_until(lambda: connection.error is not None)
    assert isinstance(connection.error, ConnectionResetError)


# Writing.


def test_the_buffer_has_a_high_and_a_low_mark(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    _small_send_buffer(connection)
    total = 0
    while not connection.is_congested:
        connection.queue(b"z" * 65536)
        connection.flush()
        total += 65536
        assert (connection.unsent() > HIGH_MARK) == connection.is_congested
    peer.setblocking(False)
    taken = 0

    def take(most: int) -> None:
        nonlocal taken
        # The kernel may have nothing for the peer until the loop has run once more.
        with contextlib.suppress(BlockingIOError):
            taken += len(peer.recv(most))

    def drained_to_the_low_mark() -> bool:
        if connection.unsent() <= LOW_MARK:
            return True
        assert connection.drained == 0
        take(4096)
        return False

    def has_all() -> bool:
        take(65536)
        return taken >= total

    run_until(drained_to_the_low_mark)
    assert connection.drained == 1
    assert not connection.is_congested
    run_until(has_all)
    assert connection.drained == 1
    assert connection.unsent() == 0
    assert connection.bytes_written == total


def test_a_large_write_arrives_whole_and_in_order(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    _small_send_buffer(connection)
    sent = b"".join(struct.pack(">I", number) for number in range(300_000))
    for start in range(0, len(sent), 100_000):
        connection.queue(sent[start : start + 100_000])
        connection.flush()
    connection.close_when_sent()
    peer.setblocking(False)
    received = bytearray()

    def read() -> bool:
        try:
            data = peer.recv(1 << 16)
        except BlockingIOError:
            return False
        received.extend(data)
        return not data

    run_until(read)
    assert received == sent
    assert connection.closed


def test_queued_octets_are_sent_in_one_call_and_only_by_flush(loop: Loop, connect: "Connect") -> None:
    connection, peer = connect()
    connection.queue(b"head ")
    connection.queue(b"")
    connection.queue(b"body")
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(100)
    connection.flush()
    peer.setblocking(True)
    assert peer.recv(100) == b"head body"
    connection.flush()
    assert connection.bytes_written == 9


def test_writing_to_a_peer_that_is_gone_is_reported_as_broken(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    connection.pause_reading()
    peer.close()

    def is_told() -> bool:
        connection.queue(b"anybody there?")
        connection.flush()
        return connection.error is not None

    run_until(is_told)
    assert isinstance(connection.error, BrokenPipeError | ConnectionResetError)


# Before the connection stands.


class SlowStream(Stream):
    """Needs to be asked for its handshake until a test lets it succeed; notes what is then done to it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.stands = False
        self.sent: list[bytes] = []
        self.ends = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def handshake(self) -> int:
        return HANDSHAKE_DONE if self.stands else HANDSHAKE_WANTS_READ

    def recv(self, size: int) -> bytes | None:
        try:
            return self._socket.recv(size)
        except BlockingIOError:
            return None

    def send(self, data: bytes) -> int:
        assert self.stands
        self.sent.append(data)
        return len(data)

    def shutdown_write(self) -> None:
        assert self.stands
        self.ends += 1

    def close(self) -> None:
        self._socket.close()

    def local_address(self) -> str:
        return "-"

    def peer_address(self) -> str:
        return "-"


TcpPair = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("data", [b"", b"early"])
def test_what_is_flushed_before_the_connection_stands_is_sent_behind_the_handshake(
    loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", noting: type["NotingConnection"], data: bytes, ending: bool
) -> None:
    ours, theirs = tcp_pair()
    stream = SlowStream(ours)
    connection = noting(loop, stream)
    connection.open()
    connection.queue(data)
    connection.flush()
    connection.queue(data)
    connection.flush()
    if ending:
        connection.end_writing()
    assert stream.sent == []
    assert stream.ends == 0
    theirs.sendall(b"!")
    stream.stands = True
    run_until(lambda: connection.opens == 1)
    assert b"".join(stream.sent) == data * 2
    assert stream.ends == int(ending)
    connection.close()


def test_too_much_before_the_connection_stands_is_congestion(
    loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", noting: type["NotingConnection"]
) -> None:
    ours, theirs = tcp_pair()
    stream = SlowStream(ours)
    connection = noting(loop, stream)
    connection.open()
    connection.queue(b"x" * (HIGH_MARK + 1))
    connection.flush()
    assert connection.is_congested
    theirs.sendall(b"!")
    stream.stands = True
    run_until(lambda: connection.drained == 1)
    assert not connection.is_congested
    connection.close()


def test_connecting_to_nobody_is_broken_with_a_reason(
    loop: Loop, run_until: "RunUntil", noting: type["NotingConnection"]
) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        connection = noting(loop, SocketTransport().connect("127.0.0.1", port))
        connection.open()
        run_until(lambda: connection.error is not None)
    assert connection.error is not None
    assert connection.error.errno == errno.ECONNREFUSED
    assert "refused" in str(connection.error)
    assert connection.opens == 0


def test_connecting_to_somebody_stands_and_knows_both_addresses(
    loop: Loop, run_until: "RunUntil", noting: type["NotingConnection"]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connection = noting(loop, SocketTransport().connect("127.0.0.1", port))
        connection.open()
        run_until(lambda: connection.opens == 1)
        accepted, address = server.accept()
        assert connection.stream.local_address() == f"127.0.0.1:{address[1]}"
        assert connection.stream.peer_address() == f"127.0.0.1:{port}"
        connection.close()
        accepted.close()


# Ending.


def test_end_writing_waits_for_what_is_queued_and_reading_goes_on(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    _small_send_buffer(connection)
    sent = b"w" * (2 * 1024 * 1024)
    connection.queue(sent)
    connection.end_writing()
    peer.setblocking(False)
    received = bytearray()

    def read() -> bool:
        try:
            data = peer.recv(1 << 16)
        except BlockingIOError:
            return False
        received.extend(data)
        return not data

    run_until(read)
    assert received == sent
    assert not connection.closed
    peer.setblocking(True)
    peer.sendall(b"and still heard")
    run_until(lambda: connection.octets() == b"and still heard")


def test_close_when_sent_reads_on_so_that_no_reset_overtakes_the_answer(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    _small_send_buffer(connection)
    answer = b"a" * (2 * 1024 * 1024)
    connection.queue(answer)
    connection.pause_reading()
    connection.close_when_sent()
    assert connection.unsent()
    peer.sendall(b"?" * 50_000)
    run_until(lambda: connection.bytes_read == 50_000)
    assert not connection.closed
    peer.setblocking(False)
    received = bytearray()

    def read() -> bool:
        with contextlib.suppress(BlockingIOError):
            received.extend(peer.recv(1 << 16))
        return len(received) >= len(answer) and connection.closed

    run_until(read)
    assert received == answer
    assert connection.octets() == b""


def test_reset_is_seen_as_a_failure_by_the_peer(connect: "Connect") -> None:
    connection, peer = connect()
    connection.queue(b"half of it")
    connection.flush()
    connection.reset()
    with pytest.raises(ConnectionResetError):
        _read_all(peer)


def test_close_is_seen_as_an_end_by_the_peer(connect: "Connect") -> None:
    connection, peer = connect()
    connection.queue(b"all of it")
    connection.close_when_sent()
    assert _read_all(peer) == b"all of it"


def test_every_method_of_a_closed_connection_is_harmless(loop: Loop, connect: "Connect", poller: Poller) -> None:
    connection, peer = connect()
    connection.close()
    connection.close()
    connection.queue(b"x")
    connection.flush()
    connection.pause_reading()
    connection.resume_reading()
    connection.end_writing()
    connection.close_when_sent()
    connection.reset()
    assert peer.recv(10) == b""
    assert loop.descriptors() == 0
    assert poller.poll() == []


def test_a_closed_connection_is_freed_without_the_garbage_collector(loop: Loop, connect: "Connect") -> None:
    connection, _ = connect()
    connection.loop.wheel.arm(connection.timer, loop.now + 30)
    connection.close()
    assert len(loop.wheel) == 0
    # What remains: this name, the fixture's list, the argument of the count; nothing of the loop, the wheel or the timer.
    gc.disable()
    try:
        assert sys.getrefcount(connection) == 3
    finally:
        gc.enable()


# Deadlines.


def test_the_deadline_is_told_to_the_connection(loop: Loop, connect: "Connect", run_until: "RunUntil") -> None:
    connection, _ = connect()
    loop.wheel.arm(connection.timer, loop.clock.now() + 0.02)
    run_until(lambda: connection.timeouts == 1)


def test_a_fault_at_a_deadline_ends_the_connection(
    loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", faults: "NotedFaults", noting: type["NotingConnection"]
) -> None:
    class Faulty(noting):  # type: ignore[valid-type, misc]
        def timed_out(self) -> None:
            raise LookupError("on purpose")

    ours, theirs = tcp_pair()
    connection = Faulty(loop, SlowStream(ours))
    connection.open()
    loop.wheel.arm(connection.timer, loop.clock.now() + 0.01)
    run_until(lambda: connection.closed)
    assert theirs.recv(1) == b""
    assert [str(error) for _, error in faults.faults] == ["on purpose"]
    faults.faults.clear()


class PendingStream(SlowStream):
    """Holds octets that the poller cannot know of, as TLS does."""

    def __init__(self, sock: socket.socket, hidden: list[bytes]) -> None:
        super().__init__(sock)
        self.stands = True
        self.hidden = hidden

    def recv(self, size: int) -> bytes | None:
        return self.hidden.pop(0) if self.hidden else super().recv(size)

    def pending(self) -> int:
        return len(self.hidden)


def test_octets_that_the_poller_cannot_know_of_are_read_as_well(
    loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", noting: type["NotingConnection"]
) -> None:
    ours, theirs = tcp_pair()
    connection = noting(loop, PendingStream(ours, [b"a", b"b", b"c"]))
    connection.open()
    connection.pause_reading()
    theirs.sendall(b"d")
    for _ in range(5):
        loop.run_ready()
    assert connection.pieces == []
    connection.resume_reading()
    run_until(lambda: connection.octets() == b"abcd")
    connection.close()


def test_a_fault_over_octets_read_behind_the_poller_ends_the_connection(
    loop: Loop, tcp_pair: TcpPair, run_until: "RunUntil", faults: "NotedFaults", noting: type["NotingConnection"]
) -> None:
    class Faulty(noting):  # type: ignore[valid-type, misc]
        def received(self, data: bytes) -> None:
            if data == b"b":
                raise LookupError("on purpose")

    ours, theirs = tcp_pair()
    connection = Faulty(loop, PendingStream(ours, [b"a", b"b"]))
    connection.open()
    theirs.sendall(b"!")
    run_until(lambda: connection.closed)
    assert [str(error) for _, error in faults.faults] == ["on purpose"]
    faults.faults.clear()


def test_a_connection_that_carries_much_keeps_nothing_of_it(connect: "Connect", run_until: "RunUntil") -> None:
    connection, peer = connect()
    for _ in range(50):
        peer.sendall(b"n" * 20_000)
        run_until(lambda: len(connection.octets()) == 20_000)
        connection.queue(b"m" * 20_000)
        connection.flush()
        left = 20_000
        while left:
            left -= len(peer.recv(left))
        connection.pieces.clear()
    assert connection.unsent() == 0
