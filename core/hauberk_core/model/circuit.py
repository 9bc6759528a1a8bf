"""A circuit as people see it, and how it lies in the records that the workers share.

The plugin that breaks circuits writes the records, the agent shows them; neither knows the other.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from hauberk_core.model.health import EndpointHealth

# The rows' words of a cluster: gauges, then counts.
REQUESTS: Final = 1
CONNECTIONS: Final = 2
WAITING: Final = 3
RETRIES: Final = 4
REQUEST_OVERFLOWS: Final = 16
CONNECTION_OVERFLOWS: Final = 17
WAITING_OVERFLOWS: Final = 18
RETRY_OVERFLOWS: Final = 19
EJECTION_OVERFLOWS: Final = 20

# The rows' words of an endpoint. A streak has three: failures, the epoch in which they were, and the latest epoch begun here.
ACTIVE: Final = 1
STREAK_5XX: Final = 2
STREAK_GATEWAY: Final = 5
STREAK_LOCAL: Final = 8
PROBES: Final = 11

# The common words of an endpoint: nanoseconds of the machine's monotonic clock, and counts.
EJECTED_UNTIL: Final = 0
"""0: closed. Once that time has come, half open."""
EJECTED_AT: Final = 1
TIMES: Final = 2
"""By what the next ejection's time is multiplied, less one; it falls again with time."""
RETURNED_AT: Final = 3
EJECTIONS_5XX: Final = 4
EJECTIONS_GATEWAY: Final = 5
EJECTIONS_LOCAL: Final = 6
EJECTIONS_PROBE: Final = 7

NANOSECONDS: Final = 1_000_000_000


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """The request at which a circuit opened, or a limit refused."""

    at: float
    """Seconds since 1970."""
    why: str
    """The rule that was met, for a person."""
    method: str = ""
    """Of the request."""
    path: str = ""
    """Of the request, without its query."""
    status: int = 0
    """The endpoint's; 0: it gave none."""
    reason: str = ""
    """The code of what went wrong, where it is no status."""
    request_id: str = ""
    """Of its header `x-request-id`."""
    trace_id: str = ""
    """Empty: it was not traced."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole proxy may have under way to one cluster; null: no limit."""

    connections: int | None = None
    """Open at a time."""
    waiting: int | None = None
    """Requests without a connection yet."""
    requests: int | None = None
    """Under way at a time."""
    retries: int | None = None
    """Under way at a time."""


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text of a record."""

    cluster: str
    endpoint: str = ""
    """Empty: the record is the cluster's."""
    limits: Limits | None = None
    tripped: Trip | None = None


class ClusterCircuit(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster: what is under way in the whole proxy, its limits, and how often they refused."""

    cluster: str
    """Its name in the configuration."""
    requests: int
    """Under way now."""
    connections: int
    """Open now."""
    waiting: int
    """Requests without a connection now."""
    retries: int
    """Under way now."""
    limits: Limits
    """What there may be of these."""
    request_overflows: int
    """How often the limit of requests refused one."""
    connection_overflows: int
    """How often the limit of connections kept one from being made."""
    waiting_overflows: int
    """How often the limit of waiting requests refused one."""
    retry_overflows: int
    """How often the limit of retries kept one from being made."""
    ejection_overflows: int
    """How often an endpoint stayed because too many were ejected already."""
    tripped: Trip | None
    """What a limit refused last; null: nothing yet."""


State = Literal["closed", "open", "half-open"]


class EndpointCircuit(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint of a cluster."""

    cluster: str
    """Its cluster's name."""
    endpoint: str
    """Its address."""
    state: State
    """`closed` lets traffic through; `open`: it is left out; `half-open`: one request tries it."""
    open_seconds: float
    """For how long it stays open from now on."""
    active: int
    """Requests under way."""
    consecutive_5xx: int
    """Failures in a row: answers of 500 to 599, and what counts as such."""
    consecutive_gateway: int
    """Failures in a row: 502, 503, 504, and no answer."""
    consecutive_local: int
    """Failures in a row: no connection, no answer in time."""
    ejections: int
    """How often it was ejected."""
    ejections_5xx: int
    """For failures of the first kind."""
    ejections_gateway: int
    """For failures of the second kind."""
    ejections_local: int
    """For failures of the third kind."""
    ejections_probe: int
    """Because the request that tried it while half open failed."""
    tripped: Trip | None
    """What it was ejected for last; null: never yet."""


class Circuits(msgspec.Struct, frozen=True, kw_only=True):
    """All of one proxy."""

    clusters: tuple[ClusterCircuit, ...] = ()
    endpoints: tuple[EndpointCircuit, ...] = ()
    checks: tuple[EndpointHealth, ...] = ()
    """What active health checks know of endpoints."""


_text: Final = msgspec.json.Decoder(Told)


def encode_told(told: Told) -> bytes:
    """A record's text."""
    return msgspec.json.encode(told)


def decode_told(text: bytes) -> Told | None:
    """A record's text, or None if it is none, for example because it is being written."""
    try:
        return _text.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def state_at(until: int, now: int) -> State:
    """Args: until - the word EJECTED_UNTIL; now - nanoseconds of the monotonic clock."""
    if until == 0:
        return "closed"
    return "open" if now < until else "half-open"


def streak_total(rows: Sequence[Sequence[int]], first: int) -> int:
    """Failures in a row, as the whole proxy has seen them: of all workers, those since the latest epoch."""
    latest = max([row[first + 2] for row in rows])
    return sum([row[first] for row in rows if row[first + 1] == latest])


def read_cluster(told: Told, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> ClusterCircuit:
    """A cluster's record. Args: counts - those of dead workers, in the order of a row's."""

    def gauge(word: int) -> int:
        return sum([row[word] for row in rows])

    def count(word: int) -> int:
        return gauge(word) + counts[word - REQUEST_OVERFLOWS]

    return ClusterCircuit(
        cluster=told.cluster,
        requests=gauge(REQUESTS),
        connections=gauge(CONNECTIONS),
        waiting=gauge(WAITING),
        retries=gauge(RETRIES),
        limits=told.limits or Limits(),
        request_overflows=count(REQUEST_OVERFLOWS),
        connection_overflows=count(CONNECTION_OVERFLOWS),
        waiting_overflows=count(WAITING_OVERFLOWS),
        retry_overflows=count(RETRY_OVERFLOWS),
        ejection_overflows=count(EJECTION_OVERFLOWS),
        tripped=told.tripped,
    )


def read_endpoint(told: Told, rows: Sequence[Sequence[int]], common: Sequence[int], now: int) -> EndpointCircuit:
    """An endpoint's record."""
    until = common[EJECTED_UNTIL]
    by_cause = [common[word] for word in (EJECTIONS_5XX, EJECTIONS_GATEWAY, EJECTIONS_LOCAL, EJECTIONS_PROBE)]
    return EndpointCircuit(
        cluster=told.cluster,
        endpoint=told.endpoint,
        state=state_at(until, now),
        open_seconds=max(until - now, 0) / NANOSECONDS,
        active=sum([row[ACTIVE] for row in rows]),
        consecutive_5xx=streak_total(rows, STREAK_5XX),
        consecutive_gateway=streak_total(rows, STREAK_GATEWAY),
        consecutive_local=streak_total(rows, STREAK_LOCAL),
        ejections=sum(by_cause),
        ejections_5xx=by_cause[0],
        ejections_gateway=by_cause[1],
        ejections_local=by_cause[2],
        ejections_probe=by_cause[3],
        tripped=told.tripped,
    )
