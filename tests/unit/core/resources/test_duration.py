"""Durations of both APIs."""

import pytest

from hauberk_core.resources.duration import GatewayDuration, IstioDuration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("10s", 10), ("1h30m", 5400), ("1m1s1ms", 61.001), ("720h", 2_592_000), ("9999h", 35_996_400)],
)
def test_gateway_durations(text: str, seconds: float) -> None:
    assert GatewayDuration.parse(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "1", "1.5s", "-1s", "1d", "100000s", "1s1s1s1s1s", " 1s", "1s\n", "1us", "s"])
def test_what_gateway_api_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration of Gateway API; write"):
        GatewayDuration.parse(text)


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("1.5h", 5400), ("5m30s", 330), ("1ms", 0.001), ("1500us", 0.0015)])
def test_istio_durations(text: str, seconds: float) -> None:
    assert IstioDuration.parse(text).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "1d", "-1s", "1s ", "1" * 100 + "s"])
def test_what_istio_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write"):
        IstioDuration.parse(text)


def test_istio_wants_a_millisecond_at_least() -> None:
    with pytest.raises(ValueError, match="shorter than a millisecond; write at least 1ms"):
        IstioDuration.parse("10us")


def test_equal_durations_are_equal_however_written() -> None:
    assert GatewayDuration.parse("60s") == GatewayDuration.parse("1m") == IstioDuration.parse("1m")
    assert len({GatewayDuration.parse("60s"), GatewayDuration.parse("1m")}) == 1
