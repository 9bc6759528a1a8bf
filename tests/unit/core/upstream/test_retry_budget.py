"""How many retries may be under way."""

import pytest

from hauberk_core.upstream.retry_budget import RetryBudget


@pytest.mark.parametrize(("active", "admitted"), [(0, 3), (10, 3), (15, 3), (20, 4), (100, 20)])
def test_a_part_of_what_is_active_and_always_a_few(active: int, admitted: int) -> None:
    budget = RetryBudget()
    for _ in range(admitted):
        assert budget.admits(active)
        budget.begin()
    assert not budget.admits(active)
    budget.end()
    assert budget.admits(active)
    assert budget.under_way() == admitted - 1


def test_nothing_at_all_is_a_budget_too() -> None:
    budget = RetryBudget()
    budget.percent = 0.0
    budget.least = 0
    assert not budget.admits(1000)
