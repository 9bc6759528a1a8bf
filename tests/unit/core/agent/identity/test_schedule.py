import math

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.agent.identity.schedule import renewal_time, retry_delay

DICE = st.floats(0, 1, exclude_max=True)
LIFE = st.floats(0.5, 90_000)


@given(LIFE, DICE)
def test_renewal_is_around_half_of_the_life(life: float, dice: float) -> None:
    due = renewal_time(1000, 1000 + life, 1000, dice)

    assert 0.4 * life - 1e-6 <= due - 1000 <= 0.6 * life + 1e-6


@given(LIFE, DICE, st.floats(0.6, 3))
def test_one_that_is_overdue_is_renewed_soon_and_before_it_ends(life: float, dice: float, passed: float) -> None:
    now = 1000 + life * passed
    due = renewal_time(1000, 1000 + life, now, dice)

    assert now <= due <= now + 5
    assert due <= max(now, 1000 + life)


def test_agents_that_started_together_renew_at_different_times() -> None:
    due = [renewal_time(0, 86_400, 0, number / 100) for number in range(100)]

    assert max(due) - min(due) > 4 * 3600
    assert len({round(moment) for moment in due}) == 100


@given(st.integers(1, 10_000), st.floats(-1e6, 1e6) | st.just(math.inf), DICE)
def test_a_retry_waits_but_not_for_ever(failures: int, left: float, dice: float) -> None:
    assert 0.1 <= retry_delay(failures, left, dice) <= 30


def test_retries_back_off() -> None:
    delays = [retry_delay(failures, math.inf, 0.5) for failures in range(1, 12)]

    assert delays == sorted(delays)
    assert delays[0] < 0.3
    assert delays[-1] > 20


def test_there_is_time_for_many_tries_before_a_certificate_ends() -> None:
    left, tries = 600.0, 0
    while left > 0:
        tries += 1
        left -= retry_delay(100, left, 0.99)

    assert tries > 10
