"""What the configuration may say to this plugin."""

from typing import Annotated, Final

import msgspec

from hauberk_circuitbreaker.rules import OutlierRules, Rules
from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import read_config

Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]

# Envoy's default of what Istio has no field for.
LONGEST_EJECTION_SECONDS: Final = 300.0
_NANOSECONDS: Final = 1_000_000_000
# Finer times would only make work.
_SHORTEST: Final = Duration(0.001)


class OutlierConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When an endpoint is left out for a while. Of each number of failures, 0 switches the criterion off."""

    consecutive_5xx: Count = 5
    consecutive_gateway: Count = 0
    """Of 502, 503, 504 alone."""
    consecutive_local: Count = 5
    """Of failures to reach the endpoint, where `split` tells them from its answers."""
    split: bool = False
    """False: a connect that fails counts as 503, an answer that does not come in time as 504."""
    interval: Duration = Duration(10.0)
    """After each such time without an ejection the next one is shorter by one base time."""
    base_ejection: Duration = Duration(30.0)
    max_ejection_percent: Percent = 10
    """Of the endpoints; one may always be ejected."""
    min_health_percent: Percent = 0
    """With fewer endpoints in service than this, ejected ones get requests as well."""


class BreakerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of the whole proxy; absent: none."""

    max_connections: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)] | None = None
    max_pending: Count | None = None
    """Requests that wait for a connection."""
    max_requests: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)] | None = None
    max_retries: Count | None = None
    outliers: OutlierConfig | None = None


def read_rules(config: dict[str, object]) -> Rules:
    """Check a configuration. Raises: msgspec.ValidationError (a ValueError) that names the wrong member; ValueError."""
    read = read_config(config, BreakerConfig)
    outliers: OutlierRules | None = None
    if read.outliers is not None:
        told = read.outliers
        for name, duration in (("interval", told.interval), ("base_ejection", told.base_ejection)):
            if duration.seconds < _SHORTEST.seconds:
                raise ValueError(f"outliers.{name} is {duration}; write at least {_SHORTEST}")
        outliers = OutlierRules(
            told.consecutive_5xx,
            told.consecutive_gateway,
            told.consecutive_local if told.split else 0,
            told.split,
            _nanoseconds(told.interval.seconds),
            _nanoseconds(told.base_ejection.seconds),
            _nanoseconds(max(told.base_ejection.seconds, LONGEST_EJECTION_SECONDS)),
            told.max_ejection_percent,
            told.min_health_percent,
        )
    return Rules(
        _limit(read.max_connections), _limit(read.max_pending), _limit(read.max_requests), _limit(read.max_retries), outliers
    )


def _limit(value: int | None) -> int:
    return -1 if value is None else value


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
