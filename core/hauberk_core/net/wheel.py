"""The timer wheel: thousands of deadlines, nearly all of which never pass.

A deadline is armed, moved and dropped for every request but seldom reached, so these three must cost next to nothing. Timers hang
in doubly linked rings, one for each tick of a turn. Moving a deadline *later* only writes a number: the timer is found early, and
hung again where it belongs. Precision is one tick.

A moment is the one deadline that is finer. All moments are equally long, so that they end in the order in which they began, and a
queue keeps them.
"""

from collections import deque
from typing import Final

from mypy_extensions import mypyc_attr

# No deadline of a proxy needs to be finer than this, and a coarser tick would show in timeouts of tens of milliseconds. A power
# of two, so that seconds become ticks and ticks seconds without rounding: who wakes at the time of a tick finds it due.
TICK_SECONDS: Final = 1 / 128
# One turn lasts 32 s; later deadlines wait at its far end and are hung again. A power of two keeps the index a mask.
SLOTS: Final = 4096
_MASK: Final = SLOTS - 1
_FAR: Final = SLOTS - 2
NEVER: Final = 1e18
# As long as a process on this machine needs at most to go on with what it has begun, and as the kernel lets a poller sleep.
MOMENT_SECONDS: Final = 1 / 1024


@mypyc_attr(allow_interpreted_subclasses=True)
class TimerOwner:
    """Whoever a timer reports to."""

    def timed_out(self, timer: "Timer") -> None:
        """The deadline has passed; the timer is disarmed and may be armed again."""
        raise NotImplementedError


class Timer:
    """One deadline of one owner, armed and moved any number of times."""

    __slots__ = ("deadline", "next", "owner", "previous", "tick")

    def __init__(self, owner: TimerOwner | None) -> None:
        self.owner = owner
        self.deadline: float = NEVER
        """In the clock's seconds; NEVER while disarmed."""
        self.tick: int = -1
        """The tick of the ring it hangs in, or -1."""
        self.next: Timer | None = None
        self.previous: Timer | None = None


class Wheel:
    """All timers of one loop."""

    __slots__ = ("_alarm", "_alarm_owner", "_armed", "_moments", "_rings", "_tick")

    def __init__(self, now: float) -> None:
        self._tick: int = int(now / TICK_SECONDS)
        self._armed: int = 0
        self._rings: Final[list[Timer | None]] = [None] * SLOTS
        self._moments: Final[deque[Timer]] = deque()
        self._alarm: float = NEVER
        self._alarm_owner: AlarmOwner | None = None

    def __len__(self) -> int:
        """How many timers hang in the wheel (disarmed ones not yet met included)."""
        return self._armed

    def arm(self, timer: Timer, deadline: float) -> None:
        """Make `timer` report at `deadline`, instead of any earlier wish."""
        timer.deadline = deadline
        tick = int(deadline / TICK_SECONDS) + 1
        if timer.tick >= 0:
            if tick >= timer.tick:
                return
            self._unhang(timer)
        self._hang(timer, tick)
        if self._alarm_owner is not None:
            due = tick * TICK_SECONDS
            if due < self._alarm:
                self._alarm = due
                self._alarm_owner.due_earlier(due)

    def arm_moment(self, timer: Timer, now: float) -> None:
        """Make `timer` report a moment after `now`, which is not earlier than in any call before.

        It is one that `arm` is never called with; after a moment was dropped or is over, it may be armed again.
        """
        due = now + MOMENT_SECONDS
        timer.deadline = due
        self._moments.append(timer)
        if self._alarm_owner is not None and due < self._alarm:
            self._alarm = due
            self._alarm_owner.due_earlier(due)

    def disarm(self, timer: Timer) -> None:
        """Make `timer` report nothing. It stays in its ring until met, so that arming it again costs nothing."""
        timer.deadline = NEVER

    def drop(self, timer: Timer) -> None:
        """Disarm `timer` and forget it, so that the wheel holds no reference to its owner."""
        timer.deadline = NEVER
        if timer.tick >= 0:
            self._unhang(timer)
        timer.owner = None

    def next_due(self, owner: "AlarmOwner | None") -> float:
        """The time at which `advance` has something to look at, or NEVER; `owner` hears of anything earlier from now on."""
        self._alarm_owner = owner
        due = NEVER
        if self._armed:
            for offset in range(1, SLOTS):
                if self._rings[(self._tick + offset) & _MASK] is not None:
                    due = (self._tick + offset) * TICK_SECONDS
                    break
        moments = self._moments
        while moments and moments[0].deadline >= NEVER:
            moments.popleft()
        if moments and moments[0].deadline < due:
            due = moments[0].deadline
        self._alarm = due
        return due

    def advance(self, now: float) -> int:
        """Report every deadline that has passed. Returns how many.

        Raises: what an owner raised; calling again goes on with the timers behind it.
        """
        reported = 0
        moments = self._moments
        while moments and (moments[0].deadline <= now or moments[0].deadline >= NEVER):
            moment = moments.popleft()
            if moment.deadline <= now:
                moment.deadline = NEVER
                reported += 1
                if moment.owner is not None:
                    moment.owner.timed_out(moment)
        target = int(now / TICK_SECONDS)
        if target - self._tick >= SLOTS:
            # The machine slept for longer than a turn: every ring is due to be looked at once.
            self._tick = target - SLOTS
        while self._tick < target:
            self._tick += 1
            ring = self._rings[self._tick & _MASK]
            while ring is not None:
                timer = ring
                self._unhang(timer)
                if timer.deadline <= now:
                    timer.deadline = NEVER
                    reported += 1
                    if timer.owner is not None:
                        try:
                            timer.owner.timed_out(timer)
                        except Exception:
                            self._tick -= 1
                            raise
                elif timer.deadline < NEVER:
                    self._hang(timer, int(timer.deadline / TICK_SECONDS) + 1)
                ring = self._rings[self._tick & _MASK]
        return reported

    def _hang(self, timer: Timer, tick: int) -> None:
        if tick <= self._tick:
            tick = self._tick + 1
        elif tick > self._tick + _FAR:
            tick = self._tick + _FAR
        timer.tick = tick
        index = tick & _MASK
        head = self._rings[index]
        timer.previous = None
        timer.next = head
        if head is not None:
            head.previous = timer
        self._rings[index] = timer
        self._armed += 1

    def _unhang(self, timer: Timer) -> None:
        if timer.previous is not None:
            timer.previous.next = timer.next
        else:
            self._rings[timer.tick & _MASK] = timer.next
        if timer.next is not None:
            timer.next.previous = timer.previous
        timer.next = None
        timer.previous = None
        timer.tick = -1
        self._armed -= 1


@mypyc_attr(allow_interpreted_subclasses=True)
class AlarmOwner:
    """Whoever sleeps until the wheel's next deadline."""

    def due_earlier(self, deadline: float) -> None:
        """A timer was armed that `advance` reports at `deadline`, before what `next_due` last said."""
        raise NotImplementedError
