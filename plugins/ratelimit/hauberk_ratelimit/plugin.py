"""Registers the data half of ratelimit: the entry point `ratelimit` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Services, SyncFilter, hookimpl
from hauberk_ratelimit.config import LimitConfig, read_rate_limits
from hauberk_ratelimit.config import Part as PartConfig
from hauberk_ratelimit.data import Limit, RateLimitFilter, TellingFilter
from hauberk_ratelimit.gcra import NANOSECONDS, Rate
from hauberk_ratelimit.keys import ClientPart, CookiePart, HeaderPart, MethodPart, Part, PathPart, PeerPart
from hauberk_ratelimit.table import Table
from hauberk_ratelimit.tables import Tables

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services, place: str) -> SyncFilter:
    """What limits. Raises: ValueError for a configuration that is wrong."""
    read = read_rate_limits(config)
    tables = services.state("tables", lambda: Tables(services))
    # What counts together has the same name; its size belongs to it, because a larger table has other places.
    where = place if read.group is None else "group/" + read.group
    names = [f"{where}/{limit.name}/{_keys(limit)}" for limit in read.limits]
    held = [tables.hold(name, _keys(limit)) for name, limit in zip(names, read.limits, strict=True)]
    limits = tuple([_limit(limit, table) for limit, table in zip(read.limits, held, strict=True)])
    if read.headers:
        return TellingFilter(limits, read.enforce, names, tables, services, "ratelimit/" + where)
    return RateLimitFilter(limits, read.enforce, names, tables, services)


def _keys(limit: LimitConfig) -> int:
    return limit.keys if limit.by else 1


def _limit(limit: LimitConfig, table: Table) -> Limit:
    period = round(limit.per.seconds * NANOSECONDS)
    rate = Rate(limit.requests, period, limit.burst or limit.requests)
    seconds = period // NANOSECONDS if period % NANOSECONDS == 0 else 0
    return Limit(limit.name, rate, limit.requests, seconds, tuple([_part(part) for part in limit.by]), table)


def _part(part: PartConfig) -> Part:
    if part.header is not None:
        return HeaderPart(part.header)
    if part.cookie is not None:
        return CookiePart(part.cookie)
    if part.client is not None:
        return ClientPart(part.client.ipv6_prefix)
    if part.peer:
        return PeerPart()
    return PathPart() if part.path else MethodPart()
