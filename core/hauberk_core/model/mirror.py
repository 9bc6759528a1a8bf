"""Copies of requests."""

from typing import Annotated

import msgspec


class Mirror(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another cluster that gets a copy of a route's requests; what it answers is thrown away, and nobody waits for it."""

    cluster: str
    """Where the copies go."""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The part of the requests that is copied."""
