"""Pauses between attempts: short at first, bounded, spread."""

import random

from hauberk_core.agent.backoff import LONGEST_SECONDS, SHORTEST_SECONDS, Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(lambda: 1.0)
    pauses = [backoff.next_pause() for _ in range(10)]

    assert pauses[:3] == [SHORTEST_SECONDS, SHORTEST_SECONDS * 2, SHORTEST_SECONDS * 4]
    assert pauses[-1] == LONGEST_SECONDS
    backoff.reset()
    assert backoff.next_pause() == SHORTEST_SECONDS


def test_those_who_fail_together_do_not_come_back_together() -> None:
    dice = random.Random(7)
    pauses: list[float] = []
    for _ in range(1000):
        backoff = Backoff(dice.random)
        for _ in range(6):
            pause = backoff.next_pause()
        pauses.append(pause)
    tenths = [
        sum(LONGEST_SECONDS * part <= pause < LONGEST_SECONDS * (part + 0.1) for pause in pauses) for part in (0.1, 0.5, 0.8)
    ]

    assert all(60 < count < 160 for count in tenths)
    assert min(pauses) > 0
