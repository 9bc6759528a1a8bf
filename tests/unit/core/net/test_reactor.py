"""The loop inside trio."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import Handler, Loop
from hauberk_core.net.poller import READ, Poller
from hauberk_core.net.reactor import ROUNDS_PER_WAKE, run_reactor
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.wheel import TICK_SECONDS, Timer, TimerOwner

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import Connect, NotedFaults

TcpPair = Callable[[], tuple[socket.socket, socket.socket]]
PATIENCE_SECONDS = 60.0


class Counting(Handler):
    """Reads what comes, counts its turns, and tells a trio task."""

    def __init__(self, sock: socket.socket) -> None:
        self.turns = 0
        self.turned = trio.Event()
        self._socket = sock

    def ready(self, events: int) -> None:
        self._socket.recv(1)
        self.turns += 1
        self.turned.set()

    def give_up(self, error: Exception) -> None:
        raise error


class Ringing(TimerOwner):
    """Says when it was told, and wakes a trio task."""

    def __init__(self, loop: Loop) -> None:
        self.at = 0.0
        self.rang = trio.Event()
        self._loop = loop

    def timed_out(self, timer: Timer) -> None:
        self.at = self._loop.clock.now()
        self.rang.set()


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """End a test that hangs."""

    def too_late(number: int, frame: object) -> None:
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


async def test_what_becomes_ready_is_served(loop: Loop, connect: "Connect") -> None:
    connection, peer = connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        for number in range(50):
            peer.sendall(b"%d." % number)
            while not connection.octets().endswith(b"%d." % number):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert connection.octets() == b"".join(b"%d." % number for number in range(50))


async def test_a_callback_of_a_task_runs_at_once(loop: Loop) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        await trio.testing.wait_all_tasks_blocked()
        ran: list[int] = []
        loop.call_soon(lambda: ran.append(1))
        assert ran == [1]
        nursery.cancel_scope.cancel()


async def test_other_tasks_get_their_turn_while_a_descriptor_is_ready_for_ever(loop: Loop, tcp_pair: TcpPair) -> None:
    ours, theirs = tcp_pair()

    class Busy(Counting):
        def ready(self, events: int) -> None:
            self.turns += 1

    busy = Busy(ours)
    loop.register(ours.fileno(), busy, READ)
    theirs.sendall(b"!")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        for _ in range(20):
            before = busy.turns
            await trio.lowlevel.checkpoint()
            assert busy.turns - before <= 2 * ROUNDS_PER_WAKE
        assert busy.turns > 0
        nursery.cancel_scope.cancel()
    loop.forget(ours.fileno())


async def test_a_deadline_armed_before_the_ticker_sleeps_is_in_time(loop: Loop) -> None:
    ringing = Ringing(loop)
    due = loop.clock.now() + 0.05
    loop.wheel.arm(Timer(ringing), due)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        await ringing.rang.wait()
        nursery.cancel_scope.cancel()
    assert ringing.at >= due


async def test_a_deadline_armed_earlier_than_the_tickers_sleep_is_in_time(loop: Loop) -> None:
    far, near, nearer, nearest = Ringing(loop), Ringing(loop), Ringing(loop), Ringing(loop)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        await trio.testing.wait_all_tasks_blocked()
        now = loop.clock.now()
        loop.wheel.arm(Timer(far), now + 3600)
        await trio.testing.wait_all_tasks_blocked()
        loop.wheel.arm(Timer(near), now + 1800)
        loop.wheel.arm(Timer(nearer), now + 0.06)
        loop.wheel.arm(Timer(nearest), now + 0.03)
        await nearest.rang.wait()
        # Were the ticker to sleep on, this would take half an hour.
        await nearer.rang.wait()
        assert not near.rang.is_set()
        assert not far.rang.is_set()
        nursery.cancel_scope.cancel()
    assert now + 0.03 <= nearest.at <= nearer.at
    assert now + 0.06 <= nearer.at


async def test_a_deadline_armed_by_a_deadline_is_in_time(loop: Loop) -> None:
    second = Ringing(loop)

    class Arming(TimerOwner):
        def timed_out(self, timer: Timer) -> None:
            loop.wheel.arm(Timer(second), loop.now + 0.02)

    loop.wheel.arm(Timer(Arming()), loop.clock.now() + 0.02)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        await second.rang.wait()
        nursery.cancel_scope.cancel()


async def test_the_ticker_wakes_for_deadlines_and_for_nothing_else(poller: Poller, faults: "NotedFaults") -> None:
    class CountingClock(Clock):
        def __init__(self) -> None:
            self.looks = 0

        def now(self) -> float:
            self.looks += 1
            return super().now()

    clock = CountingClock()
    loop = Loop(clock, poller, faults)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        for _ in range(5):
            ringing = Ringing(loop)
            loop.wheel.arm(Timer(ringing), clock.now() + 2.5 * TICK_SECONDS)
            await ringing.rang.wait()
        await trio.testing.wait_all_tasks_blocked()
        # A handful of looks for each: an alarm that came early and went off again and again would need far more.
        assert clock.looks <= 5 * 12
        before = clock.looks
        await trio.sleep(5 * TICK_SECONDS)
        assert clock.looks == before
        nursery.cancel_scope.cancel()


async def test_cancelling_leaves_every_descriptor_open_and_closable(loop: Loop, connect: "Connect") -> None:
    connection, peer = connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor, loop)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not connection.closed
    assert loop.descriptors() == 1
    peer.sendall(b"still there")
    while not connection.pieces:
        loop.run_ready()
    connection.close()
    assert loop.descriptors() == 0
    assert connection.stream.fileno() == -1


async def test_a_loop_may_be_driven_again_after_it_was_cancelled(loop: Loop, connect: "Connect") -> None:
    connection, peer = connect()
    for word in (b"once ", b"twice "):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_reactor, loop)
            peer.sendall(word)
            while not connection.octets().endswith(word):
                await trio.lowlevel.checkpoint()
            ringing = Ringing(loop)
            loop.wheel.arm(Timer(ringing), loop.clock.now() + 0.01)
            await ringing.rang.wait()
            nursery.cancel_scope.cancel()


# Interrupts. trio turns SIGINT into KeyboardInterrupt only where it runs the program itself.


class Interrupting(Handler):
    """The person presses Ctrl-C in the middle of a batch."""

    def __init__(self, sock: socket.socket, served: list[str], name: str) -> None:
        self._socket = sock
        self._served = served
        self._name = name

    def ready(self, events: int) -> None:
        self._socket.recv(1)
        os.kill(os.getpid(), signal.SIGINT)
        # The signal has arrived, and Python looks for signals between these.
        for _ in range(1000):
            time.time()
        self._served.append(self._name)

    def give_up(self, error: Exception) -> None:
        self._served.append("given up")


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT interrupts, also where whoever started the tests in the background had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_is_held_off_inside_a_batch_and_arrives_behind_it(loop: Loop, tcp_pair: TcpPair) -> None:
    served: list[str] = []
    handlers = []
    for name in ("first", "second", "third"):
        ours, theirs = tcp_pair()
        theirs.sendall(b"!")
        loop.register(ours.fileno(), Interrupting(ours, served, name), READ)
        handlers.append(ours)

    async def main() -> None:
        await run_reactor(loop)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group or the interrupt alone, as trio likes
        trio.run(main)
    assert _only_interrupts(caught.value)
    assert sorted(served) == ["first", "second", "third"]
    # The loop is at rest: what a broken batch would leave closed is closed at once.
    for ours in handlers:
        number = ours.fileno()
        loop.release(number, SocketStream(ours, False, "-"))
        assert ours.fileno() == -1


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_is_held_off_inside_a_deadline(loop: Loop) -> None:
    reached: list[str] = []

    class InterruptingOwner(TimerOwner):
        def timed_out(self, timer: Timer) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                time.time()
            reached.append("end")

    # One moment for all: another tick of the wheel would be behind the interrupt.
    due = loop.clock.now() + 0.01
    for _ in range(3):
        loop.wheel.arm(Timer(InterruptingOwner()), due)

    async def main() -> None:
        await run_reactor(loop)

    with pytest.raises(BaseException) as caught:  # noqa: PT011
        trio.run(main)
    assert _only_interrupts(caught.value)
    assert reached == ["end"] * 3


def _only_interrupts(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_only_interrupts(one) for one in error.exceptions)
    return isinstance(error, KeyboardInterrupt)
