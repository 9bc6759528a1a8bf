"""HTTPRoute."""

from typing import Annotated, ClassVar, Literal

import msgspec

from hauberk_core.model.syntax import changeable_header_name, header_name, header_value
from hauberk_core.resources.duration import GatewayDuration
from hauberk_core.resources.gateway_api.references import (
    GATEWAY_GROUP,
    BackendObjectReference,
    Fraction,
    Hostname,
    ParentReference,
    PreciseHostname,
)
from hauberk_core.resources.meta import LocalObjectReference, Resource
from hauberk_core.resources.names import Group, Kind, Label, Subdomain
from hauberk_core.resources.part import Part, Percent, PortNumber, follows

HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
FilterType = Literal[
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "RequestRedirect",
    "URLRewrite",
    "CORS",
    "ExtensionRef",
]


class HttpPathMatch(Part, kw_only=True):
    """A condition on the path; `PathPrefix` goes by elements."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, msgspec.Meta(max_length=1024)] = "/"


class HttpHeaderMatch(Part, kw_only=True):
    """A condition on a header; of several with one name the first counts."""

    name: Annotated[str, follows(header_name)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HttpQueryParamMatch(Part, kw_only=True):
    """A condition on a query parameter; of several with one name the first counts."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HttpRouteMatch(Part, kw_only=True):
    """All conditions must hold."""

    path: HttpPathMatch = HttpPathMatch()
    headers: Annotated[tuple[HttpHeaderMatch, ...], msgspec.Meta(max_length=16)] = ()
    query_params: Annotated[tuple[HttpQueryParamMatch, ...], msgspec.Meta(max_length=16)] = ()
    method: HttpMethod | None = None


class HttpHeader(Part, kw_only=True):
    """A header to set or to add."""

    name: Annotated[str, follows(changeable_header_name)]
    value: Annotated[str, follows(header_value)]


class HttpHeaderFilter(Part, kw_only=True):
    """Changes to headers."""

    set: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    add: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    remove: Annotated[tuple[Annotated[str, follows(changeable_header_name)], ...], msgspec.Meta(max_length=16)] = ()


class HttpPathModifier(Part, kw_only=True):
    """A new path, or a new prefix in place of the one that matched."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class HttpRequestRedirectFilter(Part, kw_only=True):
    """Sends the client elsewhere; what is not given stays as the request had it."""

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: HttpPathModifier | None = None
    port: PortNumber | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HttpUrlRewriteFilter(Part, kw_only=True):
    """What the backend is asked for instead of what the client asked for."""

    hostname: PreciseHostname | None = None
    path: HttpPathModifier | None = None


class HttpRequestMirrorFilter(Part, kw_only=True):
    """Sends a copy of requests to another backend; neither given: of all of them."""

    backend_ref: BackendObjectReference
    percent: Percent | None = None
    fraction: Fraction | None = None


class HttpCorsFilter(Part, kw_only=True):
    """Which other origins may ask, and how."""

    allow_origins: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    allow_credentials: bool | None = None
    allow_methods: Annotated[tuple[str, ...], msgspec.Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    max_age: Annotated[int, msgspec.Meta(ge=1)] = 5
    """Seconds."""


class HttpRouteFilter(Part, kw_only=True):
    """One step a request or its answer goes through; `type` tells which of the other fields is given."""

    type: FilterType
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    request_redirect: HttpRequestRedirectFilter | None = None
    url_rewrite: HttpUrlRewriteFilter | None = None
    cors: HttpCorsFilter | None = None
    extension_ref: LocalObjectReference | None = None


class HttpBackendRef(Part, kw_only=True):
    """A backend and its share of the requests, in proportion to the weights of its rule."""

    name: Subdomain
    group: Group = ""
    kind: Kind = "Service"
    namespace: Label | None = None
    port: PortNumber | None = None
    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1
    filters: Annotated[tuple[HttpRouteFilter, ...], msgspec.Meta(max_length=16)] = ()


class HttpRouteTimeouts(Part, kw_only=True):
    """`0s` switches a timeout off, None leaves it to the proxy."""

    request: GatewayDuration | None = None
    """The whole exchange, as the client sees it."""
    backend_request: GatewayDuration | None = None
    """One attempt."""


class HttpRouteRetry(Part, kw_only=True):
    """When and how often to try again."""

    codes: Annotated[tuple[Annotated[int, msgspec.Meta(ge=400, le=599)], ...], msgspec.Meta(max_length=64)] = ()
    attempts: Annotated[int, msgspec.Meta(ge=0)] | None = None
    backoff: GatewayDuration | None = None


class CookieConfig(Part, kw_only=True):
    """How long a session's cookie lives."""

    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionPersistence(Part, kw_only=True):
    """Sends the requests of one session to one endpoint."""

    session_name: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    absolute_timeout: GatewayDuration | None = None
    idle_timeout: GatewayDuration | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: CookieConfig | None = None


class HttpRouteRule(Part, kw_only=True):
    """Requests that any of the matches takes, and what becomes of them."""

    name: Subdomain | None = None
    matches: Annotated[tuple[HttpRouteMatch, ...], msgspec.Meta(max_length=64)] = (HttpRouteMatch(),)
    filters: Annotated[tuple[HttpRouteFilter, ...], msgspec.Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HttpBackendRef, ...], msgspec.Meta(max_length=16)] = ()
    timeouts: HttpRouteTimeouts | None = None
    retry: HttpRouteRetry | None = None
    session_persistence: SessionPersistence | None = None


class HttpRouteSpec(Part, kw_only=True):
    """Where the route attaches, which hosts it is for, and its rules."""

    parent_refs: Annotated[tuple[ParentReference, ...], msgspec.Meta(max_length=32)] = ()
    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[HttpRouteRule, ...], msgspec.Meta(max_length=16)] = (HttpRouteRule(),)


class HTTPRoute(Resource, kw_only=True):
    """Which HTTP request goes where."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "HTTPRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: HttpRouteSpec = HttpRouteSpec()
