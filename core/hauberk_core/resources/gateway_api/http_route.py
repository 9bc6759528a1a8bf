"""HTTPRoute."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import header_name, matched_path, origin_pattern, path
from hauberk_core.resources.duration import GatewayDuration
from hauberk_core.resources.gateway_api.external_auth import HttpExternalAuthFilter
from hauberk_core.resources.gateway_api.header_filter import HttpHeaderFilter, HttpHeaderMatch
from hauberk_core.resources.gateway_api.mirror_filter import HttpRequestMirrorFilter
from hauberk_core.resources.gateway_api.references import Hostname, PreciseHostname
from hauberk_core.resources.gateway_api.route import BackendRef, Route, RouteSpec, filters_twice
from hauberk_core.resources.gateway_api.session_persistence import SessionPersistence
from hauberk_core.resources.meta import LocalObjectReference
from hauberk_core.resources.names import Subdomain
from hauberk_core.resources.part import Part, PortNumber, follows, only_field_of_type, repeated
from hauberk_core.resources.pattern import wrong_pattern

HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
_CorsMethod = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"]
FilterType = Literal[
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "RequestRedirect",
    "URLRewrite",
    "CORS",
    "ExternalAuth",
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
    "ExternalAuth": "externalAuth",
    "ExtensionRef": "extensionRef",
}


class HttpPathMatch(Part, frozen=True, kw_only=True):
    """A condition on the path; `PathPrefix` goes by elements."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, msgspec.Meta(max_length=1024)] = "/"

    def mistakes(self) -> list[Mistake]:
        if self.type == "RegularExpression":
            return wrong_pattern("value", self.value)
        fault = matched_path(self.value)
        if fault is not None and "?" in self.value:
            fault = fault[0], "match query parameters with queryParams"
        return [Mistake(("value",), *fault)] if fault else []


class HttpQueryParamMatch(Part, frozen=True, kw_only=True):
    """A condition on a query parameter; of several with one name the first counts."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"

    def mistakes(self) -> list[Mistake]:
        return wrong_pattern("value", self.value) if self.type == "RegularExpression" else []


class HttpRouteMatch(Part, frozen=True, kw_only=True):
    """All conditions must hold."""

    path: HttpPathMatch = HttpPathMatch()
    headers: Annotated[tuple[HttpHeaderMatch, ...], msgspec.Meta(max_length=16)] = ()
    query_params: Annotated[tuple[HttpQueryParamMatch, ...], msgspec.Meta(max_length=16)] = ()
    method: HttpMethod | None = None

    def mistakes(self) -> list[Mistake]:
        found = repeated("headers", [header.name.lower() for header in self.headers], "condition on the header")
        return found + repeated("queryParams", [query.name for query in self.query_params], "condition on the parameter")


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


class HttpCorsFilter(Part, frozen=True, kw_only=True):
    """Which other origins may ask, and how (the Fetch standard's CORS protocol)."""

    allow_origins: Annotated[tuple[Annotated[str, follows(origin_pattern)], ...], msgspec.Meta(max_length=64)] = ()
    allow_credentials: bool | None = None
    allow_methods: Annotated[tuple[_CorsMethod, ...], msgspec.Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[Annotated[str, follows(header_name)], ...], msgspec.Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[Annotated[str, follows(header_name)], ...], msgspec.Meta(max_length=64)] = ()
    max_age: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = 5
    """Seconds."""

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        lists = (
            ("allowOrigins", self.allow_origins),
            ("allowMethods", self.allow_methods),
            ("allowHeaders", self.allow_headers),
        )
        for field, values in lists:
            if "*" in values and len(values) > 1:
                found.append(Mistake((field,), "* beside others", "write * alone, or only the others"))
        return found


class HttpRouteFilter(Part, frozen=True, kw_only=True):
    """One step a request or its answer goes through; `type` tells which of the other fields is given."""

    type: FilterType
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    request_redirect: HttpRequestRedirectFilter | None = None
    url_rewrite: HttpUrlRewriteFilter | None = None
    cors: HttpCorsFilter | None = None
    external_auth: HttpExternalAuthFilter | None = None
    extension_ref: LocalObjectReference | None = None

    def mistakes(self) -> list[Mistake]:
        return only_field_of_type(self, self.type, _FILTER_FIELDS)


class HttpBackendRef(BackendRef, frozen=True, kw_only=True):
    """A backend, its share of the requests, and what is done to that share alone."""

    filters: Annotated[tuple[HttpRouteFilter, ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        return super().mistakes() + _filters_that_clash(self.filters)


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


class HttpRouteSpec(RouteSpec, frozen=True, kw_only=True):
    """Where the route attaches, which hosts it is for, and its rules."""

    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[HttpRouteRule, ...], msgspec.Meta(max_length=16)] = (HttpRouteRule(),)

    def mistakes(self) -> list[Mistake]:
        found = super().mistakes() + repeated("hostnames", self.hostnames, "mention of the host")
        return found + repeated("rules", [rule.name for rule in self.rules], "rule called")


class HTTPRoute(Route, frozen=True, kw_only=True):
    """Which HTTP request goes where."""

    KIND: ClassVar[str] = "HTTPRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: HttpRouteSpec = HttpRouteSpec()

    def hosts(self) -> tuple[str, ...]:
        return self.spec.hostnames

    def backends(self) -> tuple[BackendRef, ...]:
        return tuple([backend for rule in self.spec.rules for backend in rule.backend_refs])


def _filters_that_clash(filters: tuple[HttpRouteFilter, ...]) -> list[Mistake]:
    types = [one.type for one in filters]
    found = filters_twice(types)
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
