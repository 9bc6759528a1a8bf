"""The algorithm against a bucket that is emptied by the clock."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hauberk_ratelimit.gcra import Rate

RATES = st.builds(
    lambda interval, requests, burst: Rate(requests, interval * requests, burst),
    st.integers(1, 10**12),
    st.integers(1, 1000),
    st.integers(1, 1000),
)


class Bucket:
    """Holds a burst of tokens, and gets one each interval."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.tokens = Fraction(rate.burst)
        self.at = 0

    def pour(self, now: int) -> None:
        self.tokens = min(Fraction(self.rate.burst), self.tokens + Fraction(now - self.at, self.rate.interval))
        self.at = now

    def take(self, now: int) -> bool:
        self.pour(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(RATES, st.data())
def test_it_is_a_token_bucket(rate: Rate, data: st.DataObject) -> None:
    bucket = Bucket(rate)
    tat = 0
    now = 0
    pauses = st.one_of(st.just(0), st.integers(0, 3 * rate.interval), st.integers(0, 2 * rate.lasting))
    for pause in data.draw(st.lists(pauses, max_size=60)):
        now += pause
        moved = rate.after(tat, now)
        assert (moved >= 0) == bucket.take(now)
        if moved >= 0:
            tat = moved
        else:
            # It says to the nanosecond when there will be room again.
            wait = rate.wait(tat, now)
            assert rate.after(tat, now + wait) >= 0
            assert rate.after(tat, now + wait - 1) < 0
        assert rate.left(tat, now) == int(bucket.tokens)


@given(RATES, st.integers(0, 10**15))
def test_a_whole_burst_may_come_at_once_and_no_more(rate: Rate, now: int) -> None:
    tat = 0
    for left in range(rate.burst, 0, -1):
        assert rate.left(tat, now) == left
        tat = rate.after(tat, now)
        assert tat >= 0
    assert rate.after(tat, now) == -1
    assert tat - now == rate.lasting
