"""What the configuration says to this plugin, in the form of `http.fault` of Istio's VirtualService."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import read_config

# As long as the proxy lets an exchange stand still.
LONGEST_SECONDS: Final = 3600.0
GRPC_STATUSES: Final[dict[str, int]] = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
"""By name. Source: gRPC's "Status codes and their use in gRPC"."""


class Percentage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the requests."""

    value: Annotated[float, msgspec.Meta(ge=0, le=100)]
    """Per cent; 0.1 is one request in a thousand."""


class Delay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Lets requests wait before they go on."""

    fixed_delay: Duration
    percentage: Percentage


class Abort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Answers in the endpoint's place; exactly one of the statuses is given."""

    percentage: Percentage
    http_status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    grpc_status: str | None = None
    """The name of a status, `UNAVAILABLE` for example."""


class FaultConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At least one of the two; a request may meet both."""

    delay: Delay | None = None
    abort: Abort | None = None


def read_fault(config: dict[str, object]) -> FaultConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    read = read_config(config, FaultConfig)
    if read.delay is None and read.abort is None:
        raise ValueError("there is neither a delay nor an abort, so that nothing would go wrong; add one")
    if read.delay is not None and not 0.0 < read.delay.fixed_delay.seconds <= LONGEST_SECONDS:
        raise ValueError(f"delay.fixedDelay is {read.delay.fixed_delay}; write more than 0s and at most 1h")
    abort = read.abort
    if abort is not None:
        if (abort.http_status is None) == (abort.grpc_status is None):
            raise ValueError("abort wants exactly one of httpStatus and grpcStatus")
        if abort.grpc_status is not None and abort.grpc_status not in GRPC_STATUSES:
            raise ValueError(f"abort.grpcStatus is none of {', '.join(GRPC_STATUSES)}")
    return read
