"""When a request is sent again."""

from typing import Annotated

import msgspec

from hauberk_core.model.duration import Duration

MOST_RETRIES = 25
"""Of one request. Whoever needs more has another problem, and every one is load for backends that ail already."""


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another attempt at another endpoint (or at the same one, where there is no other) of the same cluster.

    An attempt that nobody can have acted on, because connecting failed or the endpoint refused it, is always made again. Whatever
    the method is: who configures this for a route vouches for its requests. Nothing is sent again once a part of an answer has
    been passed on, or where the body is longer than what is kept (64 KiB).
    """

    codes: tuple[Annotated[int, msgspec.Meta(ge=400, le=599)], ...] = ()
    """Statuses of an answer that is thrown away for another attempt."""
    grpc_codes: tuple[Annotated[int, msgspec.Meta(ge=1, le=16)], ...] = ()
    """Statuses of a gRPC call that ended without an answer to pass on (trailers-only), likewise: 14 is UNAVAILABLE."""
    unanswered: bool = True
    """Whether also an attempt is made again that may have been acted on and got no answer: the connection broke, or
    `backend_timeout` passed."""
    attempts: Annotated[int, msgspec.Meta(ge=1, le=MOST_RETRIES)] = 2
    """Besides the first one. Istio's default."""
    backoff: Duration = Duration(0.025)
    """Before the first other attempt; then twice as long each time, at most ten times, with as much again by chance.
    Envoy's default."""
