"""What the configuration says to this plugin."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import read_config

# Beyond a day a limit is a contract, which a proxy that forgets it when it starts anew cannot keep.
_LONGEST_PERIOD: Final = 86_400.0
_SHORTEST_PERIOD: Final = 0.001
_LONGEST_BURST: Final = 366 * 86_400.0
_NANOSECONDS: Final = 1_000_000_000

FieldName = Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=128)]
"""A token, as header fields and cookies are called. Sources: RFC 9110 section 5.6.2, RFC 6265 section 4.1.1."""


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The address of the client, as the edge has settled who that is."""

    ipv6_prefix: Annotated[int, msgspec.Meta(ge=1, le=128)] = 64
    """Addresses of IPv6 that agree in so many bits are one client: who has one address there has a whole network."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of what tells clients apart; exactly one is given. Requests without it are counted together."""

    header: FieldName | None = None
    """The value of this request header."""
    cookie: FieldName | None = None
    """The value of this cookie."""
    client: Client | None = None
    peer: bool = False
    """The SPIFFE ID that the client has proved."""
    path: bool = False
    """The path, without its query."""
    method: bool = False


class LimitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """So many requests within so long a time."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    per: Duration
    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] | None = None
    """So many may come at once; absent: `requests`."""
    by: Annotated[tuple[Part, ...], msgspec.Meta(max_length=4)] = ()
    """What tells apart whose requests are counted apart; absent: all are counted together."""
    keys: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 4096
    """So many are remembered at least; of those beyond, who has the most left is forgotten first."""
    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$")] = "default"
    """As the fields RateLimit and RateLimit-Policy call it."""


class RateLimitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request has to be within all limits."""

    limits: Annotated[tuple[LimitConfig, ...], msgspec.Meta(min_length=1, max_length=8)]
    group: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$")] | None = None
    """Uses of the plugin in one proxy that name the same group count together; absent: each route, or listener, by itself."""
    headers: bool = True
    """Whether responses say what is left."""
    enforce: bool = True
    """False: what would be refused is counted and goes on."""


def read_rate_limits(config: dict[str, object]) -> RateLimitConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    read = read_config(config, RateLimitConfig)
    names: set[str] = set()
    for index, limit in enumerate(read.limits):
        place = f"limits[{index}]"
        if not _SHORTEST_PERIOD <= limit.per.seconds <= _LONGEST_PERIOD:
            raise ValueError(f"{place}.per is {limit.per}; write at least 1ms and at most 24h")
        if limit.requests > limit.per.seconds * _NANOSECONDS:
            raise ValueError(f"{place} lets more than one request a nanosecond pass; leave it out where there is no limit")
        if (limit.burst or 0) * limit.per.seconds / limit.requests > _LONGEST_BURST:
            raise ValueError(f"{place}.burst takes more than a year to come back; write a smaller one")
        for number, part in enumerate(limit.by):
            given = (part.header is not None, part.cookie is not None, part.client is not None, part.peer, part.path, part.method)
            if sum(given) != 1:
                raise ValueError(f"{place}.by[{number}] wants exactly one of header, cookie, client, peer, path and method")
        if limit.name in names:
            raise ValueError(f"{place} has the name of another one, {limit.name}; give each limit a name of its own")
        names.add(limit.name)
    return read
