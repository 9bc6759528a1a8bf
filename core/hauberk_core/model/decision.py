"""What routing decided for one request."""

import msgspec

from hauberk_core.model.cors import Cors
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.reason import Reason
from hauberk_core.model.retry import Retry
from hauberk_core.model.route import HeaderModifier, Redirect, Rewrite


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """What few routes ask for, kept apart so that the others pay one look."""

    retry: Retry | None = None
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of `decide`. Built once for each route and backend, then shared by all requests that take it.

    Exactly one of `cluster`, `redirect` and `reason` is set.
    """

    virtual_host: str = ""
    route: str = ""
    cluster: str = ""
    redirect: Redirect | None = None
    reason: Reason | None = None
    """Why no backend was chosen: `no_host`, `misdirected`, `no_route` or `no_backend`."""
    prefix: str = ""
    """The path prefix that matched, for the rewrites that replace it."""
    rewrite: Rewrite | None = None
    request_headers: tuple[HeaderModifier, ...] = ()
    response_headers: tuple[HeaderModifier, ...] = ()
    timeout: float = 0.0
    """Seconds for the whole exchange; 0: no limit."""
    backend_timeout: float = 0.0
    """Seconds for one attempt; 0: no limit."""
    extras: Extras | None = None
    takes_connect: bool = False
    """Its route names the method CONNECT: without that no tunnel is made for it."""
