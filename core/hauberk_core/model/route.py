"""Which request goes where: Gateway API's HTTPRoute, reduced to what a proxy needs."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import PluginConfig

Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PathMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on the request's path (without its query)."""

    kind: Literal["exact", "prefix", "starts_with", "regex"] = "prefix"
    """`prefix` goes by path elements (`/foo` takes `/foo` and `/foo/bar`, not `/foobar`); `starts_with` by characters;
    `regex` (RE2) must match the whole path."""
    value: str = "/"


class ValueMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition on one header (name without regard to case) or one query parameter (name exactly)."""

    name: str
    kind: Literal["exact", "prefix", "regex", "present"] = "exact"
    value: str = ""
    invert: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All conditions must hold; an absent one always does."""

    path: PathMatch = PathMatch()
    method: str = ""
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()


class HeaderModifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to header fields, in this order: remove, set (replace), add (append)."""

    remove: tuple[str, ...] = ()
    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()


class Redirect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer that sends the client elsewhere; what is not given stays as the request had it."""

    scheme: Literal["", "http", "https"] = ""
    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    path: str | None = None
    """Replaces the whole path."""
    prefix: str | None = None
    """Replaces the prefix that matched."""
    status: Literal[301, 302, 303, 307, 308] = 302


class Rewrite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the upstream is asked for instead of what the client asked for."""

    host: str = ""
    path: str | None = None
    prefix: str | None = None
    """Replaces the prefix that matched."""


class WeightedCluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A share of a route's requests. Header changes made here apply to this share only, after the route's."""

    cluster: str
    """Empty: this share is answered with 500, as Gateway API has it for a backend that does not exist."""
    weight: Weight = 1
    request_headers: HeaderModifier | None = None
    response_headers: HeaderModifier | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule: its matches (any of them), and what becomes of a request that it takes.

    Exactly one of `backends` and `redirect` decides; with neither (or no positive weight) the answer is 500.
    """

    name: str
    matches: tuple[Match, ...] = (Match(),)
    created: str = ""
    """RFC 3339 time of the object this came from: of two equal matches the older wins, then the smaller name."""
    backends: tuple[WeightedCluster, ...] = ()
    redirect: Redirect | None = None
    rewrite: Rewrite | None = None
    request_headers: HeaderModifier | None = None
    response_headers: HeaderModifier | None = None
    timeout: Duration = Duration(0.0)
    """The whole exchange as the client sees it; `0s`: no limit."""
    backend_timeout: Duration = Duration(0.0)
    """One attempt at one endpoint; `0s`: no limit."""
    plugins: tuple[PluginConfig, ...] = ()
    """For requests that this route takes; their filters come after those of the filter chain."""


class VirtualHost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules for one set of host names: exact, `*.example.test` (any number of labels), or `*`."""

    name: str
    hosts: tuple[str, ...]
    routes: tuple[Route, ...] = ()


class RouteTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything one filter chain routes by."""

    virtual_hosts: tuple[VirtualHost, ...] = ()
