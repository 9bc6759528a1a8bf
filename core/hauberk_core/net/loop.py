"""The reactor's heart: ready descriptors are handed to connection objects by plain calls.

Rules, each of which a test holds:

- A descriptor that a handler closes is unregistered at once but released only at the end of the batch: its number may be given
  to a new connection, and an event of the old one may still wait in the same batch.
- No handler's exception leaves the loop: the handler is told to give up, everybody else goes on.
- Work that comes back from a task (`call_soon`) runs like a batch of its own, never inside another handler's call.
- No deadline passes before what is ready has been dispatched.
- The loop knows nothing of trio; `reactor.py` drives it, and the simulator drives it as well.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.clock import Clock
from hauberk_core.net.poller import MOST_EVENTS, Poller
from hauberk_core.net.watched import Watched
from hauberk_core.net.wheel import Wheel

# Of octets: more than any machine has.
UNLIMITED: Final = 1 << 60


@mypyc_attr(allow_interpreted_subclasses=True)
class Handler:
    """Whoever a descriptor's readiness is reported to."""

    def ready(self, events: int) -> None:
        """The descriptor is ready: READ, WRITE, ERROR, HANGUP of `poller`, combined."""
        raise NotImplementedError

    def give_up(self, error: Exception) -> None:
        """`ready` raised `error`, a fault of our own: close at once, with nothing that could fail again."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class FaultLog:
    """Where the loop reports faults of our own code."""

    def fault(self, where: str, error: Exception) -> None:
        """`where` says what was going on, for a person."""
        raise NotImplementedError


class Loop:
    """One poller, one wheel, one clock, and the handlers of all descriptors. Single-threaded; nothing in it waits."""

    __slots__ = (
        "_closing",
        "_faults",
        "_handlers",
        "_running",
        "_soon",
        "buffered",
        "bypasses",
        "clock",
        "most_buffered",
        "now",
        "poller",
        "wheel",
    )

    def __init__(self, clock: Clock, poller: Poller, faults: FaultLog) -> None:
        self.clock: Final = clock
        self.poller: Final = poller
        self.now: float = clock.now()
        """The time at which the current batch began: precise enough for deadlines, and free."""
        self.wheel: Final = Wheel(self.now)
        self.buffered: int = 0
        """Octets that all connections keep for peers that do not take them."""
        self.bypasses: int = 0
        """Directions between two connections that the kernel carries by itself."""
        self.most_buffered: int = UNLIMITED
        """Beyond so many, each connection reads little and its source is paused at once."""
        self._faults: Final = faults
        self._handlers: Final[dict[int, Handler]] = {}
        self._closing: list[Watched] = []
        self._soon: Final[deque[Callable[[], None]]] = deque()
        self._running = False

    def register(self, descriptor: int, handler: Handler, interest: int) -> None:
        """Report the readiness of `descriptor` to `handler` from now on."""
        self.poller.register(descriptor, interest)
        self._handlers[descriptor] = handler

    def release(self, descriptor: int, watched: Watched) -> None:
        """Report nothing more of `descriptor`, and close `watched` when the current batch is over."""
        if self._handlers.pop(descriptor, None) is not None:
            self.poller.unregister(descriptor)
        self._closing.append(watched)
        if not self._running:
            self._close_released()

    def forget(self, descriptor: int) -> None:
        """Report nothing more of `descriptor`, which stays open."""
        if self._handlers.pop(descriptor, None) is not None:
            self.poller.unregister(descriptor)

    def descriptors(self) -> int:
        """How many descriptors are registered."""
        return len(self._handlers)

    def is_running(self) -> bool:
        """Whether a batch is under way, which began at `now`; for other threads to ask."""
        return self._running

    def run_ready(self) -> int:
        """Poll once, without waiting, and dispatch. Returns the number of events."""
        events = self.poller.poll()
        self.now = self.clock.now()
        if not events:
            return 0
        self._running = True
        handlers = self._handlers
        for descriptor, mask in events:
            handler = handlers.get(descriptor)
            if handler is not None:
                try:
                    handler.ready(mask)
                except Exception as error:  # no callback may raise through the loop
                    self.give_up(handler, error)
        self._end_batch()
        return len(events)

    def run_timers(self) -> None:
        """Report the deadlines that have passed, after what is ready: a process that was given no turn for a while must not take
        what has come meanwhile for something that never came."""
        self._catch_up()
        self.now = self.clock.now()
        self._running = True
        while not self._advance_wheel():
            # A timer's owner raised; the wheel goes on behind it.
            pass
        self._end_batch()

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run `callback` as part of the loop: now if the loop is at rest, else at the end of the current batch.

        A callback that wants another turn arms a timer; one that asks for itself again would hold the loop for ever.
        """
        self._soon.append(callback)
        if not self._running:
            self.now = self.clock.now()
            self._running = True
            self._end_batch()

    def report(self, where: str, error: Exception) -> None:
        """A fault of our own, of which the loop itself knows nothing. Args: where - what was going on, for a person."""
        self._faults.fault(where, error)

    def give_up(self, handler: Handler, error: Exception) -> None:
        """A callback of `handler` (`ready`, its timer, what it gave to `call_soon`) raised `error`: report that, and end it."""
        self.report("a connection", error)
        try:
            handler.give_up(error)
        except Exception as second:
            self._faults.fault("closing a connection after a fault", second)

    def _catch_up(self) -> None:
        """Dispatch until each descriptor that is ready has had a turn: where a poll was full, others come with the next."""
        left = len(self._handlers)
        while self.run_ready() >= MOST_EVENTS and left > MOST_EVENTS:
            left -= MOST_EVENTS

    def _advance_wheel(self) -> bool:
        try:
            self.wheel.advance(self.now)
        except Exception as error:
            self._faults.fault("a timer", error)
            return False
        return True

    def _end_batch(self) -> None:
        soon = self._soon
        while soon:
            callback = soon.popleft()
            try:
                callback()
            except Exception as error:
                self._faults.fault("a callback", error)
        self._running = False
        if self._closing:
            self._close_released()

    def _close_released(self) -> None:
        closing = self._closing
        self._closing = []
        for watched in closing:
            watched.close()
