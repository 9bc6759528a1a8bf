"""What counts as lost with a process that was killed, and what does not."""

from hauberk_cli.demo.checks.losses import judge
from hauberk_cli.demo.traffic import Load, Sample

_KILLED, _GONE = 100.0, 100.1


def _load(*samples: tuple[int, float, float, str]) -> Load:
    load = Load((), "/", 0.0)
    load.samples.extend([Sample(client, began, ended, None, error) for client, began, ended, error in samples])
    return load


def test_what_was_in_its_hands_may_be_lost() -> None:
    load = _load((0, 99.9, 100.02, "reset"), (1, 100.05, 100.2, "reset"), (2, 99.0, 99.1, ""))
    outcome = judge("title", load, _KILLED, _GONE, 1.5)
    assert outcome.passed
    assert outcome.figures.startswith("2 under way, 2 lost (reset), 0 lost of those sent afterwards; back after 1500 ms")


def test_one_that_was_sent_afterwards_may_not() -> None:
    assert not judge("title", _load((0, 100.2, 100.3, "refused")), _KILLED, _GONE, 1.0).passed


def test_nobody_may_lose_two() -> None:
    assert not judge("title", _load((0, 99.9, 100.01, "reset"), (0, 100.02, 100.3, "reset")), _KILLED, _GONE, 1.0).passed


def test_somebody_has_to_take_its_place() -> None:
    assert not judge("title", _load((0, 99.0, 99.1, "")), _KILLED, _GONE, float("inf")).passed
