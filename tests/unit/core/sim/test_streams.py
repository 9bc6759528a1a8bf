"""Virtual streams and pollers are held to the kernel's: one suite for both."""

import abc
import select
import socket
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import pytest

from hauberk_core.net.poller import ERROR, HANGUP, READ, WRITE, EpollPoller, Poller, SelectorPoller
from hauberk_core.net.sockets import SocketListening, SocketTransport
from hauberk_core.net.transport import HANDSHAKE_DONE, Listening, Stream
from hauberk_core.sim.network import Fate, VirtualNetwork
from hauberk_core.sim.poller import VirtualPoller
from hauberk_core.sim.stream import VirtualTransport

# A kernel's loopback delivers before the sender's call returns, but a handshake may take a moment.
ATTEMPTS: Final = 1000
MIB: Final = b"x" * (1 << 20)

Result = TypeVar("Result")


class World(abc.ABC):
    """Streams of one kind."""

    def __init__(self, poller: Poller) -> None:
        self.poller: Final = poller

    @abc.abstractmethod
    def listen(self) -> Listening: ...

    @abc.abstractmethod
    def connect(self, port: int) -> Stream: ...

    def close(self) -> None:
        self.poller.close()


class Kernel(World):
    def __init__(self, poller: Poller) -> None:
        super().__init__(poller)
        self._listening: Final[list[SocketListening]] = []

    def listen(self) -> Listening:
        listening = SocketListening(socket.create_server(("127.0.0.1", 0)))
        self._listening.append(listening)
        return listening

    def connect(self, port: int) -> Stream:
        return SocketTransport().connect("127.0.0.1", port)

    def close(self) -> None:
        super().close()
        for listening in self._listening:
            listening.close()


class Virtual(World):
    def __init__(self) -> None:
        self.network: Final = VirtualNetwork()
        super().__init__(VirtualPoller(self.network))

    def listen(self) -> Listening:
        return self.network.listen("192.0.2.1:80")

    def connect(self, port: int) -> Stream:
        return VirtualTransport(self.network, "192.0.2.2").connect("192.0.2.1", port)


WORLDS: Final[dict[str, Callable[[], World]]] = {"selectors": lambda: Kernel(SelectorPoller()), "virtual": Virtual}
if hasattr(select, "epoll"):
    WORLDS["epoll"] = lambda: Kernel(EpollPoller())


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = WORLDS[request.param]()
    yield world
    world.close()


@pytest.fixture
def pair(world: World) -> Iterator[tuple[Stream, Stream]]:
    """A connection's two ends, established."""
    listening = world.listen()
    near = world.connect(listening.port())
    far = eventually(listening.accept)
    eventually(lambda: near.handshake() == HANDSHAKE_DONE or None)
    assert far.handshake() == HANDSHAKE_DONE
    yield near, far
    near.close()
    far.close()


def eventually(ask: Callable[[], Result | None]) -> Result:
    for _ in range(ATTEMPTS):
        answer = ask()
        if answer is not None:
            return answer
        select.select([], [], [], 0.001)
    raise AssertionError("it did not come about")


def readiness(world: World, stream: Stream | Listening) -> int:
    """What the poller says of the stream, both interests set."""
    world.poller.register(stream.fileno(), READ | WRITE)
    events = dict(world.poller.poll()).get(stream.fileno(), 0)
    world.poller.unregister(stream.fileno())
    return events


def fill(stream: Stream) -> int:
    """Send until no more is taken. Returns how much was."""
    total = 0
    while sent := stream.send(MIB):
        total += sent
    return total


def empty(stream: Stream, size: int) -> None:
    while size:
        size -= len(eventually(lambda: stream.recv(1 << 20)))


def test_octets_arrive_in_order_and_are_read_once(pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    assert far.recv(10) is None
    assert near.send(b"hello ") == 6
    assert near.send(b"world") == 5
    assert eventually(lambda: far.recv(4)) == b"hell"
    assert far.recv(100) == b"o world"
    assert far.recv(100) is None
    assert far.send(b"back") == 4
    assert eventually(lambda: near.recv(100)) == b"back"


def test_readiness_is_level_triggered(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    assert readiness(world, far) == WRITE
    near.send(b"ab")
    assert eventually(lambda: readiness(world, far) & READ or None)
    assert far.recv(1) == b"a"
    assert readiness(world, far) & READ
    assert far.recv(1) == b"b"
    assert not readiness(world, far) & READ


def test_full_window_takes_nothing_until_it_is_read(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    sent = fill(near)
    assert sent > 0
    assert near.send(b"more") == 0
    assert not readiness(world, near) & WRITE
    empty(far, sent)
    assert eventually(lambda: readiness(world, near) & WRITE or None)
    assert near.send(b"more") == 4


def test_half_close_is_seen_behind_the_octets_and_leaves_the_other_way_open(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.send(b"last")
    near.shutdown_write()
    assert eventually(lambda: far.recv(100)) == b"last"
    assert eventually(lambda: far.recv(100)) == b""
    assert readiness(world, far) & (READ | WRITE) == READ | WRITE
    far.send(b"answer")
    assert eventually(lambda: near.recv(100)) == b"answer"
    with pytest.raises(OSError, match="Broken pipe"):
        near.send(b"more")


def test_second_shutdown_does_nothing(pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.shutdown_write()
    near.shutdown_write()
    assert eventually(lambda: far.recv(1)) == b""


def test_orderly_close_is_an_end_and_later_octets_break_the_connection(pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.send(b"bye")
    near.close()
    assert eventually(lambda: far.recv(100)) == b"bye"
    assert eventually(lambda: far.recv(100)) == b""
    assert far.send(b"late") == 4

    def refused() -> bool | None:
        try:
            far.send(b"later")
        except OSError:
            return True
        return None

    assert eventually(refused)


def test_close_with_unread_octets_breaks_the_connection(pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    far.send(b"unread")
    eventually(lambda: near.recv(1))
    near.close()
    with pytest.raises(ConnectionResetError):
        eventually(lambda: far.recv(100))


def test_reset_lets_what_has_come_be_read_first(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.send(b"half an answ")
    near.reset_on_close()
    near.close()
    assert eventually(lambda: readiness(world, far) & READ or None)
    assert far.recv(100) == b"half an answ"
    with pytest.raises(ConnectionResetError):
        far.recv(100)


def test_reset_is_an_error_to_the_poller(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.reset_on_close()
    near.close()
    events = readiness(world, far)
    assert events & READ
    assert events & WRITE
    if not isinstance(world.poller, SelectorPoller):
        assert events & ERROR
        assert events & HANGUP


def test_failures_are_reported_unasked(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    world.poller.register(far.fileno(), 0)
    far.send(b"x")
    assert world.poller.poll() == []
    near.reset_on_close()
    near.close()
    if isinstance(world.poller, SelectorPoller):
        # Selectors have no word for it; the failure is seen with the next interest.
        assert world.poller.poll() == []
        world.poller.modify(far.fileno(), READ)
        assert world.poller.poll() == [(far.fileno(), READ)]
    else:
        [(descriptor, events)] = world.poller.poll()
        assert descriptor == far.fileno()
        assert events & (ERROR | HANGUP) == ERROR | HANGUP
    world.poller.unregister(far.fileno())


def test_both_ends_ended_is_a_hangup(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.shutdown_write()
    far.shutdown_write()
    eventually(lambda: near.recv(1) is not None or None)
    events = readiness(world, near)
    assert events & READ
    if not isinstance(world.poller, SelectorPoller):
        assert events & HANGUP


def test_interest_is_what_is_reported(world: World, pair: tuple[Stream, Stream]) -> None:
    near, far = pair
    near.send(b"x")
    eventually(lambda: readiness(world, far) & READ or None)
    poller = world.poller
    poller.register(far.fileno(), WRITE)
    assert poller.poll() == [(far.fileno(), WRITE)]
    poller.modify(far.fileno(), READ)
    assert poller.poll() == [(far.fileno(), READ)]
    poller.modify(far.fileno(), READ | WRITE)
    assert poller.poll() == [(far.fileno(), READ | WRITE)]
    poller.modify(far.fileno(), 0)
    assert poller.poll() == []
    poller.modify(far.fileno(), READ)
    assert poller.poll() == [(far.fileno(), READ)]
    poller.unregister(far.fileno())
    assert poller.poll() == []


def test_listening_is_readable_while_somebody_waits(world: World) -> None:
    listening = world.listen()
    assert listening.accept() is None
    assert readiness(world, listening) & READ == 0
    first = world.connect(listening.port())
    second = world.connect(listening.port())
    eventually(lambda: readiness(world, listening) & READ or None)
    accepted = [eventually(listening.accept), eventually(listening.accept)]
    assert listening.accept() is None
    assert {stream.peer_address() for stream in accepted} == {first.local_address(), second.local_address()}
    assert first.peer_address() == accepted[0].local_address()
    for stream in [first, second, *accepted]:
        stream.close()


def test_closing_a_listening_breaks_those_who_wait(world: World) -> None:
    listening = world.listen()
    waiting = world.connect(listening.port())
    eventually(lambda: waiting.handshake() == HANDSHAKE_DONE or None)
    listening.close()
    with pytest.raises(ConnectionResetError):
        eventually(lambda: waiting.recv(1))
    waiting.close()


def test_connect_to_nobody_is_refused(world: World) -> None:
    listening = world.listen()
    port = listening.port()
    listening.close()

    def refused() -> bool | None:
        try:
            stream = world.connect(port)
        except ConnectionRefusedError:
            return True
        try:
            stream.handshake()
        except ConnectionRefusedError:
            return True
        finally:
            stream.close()
        return None

    assert eventually(refused)


def test_second_close_does_nothing_and_the_descriptor_is_gone(pair: tuple[Stream, Stream]) -> None:
    near, _ = pair
    near.close()
    near.close()
    assert near.fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        near.recv(1)
    near.shutdown_write()


def test_numbers_of_closed_descriptors_are_used_again(world: World, pair: tuple[Stream, Stream]) -> None:
    near, _ = pair
    number = near.fileno()
    near.close()
    listening = world.listen() if isinstance(world, Kernel) else world.connect(80)
    assert listening.fileno() == number
    listening.close()


# What only the virtual network does.


def test_black_hole_never_answers() -> None:
    network = VirtualNetwork()
    network.doom("192.0.2.1:80", Fate.BLACK_HOLE)
    stream = VirtualTransport(network, "192.0.2.2").connect("192.0.2.1", 80)
    assert stream.handshake() != HANDSHAKE_DONE
    assert stream.readiness() == 0


def test_unreachable_address_fails_at_once() -> None:
    network = VirtualNetwork()
    network.doom("192.0.2.1:80", Fate.UNREACHABLE)
    with pytest.raises(OSError, match="unreachable"):
        VirtualTransport(network, "192.0.2.2").connect("192.0.2.1", 80)


def test_same_seed_cuts_transfers_in_the_same_way() -> None:
    def pieces(seed: int) -> list[int]:
        network = VirtualNetwork(seed)
        listening = network.listen("192.0.2.1:80")
        near = VirtualTransport(network, "192.0.2.2").connect("192.0.2.1", 80)
        far = listening.accept()
        assert far is not None
        sizes: list[int] = []
        for _ in range(20):
            sent = near.send(b"x" * 1000)
            sizes.append(sent)
            empty(far, sent)
        return sizes

    assert pieces(1) == pieces(1)
    assert pieces(1) != pieces(2)
    assert min(pieces(1)) >= 1
    assert len(set(pieces(1))) > 5


def test_closing_a_registered_descriptor_is_noticed() -> None:
    network = VirtualNetwork()
    poller = VirtualPoller(network)
    listening = network.listen("192.0.2.1:80")
    poller.register(listening.fileno(), READ)
    listening.close()
    with pytest.raises(OSError, match="not open"):
        poller.poll()
