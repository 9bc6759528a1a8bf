import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.route.dice import Dice


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-10, max_value=10))
def test_numbers_stay_within_zero_and_one(start: float) -> None:
    dice = Dice(start)
    for _ in range(100):
        assert 0.0 <= dice.next() < 1.0


@given(st.floats(min_value=0, max_value=1, exclude_max=True), st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_every_share_gets_its_part_of_ten_thousand(start: float, weights: list[int]) -> None:
    dice = Dice(start)
    numbers = sorted(dice.next() for _ in range(10_000))
    total = sum(weights)
    for low, high in itertools.pairwise([0, *itertools.accumulate(weights)]):
        count = sum(low / total <= number < high / total for number in numbers)
        # A tenth of what is promised: 1 % of all requests.
        assert abs(count - 10_000 * (high - low) / total) <= 10


@pytest.mark.parametrize("start", [0.0, 0.1, 0.25, 0.5, 0.75, 0.999])
def test_a_hundred_requests_are_nearly_exact(start: float) -> None:
    dice = Dice(start)
    numbers = [dice.next() for _ in range(100)]
    assert abs(sum(number < 0.9 for number in numbers) - 90) <= 2


def test_different_starts_give_different_numbers() -> None:
    first, second = Dice(0.1), Dice(0.2)
    assert [first.next() for _ in range(10)] != [second.next() for _ in range(10)]
