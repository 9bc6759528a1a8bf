"""`grpc-timeout`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.grpc.timeout import read_timeout, write_timeout


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1H", 3600.0),
        ("2M", 120.0),
        ("3S", 3.0),
        ("250m", 0.25),
        ("99999999u", 99.999999),
        ("5n", 5e-9),
        ("0S", 0.0),
    ],
)
def test_units(value: str, seconds: float) -> None:
    assert read_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [None, "", "S", "1", "1s", "-1S", "1.5S", "100000000S", " 1S", "+1S", "²S", "1 S", "1Sx"])
def test_what_is_no_timeout_says_nothing(value: str | None) -> None:
    assert read_timeout(value) < 0


@given(st.floats(0.0, 3600.0 * 24 * 365 * 10))
def test_what_is_written_is_never_longer_than_meant(seconds: float) -> None:
    text = write_timeout(seconds)
    assert len(text) <= 9
    assert 0 < read_timeout(text) <= max(seconds, 0.001) * (1 + 1e-12)
