"""A loop on a real poller, connections that note what they are told, and pairs of connected sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from hauberk_core.net.clock import Clock
from hauberk_core.net.connection import Connection
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import EpollPoller, Poller, SelectorPoller
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import Stream

# Far more than anything here takes on a busy machine; a test that waits this long has failed.
PATIENCE_SECONDS: Final = 60.0

RunUntil = Callable[[Callable[[], bool]], int]
"""Runs the loop until a condition holds; returns the number of polls that found something."""
Connect = Callable[[], tuple["NotingConnection", socket.socket]]
"""An open connection in the loop, and its peer: a blocking socket."""


class ManualClock(Clock):
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time


class NotedFaults(FaultLog):
    """Keeps the faults it is told of."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, Exception]] = []

    def fault(self, where: str, error: Exception) -> None:
        self.faults.append((where, error))


class NotingConnection(Connection):
    """Notes everything it is told. Reads and closes as any connection would."""

    def __init__(self, loop: Loop, stream: Stream) -> None:
        super().__init__(loop, stream)
        self.pieces: list[bytes] = []
        self.ended = False
        self.opens = 0
        self.drained = 0
        self.error: OSError | None = None
        self.timeouts = 0

    def opened(self) -> None:
        self.opens += 1

    def received(self, data: bytes) -> None:
        if data:
            self.pieces.append(data)
        else:
            self.ended = True

    def write_ready(self) -> None:
        self.drained += 1

    def broken(self, error: OSError) -> None:
        self.error = error
        self.close()

    def timed_out(self) -> None:
        self.timeouts += 1

    def octets(self) -> bytes:
        """All that was received."""
        return b"".join(self.pieces)


@pytest.fixture
def faults() -> NotedFaults:
    return NotedFaults()


@pytest.fixture(params=[EpollPoller, SelectorPoller], ids=["epoll", "selector"])
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made: Poller = request.param()
    yield made
    made.close()


@pytest.fixture
def loop(poller: Poller, faults: NotedFaults) -> Iterator[Loop]:
    yield Loop(Clock(), poller, faults)
    # Whatever a handler or a callback raises is a failure of the test that did not expect it.
    assert faults.faults == []


@pytest.fixture
def run_until(loop: Loop) -> RunUntil:
    def run(condition: Callable[[], bool]) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        busy = 0
        while not condition():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            if loop.run_ready():
                busy += 1
            else:
                time.sleep(0)
            loop.run_timers()
        return busy

    return run


@pytest.fixture
def tcp_pair() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Makes connected TCP sockets on loopback; the first does not block."""
    made: list[socket.socket] = []

    def make() -> tuple[socket.socket, socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname(), timeout=PATIENCE_SECONDS)
            ours = listener.accept()[0]
        ours.setblocking(False)
        made.extend((ours, theirs))
        return ours, theirs

    yield make
    for sock in made:
        sock.close()


@pytest.fixture
def connect(loop: Loop, tcp_pair: Callable[[], tuple[socket.socket, socket.socket]]) -> Iterator[Connect]:
    made: list[NotingConnection] = []

    def make() -> tuple[NotingConnection, socket.socket]:
        ours, theirs = tcp_pair()
        connection = NotingConnection(loop, SocketStream(ours, False, "peer:1"))
        connection.open()
        made.append(connection)
        return connection, theirs

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def noting() -> type[NotingConnection]:
    return NotingConnection


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()
