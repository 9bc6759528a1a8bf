import random

import pytest
from trend import certain_slope


def noisy(slope: float, noise: float, seed: int) -> list[tuple[float, float]]:
    chance = random.Random(seed)
    return [(x, slope * x + chance.uniform(-noise, noise)) for x in range(12)]


def test_a_straight_line_has_its_slope() -> None:
    assert certain_slope([(x, 5 + 3 * x) for x in range(10)]) == pytest.approx(3)


def test_a_flat_line_does_not_grow() -> None:
    assert certain_slope([(x, 5) for x in range(10)]) == 0


def test_noise_hardly_ever_passes_for_growth() -> None:
    assert sum(certain_slope(noisy(0, 100, seed)) > 0 for seed in range(1000)) < 20


def test_growth_is_found_behind_noise_as_large_as_that_of_three_rounds() -> None:
    assert all(certain_slope(noisy(1, 1.5, seed)) > 0.5 for seed in range(1000))


def test_one_reading_that_is_far_off_changes_little() -> None:
    points = noisy(1, 0.1, 1)
    points[4] = (4, 1e9)
    points[10] = (10, -1e9)
    assert 0.5 < certain_slope(points) < 1.5


def test_a_jump_at_the_start_is_no_growth() -> None:
    assert certain_slope([(0, 0), *((x, 100) for x in range(1, 12))]) == 0


def test_points_at_the_same_place_tell_nothing() -> None:
    assert certain_slope([(1, 0), (1, 50), (2, 10), (2, 60)]) == pytest.approx(-40)
