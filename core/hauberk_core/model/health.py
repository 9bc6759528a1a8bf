"""What active health checks know of an endpoint, as people see it, and how it lies in the records that the workers share.

The plugin that checks writes the records, the agent shows them; neither knows the other.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

# The common words of an endpoint. Times are nanoseconds of the machine's monotonic clock.
STATE: Final = 0
SINCE: Final = 1
DUE: Final = 2
"""When it is to be checked next, by whichever worker comes first."""
CHECKED_AT: Final = 3
IN_A_ROW: Final = 4
"""Checks that said the contrary of the state, one after the other."""
CHECKS: Final = 5
FAILURES: Final = 6
CHANGES: Final = 7

UNKNOWN: Final = 0
HEALTHY: Final = 1
UNHEALTHY: Final = 2

_NANOSECONDS: Final = 1_000_000_000

State = Literal["unknown", "healthy", "unhealthy"]
STATES: Final[tuple[State, ...]] = ("unknown", "healthy", "unhealthy")


class CheckTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text of a record."""

    cluster: str
    endpoint: str
    check: str
    """What is asked."""
    fault: str = ""
    """Why the last check that failed did."""


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What checks know of an endpoint."""

    cluster: str
    """Its cluster's name."""
    endpoint: str
    """Its address."""
    state: State
    """`healthy`; `unhealthy`: it is left out; `unknown`: no check has decided yet."""
    seconds: float
    """For how long it has been so."""
    check: str
    """What is asked, for example `HTTP GET /healthz`."""
    fault: str
    """Why the last check that failed did; empty: none has."""
    checks: int
    """How many were made."""
    failures: int
    """How many of them failed."""
    changes: int
    """How often it became healthy or unhealthy."""


_text: Final = msgspec.json.Decoder(CheckTold)


def encode_check(told: CheckTold) -> bytes:
    """A record's text."""
    return msgspec.json.encode(told)


def decode_check(text: bytes) -> CheckTold | None:
    """A record's text, or None if it is none, for example because it is being written."""
    try:
        return _text.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def read_health(told: CheckTold, common: Sequence[int], now: int) -> EndpointHealth:
    """An endpoint's record. Args: now - nanoseconds of the monotonic clock."""
    state = STATES[common[STATE]] if 0 <= common[STATE] < len(STATES) else STATES[UNKNOWN]
    return EndpointHealth(
        cluster=told.cluster,
        endpoint=told.endpoint,
        state=state,
        seconds=max(now - common[SINCE], 0) / _NANOSECONDS if common[SINCE] else 0.0,
        check=told.check,
        fault=told.fault,
        checks=common[CHECKS],
        failures=common[FAILURES],
        changes=common[CHANGES],
    )
