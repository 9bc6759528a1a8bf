from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.translate.weights import HEAVIEST, whole_weights

SHARES = st.one_of(st.integers(0, HEAVIEST), st.fractions(min_value=0, max_value=HEAVIEST, max_denominator=1000))


def test_small_shares_are_exact() -> None:
    assert whole_weights([90, 10]) == [90, 10]
    assert whole_weights([Fraction(1, 3), Fraction(2, 3), 1]) == [1, 2, 3]
    assert whole_weights([]) == []


@given(st.lists(SHARES, min_size=1, max_size=16))
def test_proportions_and_bounds_hold(shares: list[Fraction | int]) -> None:
    weights = whole_weights(shares)
    assert all(0 <= weight <= HEAVIEST for weight in weights)
    assert [weight > 0 for weight in weights] == [share > 0 for share in shares]
    total = sum(shares)
    for weight, share in zip(weights, shares, strict=True):
        if total:
            # A unit of rounding for each share.
            assert abs(weight / sum(weights) - float(share / total)) <= 2 * len(shares) / max(weights)
