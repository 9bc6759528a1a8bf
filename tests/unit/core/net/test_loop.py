"""The rules of the loop, on real descriptors and without trio."""

import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from hauberk_core.net.loop import Handler, Loop
from hauberk_core.net.poller import READ, WRITE, EpollPoller, Poller
from hauberk_core.net.sockets import SocketListening, SocketStream
from hauberk_core.net.transport import Stream
from hauberk_core.net.wheel import Timer, TimerOwner

if TYPE_CHECKING:
    from tests.unit.core.net.conftest import ManualClock, NotedFaults, RunUntil

TcpPair = Callable[[], tuple[socket.socket, socket.socket]]


class Noting(Handler):
    """Notes its events, and does what the test wants at the first."""

    def __init__(self, then: Callable[[], None] | None = None) -> None:
        self.events: list[int] = []
        self.given_up: list[Exception] = []
        self._then = then

    def ready(self, events: int) -> None:
        self.events.append(events)
        then, self._then = self._then, None
        if then is not None:
            then()

    def give_up(self, error: Exception) -> None:
        self.given_up.append(error)


def _raise() -> None:
    raise LookupError("on purpose")


def _stream(sock: socket.socket) -> Stream:
    return SocketStream(sock, False, "-")


# A descriptor's number.


def test_a_number_is_not_reused_within_the_batch_and_stale_events_reach_nobody(loop: Loop, tcp_pair: TcpPair) -> None:
    """Whichever is served first closes the other and opens something new; the event of the closed one is already in the batch."""
    pairs = [tcp_pair(), tcp_pair()]
    numbers = [ours.fileno() for ours, _ in pairs]
    streams = [_stream(ours) for ours, _ in pairs]
    newcomer = Noting()
    opened: list[int] = []

    def close_other_and_open(index: int) -> None:
        loop.release(numbers[1 - index], streams[1 - index])
        # The lowest free number is what the kernel gives out: it must not be the one just closed.
        sock = socket.socket()
        opened.append(sock.fileno())
        loop.register(sock.fileno(), newcomer, 0)
        newcomers.append(sock)

    newcomers: list[socket.socket] = []
    handlers = [Noting(lambda: close_other_and_open(0)), Noting(lambda: close_other_and_open(1))]
    for number, handler, (_, theirs) in zip(numbers, handlers, pairs, strict=True):
        loop.register(number, handler, READ)
        theirs.sendall(b"!")
    assert loop.run_ready() == 2
    assert sorted(len(handler.events) for handler in handlers) == [0, 1]
    assert opened[0] not in numbers
    assert newcomer.events == []
    # After the batch it is free.
    assert not _is_open(numbers[1] if handlers[0].events else numbers[0])
    loop.forget(opened[0])
    newcomers[0].close()


def test_a_number_reused_in_the_next_batch_belongs_to_its_new_owner(loop: Loop, tcp_pair: TcpPair) -> None:
    ours, theirs = tcp_pair()
    number = ours.fileno()
    old = Noting()
    loop.register(number, old, READ)
    theirs.sendall(b"!")
    loop.release(number, _stream(ours))
    again = _socket_with_number(number)
    new = Noting()
    loop.register(number, new, READ | WRITE)
    loop.run_ready()
    assert old.events == []
    assert len(new.events) == 1
    loop.release(number, _stream(again))


def test_a_descriptor_that_closes_itself_is_closed_at_the_end_of_its_batch(loop: Loop, tcp_pair: TcpPair) -> None:
    ours, theirs = tcp_pair()
    number = ours.fileno()
    seen: list[bool] = []

    def close() -> None:
        loop.release(number, _stream(ours))
        seen.append(_is_open(number))
        loop.call_soon(lambda: seen.append(_is_open(number)))

    loop.register(number, Noting(close), READ)
    theirs.sendall(b"!")
    loop.run_ready()
    assert seen == [True, True]
    assert not _is_open(number)
    assert loop.descriptors() == 0


def _socket_with_number(number: int) -> socket.socket:
    with socket.socket() as sock:
        return socket.socket(fileno=os.dup2(sock.fileno(), number))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_a_forgotten_descriptor_stays_open_and_may_come_back(loop: Loop, tcp_pair: TcpPair) -> None:
    ours, theirs = tcp_pair()
    handler = Noting()
    loop.register(ours.fileno(), handler, READ)
    loop.forget(ours.fileno())
    loop.forget(ours.fileno())
    theirs.sendall(b"!")
    assert loop.run_ready() == 0
    loop.register(ours.fileno(), handler, READ)
    assert loop.run_ready() == 1
    loop.forget(ours.fileno())


# Faults.


class Faulty(Noting):
    def __init__(self, and_giving_up: bool) -> None:
        super().__init__(_raise)
        self._and_giving_up = and_giving_up

    def give_up(self, error: Exception) -> None:
        super().give_up(error)
        if self._and_giving_up:
            raise ArithmeticError("on purpose, again")


@pytest.mark.parametrize("and_giving_up", [False, True])
def test_a_handler_that_raises_is_told_to_give_up_and_all_others_go_on(
    loop: Loop, tcp_pair: TcpPair, faults: "NotedFaults", and_giving_up: bool
) -> None:
    handlers = [Noting(), Faulty(and_giving_up), Noting(), Faulty(and_giving_up), Noting()]
    sockets = []
    for handler in handlers:
        ours, theirs = tcp_pair()
        loop.register(ours.fileno(), handler, READ)
        theirs.sendall(b"!")
        sockets.append(ours)
    assert loop.run_ready() == 5
    assert [len(handler.events) for handler in handlers] == [1] * 5
    assert [len(handler.given_up) for handler in handlers] == [0, 1, 0, 1, 0]
    told = [type(error) for _, error in faults.faults]
    assert told == ([LookupError, ArithmeticError] if and_giving_up else [LookupError]) * 2
    assert all(where for where, _ in faults.faults)
    faults.faults.clear()
    assert loop.run_ready() == 5
    for sock in sockets:
        loop.forget(sock.fileno())


def test_a_callback_that_raises_costs_the_others_nothing(loop: Loop, faults: "NotedFaults") -> None:
    ran: list[int] = []
    loop.call_soon(lambda: ran.append(1))
    loop.call_soon(_raise)
    loop.call_soon(lambda: ran.append(2))
    assert ran == [1, 2]
    assert [type(error) for _, error in faults.faults] == [LookupError]
    faults.faults.clear()


class RaisingOwner(TimerOwner):
    def timed_out(self, timer: Timer) -> None:
        _raise()


class NotingOwner(TimerOwner):
    def __init__(self) -> None:
        self.reports = 0

    def timed_out(self, timer: Timer) -> None:
        self.reports += 1


def test_a_timer_that_raises_costs_the_others_nothing(poller: Poller, faults: "NotedFaults", manual_clock: "ManualClock") -> None:
    loop = Loop(manual_clock, poller, faults)
    owners = [NotingOwner() for _ in range(10)]
    for owner in owners:
        loop.wheel.arm(Timer(owner), loop.now + 1)
        loop.wheel.arm(Timer(RaisingOwner()), loop.now + 1)
    manual_clock.time += 2
    loop.run_timers()
    assert [owner.reports for owner in owners] == [1] * 10
    assert len(faults.faults) == 10
    # The loop is at rest again.
    ran: list[int] = []
    loop.call_soon(lambda: ran.append(1))
    assert ran == [1]


def test_what_is_ready_comes_before_what_is_late(
    poller: Poller, faults: "NotedFaults", manual_clock: "ManualClock", tcp_pair: TcpPair
) -> None:
    """However much is ready: one poll reports some hundred descriptors."""
    loop = Loop(manual_clock, poller, faults)
    order: list[str] = []

    class Late(TimerOwner):
        def timed_out(self, timer: Timer) -> None:
            order.append("timer")

    sockets = []
    for _ in range(300):
        ours, theirs = tcp_pair()
        theirs.sendall(b"!")
        loop.register(ours.fileno(), Noting(lambda: order.append("ready")), READ)
        sockets.append(ours)
    loop.wheel.arm(Timer(Late()), loop.now + 1)
    manual_clock.time += 2
    loop.run_timers()
    assert order == ["ready"] * 300 + ["timer"]
    for sock in sockets:
        loop.forget(sock.fileno())


# call_soon.


def test_a_callback_runs_at_once_while_the_loop_is_at_rest(loop: Loop) -> None:
    ran: list[str] = []

    def outer() -> None:
        loop.call_soon(lambda: ran.append("inner"))
        ran.append("outer")

    loop.call_soon(outer)
    # Never inside another's call: the inner one waited.
    assert ran == ["outer", "inner"]


def test_inside_a_batch_a_callback_waits_for_its_end_and_precedes_the_closing(loop: Loop, tcp_pair: TcpPair) -> None:
    order: list[str] = []
    sockets = []
    for name in ("first", "second", "third"):
        ours, theirs = tcp_pair()

        def serve(name: str = name) -> None:
            loop.call_soon(lambda: order.append(f"soon of {name}"))
            order.append(name)

        loop.register(ours.fileno(), Noting(serve), READ)
        theirs.sendall(b"!")
        sockets.append(ours)
    loop.run_ready()
    assert sorted(order[:3]) == ["first", "second", "third"]
    assert order[3:] == [f"soon of {name}" for name in order[:3]]
    for sock in sockets:
        loop.forget(sock.fileno())


def test_a_timer_may_ask_for_a_callback(poller: Poller, faults: "NotedFaults", manual_clock: "ManualClock") -> None:
    loop = Loop(manual_clock, poller, faults)
    order: list[str] = []

    class Asking(TimerOwner):
        def timed_out(self, timer: Timer) -> None:
            loop.call_soon(lambda: order.append("soon"))
            order.append("timer")

    loop.wheel.arm(Timer(Asking()), loop.now + 1)
    loop.wheel.arm(Timer(Asking()), loop.now + 1)
    manual_clock.time += 2
    loop.run_timers()
    assert order == ["timer", "timer", "soon", "soon"]


def test_the_time_of_the_batch_is_brought_up_to_date(poller: Poller, faults: "NotedFaults", manual_clock: "ManualClock") -> None:
    loop = Loop(manual_clock, poller, faults)
    seen: list[float] = []
    manual_clock.time += 1
    loop.call_soon(lambda: seen.append(loop.now))
    manual_clock.time += 1
    loop.run_ready()
    seen.append(loop.now)
    manual_clock.time += 1
    loop.run_timers()
    seen.append(loop.now)
    assert seen == [1001.0, 1002.0, 1003.0]


# Accepting.


def test_an_accepted_connection_that_its_client_has_reset_breaks_nothing(run_until: "RunUntil") -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = SocketListening(server)
        assert listening.accept() is None
        for _ in range(3):
            client = socket.create_connection(server.getsockname())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        accepted: list[Stream] = []

        def accept_all() -> bool:
            stream = listening.accept()
            if stream is not None:
                accepted.append(stream)
            return len(accepted) == 3

        run_until(accept_all)
        for stream in accepted:
            assert stream.peer_address().startswith("127.0.0.1:")
            stream.close()


def test_a_descriptor_that_was_closed_by_somebody_else_is_released_all_the_same() -> None:
    poller = EpollPoller()
    near, far = socket.socketpair()
    try:
        poller.register(near.fileno(), READ)
        number = near.fileno()
        near.close()
        poller.unregister(number)
        assert poller.poll() == []
    finally:
        far.close()
        poller.close()
