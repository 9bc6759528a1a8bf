"""How long a gRPC client waits for a call: `grpc-timeout`, at most eight digits and a unit.

Source: gRPC's "gRPC over HTTP2" (PROTOCOL-HTTP2.md), `Timeout`.
"""

from typing import Final

TIMEOUT_FIELD: Final = "grpc-timeout"

_SECONDS: Final[dict[str, float]] = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 0.001, "u": 0.000001, "n": 0.000000001}
_MOST_DIGITS: Final = 8
_MILLISECONDS_LIMIT: Final = 100_000_000


def read_timeout(value: str | None) -> float:
    """The seconds that a client waits; negative: it does not say, or not as gRPC has it, which the endpoint may mind."""
    if not value:
        return -1.0
    digits = value[:-1]
    unit = _SECONDS.get(value[-1])
    if unit is None or not digits or len(digits) > _MOST_DIGITS or not (digits.isascii() and digits.isdigit()):
        return -1.0
    return int(digits) * unit


def write_timeout(seconds: float) -> str:
    """The value that says so; at least a millisecond, and rounded down to whole ones, or to seconds where those are too many."""
    milliseconds = int(seconds * 1000.0)
    if milliseconds < _MILLISECONDS_LIMIT:
        return str(max(milliseconds, 1)) + "m"
    return str(min(int(seconds), _MILLISECONDS_LIMIT - 1)) + "S"
