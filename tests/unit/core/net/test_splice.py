"""The kernel carries octets between two connections."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hauberk_core.net.conduit import CONDUIT_BYTES
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import Stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="splice(2) is Linux's")


class Ends:
    """Two connections of a proxy's, and the peers at their other ends."""

    def __init__(self) -> None:
        (source, self.sender), (sink, self.receiver) = socket.socketpair(), socket.socketpair()
        for ours in (source, sink):
            ours.setblocking(False)
        self.source = SocketStream(source, False, "")
        self.sink = SocketStream(sink, False, "")

    def close(self) -> None:
        for stream in (self.source, self.sink):
            stream.close()
        for peer in (self.sender, self.receiver):
            peer.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_octets_pass_in_order_and_the_end_is_seen(ends: Ends) -> None:
    before = descriptors()
    conduit = ends.source.conduit_to(ends.sink)
    assert conduit is not None
    assert conduit.fill() is None
    ends.sender.sendall(b"some octets")
    assert conduit.fill() == conduit.held == 11
    conduit.drain()
    assert conduit.held == 0
    assert ends.receiver.recv(100) == b"some octets"
    ends.sender.shutdown(socket.SHUT_WR)
    assert conduit.fill() == 0
    conduit.close()
    conduit.close()
    assert descriptors() == before


def test_it_holds_no_more_than_it_may(ends: Ends) -> None:
    conduit = ends.source.conduit_to(ends.sink)
    assert conduit is not None
    ends.sender.setblocking(False)
    sent = 0
    octets = os.urandom(CONDUIT_BYTES)
    while True:
        try:
            sent += ends.sender.send(octets)
        except BlockingIOError:
            if not conduit.fill():
                break
    assert 0 < conduit.held <= CONDUIT_BYTES
    held = conduit.held
    conduit.drain()
    assert conduit.held < held
    conduit.close()


def test_a_broken_connection_is_told(ends: Ends) -> None:
    conduit = ends.source.conduit_to(ends.sink)
    assert conduit is not None
    ends.sender.sendall(b"some octets")
    assert conduit.fill() == 11
    ends.receiver.close()
    with pytest.raises(BrokenPipeError):
        conduit.drain()
    conduit.close()


def test_nothing_else_than_sockets_in_the_clear_has_one(ends: Ends) -> None:
    class Other(Stream):
        pass

    assert ends.source.conduit_to(Other()) is None
    assert Other().conduit_to(ends.sink) is None
