"""Durations: what is read, what is refused, and that writing one loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.duration import LONGEST_SECONDS, Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("300ms", 0.3),
        ("15s", 15.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1h1m1s1ms", 3661.001),
        ("1.5s", 1.5),
        ("0.25h", 900.0),
        ("36h", LONGEST_SECONDS),
    ],
)
def test_reads(text: str, seconds: float) -> None:
    assert Duration.parse(text).seconds == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "15", "15 s", "-1s", "+1s", "1d", "1S", "1s ", "1e3s", ".5s", "1.s", "\u0661s", "1s" * 200_000]
)
def test_refuses_what_is_no_duration_or_too_long(text: str) -> None:
    with pytest.raises(ValueError, match=r"; write "):
        Duration.parse(text)


def test_refuses_what_is_finer_than_a_millisecond_because_it_would_be_written_as_no_limit() -> None:
    with pytest.raises(ValueError, match="finer than a millisecond"):
        Duration.parse("0.4ms")


def test_sums_are_exact() -> None:
    assert Duration.parse("100ms200ms") == Duration.parse("0.3s") == Duration.parse("300ms")


@given(st.integers(0, int(LONGEST_SECONDS * 1000)))
def test_any_duration_survives_being_written_and_read(milliseconds: int) -> None:
    duration = Duration(milliseconds / 1000)
    assert Duration.parse(str(duration)) == duration
    assert hash(Duration.parse(str(duration))) == hash(duration)


def test_equals_only_durations() -> None:
    assert Duration(1.0) != 1.0
    assert repr(Duration(1.5)) == "Duration(1500ms)"
