"""HTTPRoute."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault, changeable_header_name, cookie_name, header_name, header_value, matched_path, path
from hauberk_core.resources.duration import GatewayDuration
from hauberk_core.resources.gateway_api.references import (
    GATEWAY_GROUP,
    BackendObjectReference,
    Fraction,
    Hostname,
    ParentReference,
    PreciseHostname,
    missing_port,
)
from hauberk_core.resources.meta import LocalObjectReference, Resource
from hauberk_core.resources.names import Group, Kind, Label, Subdomain
from hauberk_core.resources.part import Part, Percent, PortNumber, follows, only_field_of_type, repeated

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


# Which field each type of a union has; the others must be absent.
_PATH_FIELDS: Final = {"ReplaceFullPath": "replaceFullPath", "ReplacePrefixMatch": "replacePrefixMatch"}
_FILTER_FIELDS: Final = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "CORS": "cors",
    "ExtensionRef": "extensionRef",
}
# These may stand several times in one list of filters.
_REPEATABLE: Final = ("RequestMirror", "ExtensionRef")


def modified_header_name(text: str) -> Fault | None:
    """The name of a header that a filter may change."""
    if text.lower() == "host":
        return "Host cannot be changed as a header", "write a filter of the type URLRewrite with a hostname"
    return changeable_header_name(text)


class HttpPathMatch(Part, frozen=True, kw_only=True):
    """A condition on the path; `PathPrefix` goes by elements."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, msgspec.Meta(max_length=1024)] = "/"

    def mistakes(self) -> list[Mistake]:
        fault = None if self.type == "RegularExpression" else matched_path(self.value)
        if fault is not None and "?" in self.value:
            fault = fault[0], "match query parameters with queryParams"
        return [Mistake(("value",), *fault)] if fault else []


class HttpHeaderMatch(Part, frozen=True, kw_only=True):
    """A condition on a header; of several with one name the first counts."""

    name: Annotated[str, follows(header_name)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HttpQueryParamMatch(Part, frozen=True, kw_only=True):
    """A condition on a query parameter; of several with one name the first counts."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HttpRouteMatch(Part, frozen=True, kw_only=True):
    """All conditions must hold."""

    path: HttpPathMatch = HttpPathMatch()
    headers: Annotated[tuple[HttpHeaderMatch, ...], msgspec.Meta(max_length=16)] = ()
    query_params: Annotated[tuple[HttpQueryParamMatch, ...], msgspec.Meta(max_length=16)] = ()
    method: HttpMethod | None = None

    def mistakes(self) -> list[Mistake]:
        found = repeated("headers", [header.name.lower() for header in self.headers], "condition on the header")
        return found + repeated("queryParams", [query.name for query in self.query_params], "condition on the parameter")


class HttpHeader(Part, frozen=True, kw_only=True):
    """A header to set or to add."""

    name: Annotated[str, follows(modified_header_name)]
    value: Annotated[str, follows(header_value)]


class HttpHeaderFilter(Part, frozen=True, kw_only=True):
    """Changes to headers."""

    set: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    add: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    remove: Annotated[tuple[Annotated[str, follows(modified_header_name)], ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        found = repeated("set", [header.name.lower() for header in self.set], "value for the header")
        found += repeated("add", [header.name.lower() for header in self.add], "value for the header")
        return found + repeated("remove", [name.lower() for name in self.remove], "mention of the header")


class HttpPathModifier(Part, frozen=True, kw_only=True):
    """A new path, or a new prefix in place of the one that matched."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, msgspec.Meta(max_length=1024)] | None = None

    def mistakes(self) -> list[Mistake]:
        found = only_field_of_type(self, self.type, _PATH_FIELDS)
        for name, text in (("replaceFullPath", self.replace_full_path), ("replacePrefixMatch", self.replace_prefix_match)):
            # An empty prefix removes the one that matched.
            fault = path(text) if text else None
            if fault is not None:
                found.append(Mistake((name,), *fault))
        return found


class HttpRequestRedirectFilter(Part, frozen=True, kw_only=True):
    """Sends the client elsewhere; what is not given stays as the request had it."""

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: HttpPathModifier | None = None
    port: PortNumber | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HttpUrlRewriteFilter(Part, frozen=True, kw_only=True):
    """What the backend is asked for instead of what the client asked for."""

    hostname: PreciseHostname | None = None
    path: HttpPathModifier | None = None


class HttpRequestMirrorFilter(Part, frozen=True, kw_only=True):
    """Sends a copy of requests to another backend; neither given: of all of them."""

    backend_ref: BackendObjectReference
    percent: Percent | None = None
    fraction: Fraction | None = None

    def mistakes(self) -> list[Mistake]:
        if self.percent is not None and self.fraction is not None:
            return [Mistake(("fraction",), "both percent and fraction", "remove one of the two")]
        return []


class HttpCorsFilter(Part, frozen=True, kw_only=True):
    """Which other origins may ask, and how."""

    allow_origins: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    allow_credentials: bool | None = None
    allow_methods: Annotated[tuple[str, ...], msgspec.Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    max_age: Annotated[int, msgspec.Meta(ge=1)] = 5
    """Seconds."""


class HttpRouteFilter(Part, frozen=True, kw_only=True):
    """One step a request or its answer goes through; `type` tells which of the other fields is given."""

    type: FilterType
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    request_redirect: HttpRequestRedirectFilter | None = None
    url_rewrite: HttpUrlRewriteFilter | None = None
    cors: HttpCorsFilter | None = None
    extension_ref: LocalObjectReference | None = None

    def mistakes(self) -> list[Mistake]:
        return only_field_of_type(self, self.type, _FILTER_FIELDS)


class HttpBackendRef(Part, frozen=True, kw_only=True):
    """A backend and its share of the requests, in proportion to the weights of its rule."""

    name: Subdomain
    group: Group = ""
    kind: Kind = "Service"
    namespace: Label | None = None
    port: PortNumber | None = None
    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1
    filters: Annotated[tuple[HttpRouteFilter, ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        return missing_port(self.group, self.kind, self.port) + _filters_that_clash(self.filters)


class HttpRouteTimeouts(Part, frozen=True, kw_only=True):
    """`0s` switches a timeout off, None leaves it to the proxy."""

    request: GatewayDuration | None = None
    """The whole exchange, as the client sees it."""
    backend_request: GatewayDuration | None = None
    """One attempt."""

    def mistakes(self) -> list[Mistake]:
        whole, attempt = self.request, self.backend_request
        if whole is not None and attempt is not None and 0 < whole.seconds < attempt.seconds:
            message = f"an attempt may take {attempt}, the whole exchange only {whole}"
            return [Mistake(("backendRequest",), message, f"write at most {whole}")]
        return []


class HttpRouteRetry(Part, frozen=True, kw_only=True):
    """When and how often to try again."""

    codes: Annotated[tuple[Annotated[int, msgspec.Meta(ge=400, le=599)], ...], msgspec.Meta(max_length=64)] = ()
    attempts: Annotated[int, msgspec.Meta(ge=0)] | None = None
    backoff: GatewayDuration | None = None


class CookieConfig(Part, frozen=True, kw_only=True):
    """How long a session's cookie lives."""

    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionPersistence(Part, frozen=True, kw_only=True):
    """Sends the requests of one session to one endpoint."""

    session_name: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    absolute_timeout: GatewayDuration | None = None
    idle_timeout: GatewayDuration | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: CookieConfig | None = None

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        if self.session_name is not None:
            fault = cookie_name(self.session_name) if self.type == "Cookie" else changeable_header_name(self.session_name)
            if fault is not None:
                found.append(Mistake(("sessionName",), *fault))
        if self.cookie_config is not None:
            if self.type != "Cookie":
                message = "cookieConfig for a session that is carried in a header"
                found.append(Mistake(("cookieConfig",), message, "remove it, or write type: Cookie"))
            elif self.cookie_config.lifetime_type == "Permanent" and not (
                self.absolute_timeout and self.absolute_timeout.seconds >= 1
            ):
                message = "a Permanent cookie must say for how long"
                found.append(Mistake(("absoluteTimeout",), message, "add absoluteTimeout, at least 1s"))
        return found


class HttpRouteRule(Part, frozen=True, kw_only=True):
    """Requests that any of the matches takes, and what becomes of them."""

    name: Subdomain | None = None
    matches: Annotated[tuple[HttpRouteMatch, ...], msgspec.Meta(max_length=64)] = (HttpRouteMatch(),)
    filters: Annotated[tuple[HttpRouteFilter, ...], msgspec.Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HttpBackendRef, ...], msgspec.Meta(max_length=16)] = ()
    timeouts: HttpRouteTimeouts | None = None
    retry: HttpRouteRetry | None = None
    session_persistence: SessionPersistence | None = None

    def mistakes(self) -> list[Mistake]:
        found = _filters_that_clash(self.filters)
        if self.backend_refs:
            for index, one in enumerate(self.filters):
                if one.type == "RequestRedirect":
                    hint = "remove it or the backendRefs: a redirected request reaches no backend"
                    found.append(Mistake(("filters", index), "a redirect in a rule with backends", hint))
        prefixes = [match for match in self.matches if match.path.type == "PathPrefix"]
        if len(prefixes) != len(self.matches):
            for index, one in enumerate(self.filters):
                field = _prefix_modifier(one)
                if field is not None:
                    message = "ReplacePrefixMatch in a rule that matches other than by prefix"
                    hint = "match by PathPrefix alone, or write ReplaceFullPath"
                    found.append(Mistake(("filters", index, field, "path", "type"), message, hint))
        return found


class HttpRouteSpec(Part, frozen=True, kw_only=True):
    """Where the route attaches, which hosts it is for, and its rules."""

    parent_refs: Annotated[tuple[ParentReference, ...], msgspec.Meta(max_length=32)] = ()
    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[HttpRouteRule, ...], msgspec.Meta(max_length=16)] = (HttpRouteRule(),)

    def mistakes(self) -> list[Mistake]:
        parents = [(one.group, one.kind, one.namespace, one.name, one.section_name, one.port) for one in self.parent_refs]
        found: list[Mistake] = []
        for index, parent in enumerate(parents):
            if parent in parents[:index]:
                found.append(Mistake(("parentRefs", index), "this parent is named twice", "remove one of the two"))
        found += repeated("hostnames", self.hostnames, "mention of the host")
        return found + repeated("rules", [rule.name for rule in self.rules], "rule called")


class HTTPRoute(Resource, frozen=True, kw_only=True):
    """Which HTTP request goes where."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "HTTPRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: HttpRouteSpec = HttpRouteSpec()


def _filters_that_clash(filters: tuple[HttpRouteFilter, ...]) -> list[Mistake]:
    types = [one.type for one in filters]
    found = repeated("filters", [None if one in _REPEATABLE else one for one in types], "filter of the type")
    if "RequestRedirect" in types and "URLRewrite" in types:
        path = ("filters", types.index("URLRewrite"))
        found.append(Mistake(path, "a rewrite beside a redirect", "remove one of the two: a redirected request is not forwarded"))
    return found


def _prefix_modifier(one: HttpRouteFilter) -> str | None:
    """The field of a filter that replaces the prefix that matched."""
    for field, own in (("requestRedirect", one.request_redirect), ("urlRewrite", one.url_rewrite)):
        if own is not None and own.path is not None and own.path.type == "ReplacePrefixMatch":
            return field
    return None
