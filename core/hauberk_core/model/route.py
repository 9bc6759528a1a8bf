"""Which request goes where: Gateway API's HTTPRoute, reduced to what a proxy needs."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.cors import Cors
from hauberk_core.model.duration import Duration
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.retry import Retry

Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PathMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on the request's path (without its query)."""

    kind: Literal["exact", "prefix", "starts_with", "regex"] = "prefix"
    """`prefix` goes by path elements (`/foo` takes `/foo` and `/foo/bar`, not `/foobar`); `starts_with` by characters;
    `regex` (RE2) must match the whole path."""
    value: str = "/"
    """What the path is compared with."""


class ValueMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on one header (name without regard to case) or one query parameter (name exactly)."""

    name: str
    """Of the field or parameter."""
    kind: Literal["exact", "prefix", "regex", "present"] = "exact"
    """`present`: whatever its value is; `regex` (RE2) must match the whole value."""
    value: str = ""
    """What the value is compared with."""
    invert: bool = False
    """True: holds where it would not."""


class GrpcMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on what a gRPC call calls, which is its path: `/service/method`. A part that is left out may be any.

    Of two that take a call, the one goes first that says more: an exact service and method, an exact service, a method alone or
    regular expressions (by the characters of the service, then by those of the method), nothing.
    """

    kind: Literal["exact", "regex"] = "exact"
    """Of both parts; `regex` (RE2) must match the whole part."""
    service: str = ""
    """With its package, for example `books.v1.Reviews`."""
    method: str = ""
    """For example `GetReviews`."""


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All conditions must hold; an absent one always does."""

    path: PathMatch = PathMatch()
    """On the path."""
    grpc: GrpcMatch | None = None
    """On the gRPC call, in place of the path."""
    method: str = ""
    """The method, in the case in which it is sent; empty: any."""
    headers: tuple[ValueMatch, ...] = ()
    """On header fields."""
    query: tuple[ValueMatch, ...] = ()
    """On query parameters."""


class HeaderModifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to header fields, in this order: remove, set (replace), add (append)."""

    remove: tuple[str, ...] = ()
    """Names of fields."""
    set: tuple[tuple[str, str], ...] = ()
    """Pairs of name and value: the only field of that name afterwards."""
    add: tuple[tuple[str, str], ...] = ()
    """Pairs of name and value: one field more."""


class Redirect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer that sends the client elsewhere; what is not given stays as the request had it."""

    scheme: Literal["", "http", "https"] = ""
    """Empty: the request's."""
    host: str = ""
    """Empty: the request's."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """0: the scheme's own where `scheme` is given, else the listener's."""
    path: str | None = None
    """Replaces the whole path."""
    prefix: str | None = None
    """Replaces the prefix that matched."""
    status: Literal[301, 302, 303, 307, 308] = 302
    """Of the answer."""


class Rewrite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the upstream is asked for instead of what the client asked for."""

    host: str = ""
    """What `Host` says; empty: what the client wrote."""
    path: str | None = None
    """Replaces the whole path."""
    prefix: str | None = None
    """Replaces the prefix that matched."""


class WeightedCluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A share of a route's requests. Header changes made here apply to this share only, after the route's."""

    cluster: str
    """Empty: this share is answered with 500, as Gateway API has it for a backend that does not exist."""
    weight: Weight = 1
    """Its part of the sum of all weights of the route."""
    request_headers: HeaderModifier | None = None
    """Changes before the backend sees the request."""
    response_headers: HeaderModifier | None = None
    """Changes before the client sees the response."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule: its matches (any of them), and what becomes of a request that it takes.

    Exactly one of `backends` and `redirect` decides; with neither (or no positive weight) the answer is 500.
    """

    name: str
    """Shown in the access log and on spans; unique in its virtual host."""
    matches: tuple[Match, ...] = (Match(),)
    """Any of them takes a request."""
    created: str = ""
    """RFC 3339 time of the object this came from: of two equal matches the older wins, then the smaller name."""
    order: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Of several routes that take a request the one with the smaller number goes first, however specific their matches are."""
    backends: tuple[WeightedCluster, ...] = ()
    """Who answers, by weight."""
    redirect: Redirect | None = None
    """Where the client is sent instead."""
    rewrite: Rewrite | None = None
    """What the backends are asked for instead."""
    request_headers: HeaderModifier | None = None
    """Changes before a backend sees the request."""
    response_headers: HeaderModifier | None = None
    """Changes before the client sees the response."""
    timeout: Duration = Duration(0.0)
    """The whole exchange as the client sees it; `0s`: no limit."""
    backend_timeout: Duration = Duration(0.0)
    """One attempt at one endpoint; `0s`: no limit."""
    retry: Retry | None = None
    """When a request is sent again; absent: only where nothing of it was sent."""
    mirrors: tuple[Mirror, ...] = ()
    """Who gets copies of the requests."""
    cors: Cors | None = None
    """Which pages of other origins may read the answers; absent: the backends say it themselves."""
    plugins: tuple[PluginConfig, ...] = ()
    """For requests that this route takes; their filters come after those of the filter chain."""


class VirtualHost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules for one set of host names: exact, `*.example.test` (any number of labels), or `*`."""

    name: str
    """Unique in its table."""
    hosts: tuple[str, ...]
    """Names without a port; exact, `*.example.test` or `*`. One host belongs to one virtual host of a table."""
    routes: tuple[Route, ...] = ()
    """The most specific match decides, whatever their order here; unless their `order` says otherwise."""
    misdirected: bool = False
    """True: another filter chain of the listener is there for these hosts, so that who asks here is told (421) to make a
    connection of its own for them (RFC 9110 section 15.5.20). Takes no routes."""


class RouteTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything one filter chain routes by."""

    virtual_hosts: tuple[VirtualHost, ...] = ()
    """The most specific host name decides which one takes a request."""
