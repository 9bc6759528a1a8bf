"""The timer wheel against the simplest thing that could do its work, and its promises one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.wheel import MOMENT_SECONDS, NEVER, SLOTS, TICK_SECONDS, AlarmOwner, Timer, TimerOwner, Wheel

TURN_SECONDS = SLOTS * TICK_SECONDS
START = 1000.0


class Owner(TimerOwner):
    """Counts, and may do something more."""

    def __init__(self) -> None:
        self.reports = 0

    def timed_out(self, timer: Timer) -> None:
        self.reports += 1


class Sleeper(AlarmOwner):
    def __init__(self) -> None:
        self.heard: list[float] = []

    def due_earlier(self, deadline: float) -> None:
        self.heard.append(deadline)


TIMERS = 6
# From moments to several turns.
SPANS = st.one_of(st.floats(0, 5 * TICK_SECONDS), st.floats(0, TURN_SECONDS), st.floats(0, 5 * TURN_SECONDS))
STEPS = st.one_of(
    st.tuples(st.just("arm"), st.integers(0, TIMERS - 1), SPANS),
    st.tuples(st.just("disarm"), st.integers(0, TIMERS - 1), st.just(0.0)),
    st.tuples(st.just("drop"), st.integers(0, TIMERS - 1), st.just(0.0)),
    st.tuples(st.just("advance"), st.just(0), SPANS),
    # Exactly so many ticks: jumps of a turn, one less and one more have their own ways to go wrong.
    st.tuples(st.just("advance"), st.just(0), st.integers(SLOTS - 2, SLOTS + 2).map(lambda ticks: ticks * TICK_SECONDS)),
)


@given(st.lists(STEPS, max_size=60), st.booleans())
def test_every_deadline_is_reported_once_within_a_tick_and_never_early(steps: list[tuple[str, int, float]], asks: bool) -> None:
    now = START
    wheel = Wheel(now)
    owners = [Owner() for _ in range(TIMERS)]
    timers = [Timer(owner) for owner in owners]
    deadlines = [NEVER] * TIMERS
    for what, which, seconds in steps:
        if what == "arm":
            if timers[which].owner is None:
                timers[which] = Timer(owners[which])
            deadlines[which] = now + seconds
            wheel.arm(timers[which], deadlines[which])
        elif what == "disarm":
            deadlines[which] = NEVER
            wheel.disarm(timers[which])
        elif what == "drop":
            deadlines[which] = NEVER
            wheel.drop(timers[which])
        else:
            now += seconds
            before = [owner.reports for owner in owners]
            reported = wheel.advance(now)
            assert reported == sum(owner.reports for owner in owners) - sum(before)
            for index, owner in enumerate(owners):
                if owner.reports > before[index]:
                    assert owner.reports == before[index] + 1
                    assert deadlines[index] <= now
                    deadlines[index] = NEVER
                else:
                    assert deadlines[index] > now - TICK_SECONDS
                assert timers[index].deadline == deadlines[index]
        if asks:
            # Whoever sleeps until then misses nothing: nothing armed is due a whole tick before.
            assert wheel.next_due(None) <= min(deadlines) + TICK_SECONDS
    wheel.advance(now + 6 * TURN_SECONDS)
    wheel.advance(now + 7 * TURN_SECONDS)
    assert len(wheel) == 0


@given(st.lists(SPANS, min_size=1, max_size=30))
def test_whoever_sleeps_until_it_is_told_to_wakes_seldom_and_in_time(spans: list[float]) -> None:
    wheel = Wheel(START)
    owners = [Owner() for _ in spans]
    for owner, span in zip(owners, spans, strict=True):
        wheel.arm(Timer(owner), START + span)
    now = START
    wakes = 0
    while (due := wheel.next_due(None)) < NEVER:
        assert due > now, "woken for nothing, and again at once"
        now = due
        wheel.advance(now)
        wakes += 1
        for owner, span in zip(owners, spans, strict=True):
            assert (START + span > now) == (owner.reports == 0) or START + span > now - TICK_SECONDS
    assert all(owner.reports == 1 for owner in owners)
    # Once for each deadline, and once a turn for those that are further away.
    assert wakes <= len(spans) * 7


def test_the_sleeper_hears_of_earlier_deadlines_only() -> None:
    wheel = Wheel(START)
    sleeper = Sleeper()
    assert wheel.next_due(sleeper) == NEVER
    wheel.arm(Timer(None), START + 20)
    wheel.arm(Timer(None), START + 30)
    wheel.arm(Timer(None), START + 10)
    assert [round(heard - START, 1) for heard in sleeper.heard] == [20, 10]
    assert START + 10 < wheel.next_due(sleeper) <= START + 10 + TICK_SECONDS


def test_a_deadline_beyond_a_turn_is_told_to_the_sleeper_as_it_is() -> None:
    wheel = Wheel(START)
    sleeper = Sleeper()
    wheel.next_due(sleeper)
    owner = Owner()
    wheel.arm(Timer(owner), START + 10 * TURN_SECONDS)
    assert sleeper.heard[0] > START + 10 * TURN_SECONDS
    # Nobody advanced the wheel meanwhile.
    assert wheel.advance(START + 10 * TURN_SECONDS - 1) == 0
    assert wheel.advance(sleeper.heard[0]) == 1
    assert owner.reports == 1


def test_a_deadline_armed_into_a_wheel_that_stood_still_is_in_time() -> None:
    wheel = Wheel(START)
    sleeper = Sleeper()
    wheel.next_due(sleeper)
    late = START + 3 * TURN_SECONDS
    owner = Owner()
    wheel.arm(Timer(owner), late + 1)
    assert wheel.advance(late + 0.9) == 0
    assert wheel.advance(wheel.next_due(sleeper)) == 1


def test_moments_are_finer_than_ticks_and_end_in_their_order() -> None:
    wheel = Wheel(START)
    sleeper = Sleeper()
    wheel.next_due(sleeper)
    first, dropped, last = Owner(), Owner(), Owner()
    timers = [Timer(owner) for owner in (first, dropped, last)]
    for number, timer in enumerate(timers):
        wheel.arm_moment(timer, START + number * MOMENT_SECONDS / 4)
    assert sleeper.heard == [START + MOMENT_SECONDS]
    wheel.drop(timers[1])
    assert wheel.advance(START + MOMENT_SECONDS / 2) == 0
    assert wheel.advance(START + MOMENT_SECONDS) == 1
    assert (first.reports, last.reports) == (1, 0)
    assert wheel.next_due(sleeper) == START + 1.5 * MOMENT_SECONDS
    wheel.arm_moment(timers[0], START + 1.25 * MOMENT_SECONDS)
    assert wheel.advance(START + TICK_SECONDS) == 2
    assert (first.reports, dropped.reports, last.reports) == (2, 0, 1)
    assert wheel.next_due(sleeper) == NEVER


def test_a_moment_s_owner_that_raises_holds_nobody_up() -> None:
    class Failing(Owner):
        def timed_out(self, timer: Timer) -> None:
            raise ValueError("on purpose")

    wheel = Wheel(START)
    after = Owner()
    wheel.arm_moment(Timer(Failing()), START)
    wheel.arm_moment(Timer(after), START)
    with pytest.raises(ValueError, match="on purpose"):
        wheel.advance(START + TICK_SECONDS)
    assert wheel.advance(START + TICK_SECONDS) == 1
    assert after.reports == 1


def test_moving_a_deadline_later_reports_only_the_later_one() -> None:
    wheel = Wheel(START)
    owner = Owner()
    timer = Timer(owner)
    wheel.arm(timer, START + 1)
    wheel.arm(timer, START + 2)
    assert wheel.advance(START + 1.5) == 0
    assert len(wheel) == 1
    assert wheel.advance(START + 2.1) == 1


def test_moving_a_deadline_earlier_reports_at_the_earlier_one() -> None:
    wheel = Wheel(START)
    owner = Owner()
    timer = Timer(owner)
    wheel.arm(timer, START + 2)
    wheel.arm(timer, START + 1)
    assert wheel.advance(START + 1.1) == 1
    assert wheel.advance(START + 3) == 0


def test_a_dropped_timer_leaves_no_reference() -> None:
    wheel = Wheel(START)
    timer = Timer(Owner())
    wheel.arm(timer, START + 1)
    wheel.drop(timer)
    assert timer.owner is None
    assert len(wheel) == 0
    assert wheel.advance(START + 2) == 0


class Rearming(Owner):
    """Arms its timer for a deadline that has already passed."""

    def __init__(self, wheel: Wheel) -> None:
        super().__init__()
        self._wheel = wheel

    def timed_out(self, timer: Timer) -> None:
        super().timed_out(timer)
        self._wheel.arm(timer, START)


def test_a_deadline_in_the_past_armed_again_and_again_does_not_hold_the_wheel() -> None:
    wheel = Wheel(START)
    owner = Rearming(wheel)
    wheel.arm(Timer(owner), START)
    wheel.advance(START + 10 * TICK_SECONDS)
    assert owner.reports == 10


class Raising(Owner):
    def timed_out(self, timer: Timer) -> None:
        super().timed_out(timer)
        raise LookupError("on purpose")


@pytest.mark.parametrize("jump", [1.0, TURN_SECONDS, 3 * TURN_SECONDS])
def test_an_owner_that_raises_does_not_cost_the_others_their_reports(jump: float) -> None:
    wheel = Wheel(START)
    owners = [Owner(), Raising(), Owner(), Raising(), Owner()]
    for owner in owners:
        wheel.arm(Timer(owner), START + 0.5)
    raised = 0
    while True:
        try:
            wheel.advance(START + jump)
            break
        except LookupError:
            raised += 1
    assert raised == 2
    assert [owner.reports for owner in owners] == [1, 1, 1, 1, 1]


class Dropping(Owner):
    """Drops another timer of the same moment."""

    def __init__(self, wheel: Wheel, other: Timer) -> None:
        super().__init__()
        self._wheel = wheel
        self._other = other

    def timed_out(self, timer: Timer) -> None:
        super().timed_out(timer)
        self._wheel.drop(self._other)


def test_timers_of_one_moment_may_drop_each_other() -> None:
    wheel = Wheel(START)
    first, second = Timer(None), Timer(None)
    first.owner = Dropping(wheel, second)
    second.owner = Dropping(wheel, first)
    wheel.arm(first, START + 1)
    wheel.arm(second, START + 1)
    assert wheel.advance(START + 2) == 1
    assert len(wheel) == 0
