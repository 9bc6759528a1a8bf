from hauberk_control.ca.rates import Rate, Rates


class Clock:
    def __init__(self) -> None:
        self.time = 50.0

    def __call__(self) -> float:
        return self.time


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    rate = Rate(2, 5, clock)

    assert [rate.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.time += 0.5
    assert [rate.take() for _ in range(2)] == [True, False]
    clock.time += 1000
    assert [rate.take() for _ in range(6)] == [True] * 5 + [False]


def test_each_name_has_its_own_rate_and_the_oldest_is_forgotten() -> None:
    rates = Rates(1, 1, 2, Clock())

    assert [rates.take(name) for name in "aabb"] == [True, False, True, False]
    assert rates.take("a") is False
    assert rates.take("c") is True
    assert rates.take("a") is False
    assert rates.take("b") is True
