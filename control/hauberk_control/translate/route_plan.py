"""An HTTPRoute or a GRPCRoute in the proxy's terms, but for its backends: what depends on the object alone."""

from collections.abc import Sequence
from typing import NamedTuple

from hauberk_control.translate.grpc_rule import as_http, call_matches
from hauberk_control.translate.value_matches import value_matches
from hauberk_core.model.check_routes import check_route_table
from hauberk_core.model.cors import Cors
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.retry import MOST_RETRIES, Retry
from hauberk_core.model.route import (
    HeaderModifier,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    VirtualHost,
)
from hauberk_core.resources import GRPCRoute, HTTPRoute
from hauberk_core.resources.gateway_api.header_filter import HttpHeader, HttpHeaderFilter
from hauberk_core.resources.gateway_api.http_route import (
    HttpCorsFilter,
    HttpPathMatch,
    HttpPathModifier,
    HttpRouteFilter,
    HttpRouteMatch,
    HttpRouteRetry,
    HttpRouteRule,
)
from hauberk_core.resources.gateway_api.references import BackendObjectReference
from hauberk_core.resources.gateway_api.route import BackendRef
from hauberk_core.resources.gateway_api.rule_name import rule_name
from hauberk_core.route.errors import RouteErrors
from hauberk_core.route.table import compile_table


class BackendPlan(NamedTuple):
    """One backend of a rule, not yet looked up, and what changes on the way to it and back."""

    reference: BackendRef
    path: Path
    request_headers: HeaderModifier | None
    response_headers: HeaderModifier | None


class MirrorPlan(NamedTuple):
    """A backend that gets copies of a rule's requests, not yet looked up."""

    reference: BackendObjectReference
    path: Path
    share: float


class RulePlan(NamedTuple):
    """One rule."""

    position: int
    """In the resource, counted from 0."""
    route: Route
    """Without backends and mirrors."""
    backends: tuple[BackendPlan, ...]
    mirrors: tuple[MirrorPlan, ...] = ()

    @property
    def references(self) -> tuple[BackendPlan | MirrorPlan, ...]:
        """Everything that the rule sends requests to."""
        return (*self.backends, *self.mirrors)


class RoutePlan(NamedTuple):
    """All rules of a route, or why it is refused."""

    rules: tuple[RulePlan, ...]
    """A rule with a mistake answers the requests that it matches with 500: they must neither go on without what it says nor reach
    another rule. One whose matches are the mistake is left out."""
    mistakes: tuple[Mistake, ...]
    dropped: tuple[int, ...] = ()
    """Positions of the rules that have mistakes."""
    refused: bool = False
    """Whether nothing of the route is served."""


def plan_route(route: HTTPRoute | GRPCRoute) -> RoutePlan:
    """Read a route. Everything that the proxy would refuse is found here, so that no other rule or route suffers."""
    mistakes: list[Mistake] = []
    if isinstance(route, GRPCRoute):
        read = [(as_http(rule), call_matches(rule)) for rule in route.spec.rules]
    else:
        read = [(rule, tuple([_match(match) for match in rule.matches])) for rule in route.spec.rules]
    rules = [_plan_rule(route, rule, index, matches, mistakes) for index, (rule, matches) in enumerate(read)]
    rules = _without(rules, mistakes)
    for find in (_wrong_fields, _wrong_patterns):
        found = find(rules)
        mistakes += found
        rules = _without(rules, found)
    wrong = [mistake for mistake in mistakes if mistake.severity == "error"]
    dropped = tuple(sorted({index for mistake in wrong if (index := _rule_of(mistake)) is not None}))
    refused = len(dropped) == len(route.spec.rules) > 0 or any(_rule_of(mistake) is None for mistake in wrong)
    return RoutePlan(() if refused else tuple(rules), tuple(mistakes), dropped, refused)


def _without(rules: Sequence[RulePlan], mistakes: Sequence[Mistake]) -> list[RulePlan]:
    """The rules after some mistakes were found in them."""
    wrong = [mistake for mistake in mistakes if mistake.severity == "error"]
    unmatched = {_rule_of(mistake) for mistake in wrong if mistake.path[3:4] == ("matches",)}
    closed = {_rule_of(mistake) for mistake in wrong}
    return [_closed(rule) if rule.position in closed else rule for rule in rules if rule.position not in unmatched]


def _closed(rule: RulePlan) -> RulePlan:
    """A rule that answers what it matches with 500."""
    own = rule.route
    return RulePlan(rule.position, Route(name=own.name, matches=own.matches, created=own.created), ())


def _rule_of(mistake: Mistake) -> int | None:
    """The position of the rule that a mistake is in."""
    match mistake.path:
        case ("spec", "rules", int(index), *_):
            return index
        case _:
            return None


def _plan_rule(
    route: HTTPRoute | GRPCRoute, rule: HttpRouteRule, index: int, matches: tuple[Match, ...], mistakes: list[Mistake]
) -> RulePlan:
    path: Path = ("spec", "rules", index)
    backends: list[BackendPlan] = []
    for position, reference in enumerate(rule.backend_refs):
        place = (*path, "backendRefs", position)
        own = _Filters(reference.filters, (*place, "filters"), mistakes)
        if own.redirect is not None or own.rewrite is not None or own.cors is not None or own.mirrors:
            message = "of one backend alone, only headers are changed"
            mistakes.append(Mistake((*place, "filters"), message, "move it to the filters of a rule of its own"))
        if reference.kind == "Service" and reference.group == "" and reference.port is None:
            mistakes.append(Mistake((*place,), "a Service as backend needs a port", "add port, the service's"))
        backends.append(BackendPlan(reference, place, own.request_headers, own.response_headers))
    filters = _Filters(rule.filters, (*path, "filters"), mistakes)
    if filters.redirect is not None and backends:
        message = "a rule that redirects has no use for backends"
        mistakes.append(Mistake((*path, "backendRefs"), message, "remove the backends, or the redirect"))
    timeouts = rule.timeouts
    planned = Route(
        name=rule_name(route, index),
        matches=matches or (Match(),),
        created=route.metadata.creation_timestamp,
        redirect=filters.redirect,
        rewrite=filters.rewrite,
        request_headers=filters.request_headers,
        response_headers=filters.response_headers,
        timeout=_bounded(timeouts.request if timeouts else None),
        backend_timeout=_bounded(timeouts.backend_request if timeouts else None),
        retry=_retry(rule.retry, (*path, "retry"), mistakes),
        cors=filters.cors,
    )
    return RulePlan(index, planned, tuple(backends), tuple(filters.mirrors))


def _retry(told: HttpRouteRetry | None, path: Path, mistakes: list[Mistake]) -> Retry | None:
    """`attempts: 0` is no retry at all; what is left out is as without Gateway API."""
    if told is None or told.attempts == 0:
        return None
    usual = Retry()
    attempts = usual.attempts if told.attempts is None else told.attempts
    if attempts > MOST_RETRIES:
        message = f"{attempts} attempts; {MOST_RETRIES} are made"
        mistakes.append(Mistake((*path, "attempts"), message, f"write at most {MOST_RETRIES}", "warning"))
    backoff = told.backoff.seconds if told.backoff is not None else 0.0
    return Retry(
        codes=told.codes,
        attempts=min(attempts, MOST_RETRIES),
        backoff=Duration(min(backoff, LONGEST_SECONDS)) if backoff else usual.backoff,
    )


def _bounded(duration: Duration | None) -> Duration:
    return Duration(min(duration.seconds, LONGEST_SECONDS) if duration else 0.0)


def _match(match: HttpRouteMatch) -> Match:
    return Match(
        path=_path_match(match.path),
        method=match.method or "",
        headers=value_matches(match.headers, False),
        query=value_matches(match.query_params, True),
    )


def _path_match(match: HttpPathMatch) -> PathMatch:
    match match.type:
        case "Exact":
            return PathMatch(kind="exact", value=match.value)
        case "PathPrefix":
            return PathMatch(kind="prefix", value=match.value)
        case _:
            return PathMatch(kind="regex", value=match.value)


class _Filters:
    """A list of filters, sorted by what they do."""

    def __init__(self, filters: Sequence[HttpRouteFilter], path: Path, mistakes: list[Mistake]) -> None:
        self.request_headers: HeaderModifier | None = None
        self.response_headers: HeaderModifier | None = None
        self.redirect: Redirect | None = None
        self.rewrite: Rewrite | None = None
        self.cors: Cors | None = None
        self.mirrors: list[MirrorPlan] = []
        seen: set[str] = set()
        for index, one in enumerate(filters):
            if one.type in seen and one.type != "RequestMirror":
                mistakes.append(Mistake((*path, index), f"a second {one.type} in one list", "merge the two"))
            seen.add(one.type)
            if not self._take(one, (*path, index)):
                message = f"the filter {one.type} is not done here, and requests must not pass without it"
                mistakes.append(Mistake((*path, index), message, "remove it, or use another kind of filter"))

    def _take(self, one: HttpRouteFilter, path: Path) -> bool:
        """Note a filter. Returns: whether it is understood."""
        match one.type:
            case "RequestHeaderModifier" if one.request_header_modifier:
                self.request_headers = _modifier(one.request_header_modifier)
            case "ResponseHeaderModifier" if one.response_header_modifier:
                self.response_headers = _modifier(one.response_header_modifier)
            case "RequestRedirect" if one.request_redirect:
                told = one.request_redirect
                whole, prefix = _replaced(told.path)
                self.redirect = Redirect(
                    scheme=told.scheme or "",
                    host=told.hostname or "",
                    port=told.port or 0,
                    path=whole,
                    prefix=prefix,
                    status=told.status_code,
                )
            case "URLRewrite" if one.url_rewrite:
                whole, prefix = _replaced(one.url_rewrite.path)
                self.rewrite = Rewrite(host=one.url_rewrite.hostname or "", path=whole, prefix=prefix)
            case "RequestMirror" if one.request_mirror:
                place = (*path, "requestMirror", "backendRef")
                self.mirrors.append(MirrorPlan(one.request_mirror.backend_ref, place, one.request_mirror.share()))
            case "CORS" if one.cors:
                self.cors = _cors(one.cors)
            case _:
                return False
        return True


def _cors(told: HttpCorsFilter) -> Cors:
    return Cors(
        allow_origins=told.allow_origins,
        allow_credentials=bool(told.allow_credentials),
        allow_methods=told.allow_methods,
        allow_headers=told.allow_headers,
        expose_headers=told.expose_headers,
        max_age=told.max_age,
    )


def _replaced(modifier: HttpPathModifier | None) -> tuple[str | None, str | None]:
    """The new path, or the new prefix."""
    if modifier is None:
        return None, None
    if modifier.type == "ReplaceFullPath":
        return modifier.replace_full_path, None
    return None, modifier.replace_prefix_match


def _modifier(told: HttpHeaderFilter) -> HeaderModifier:
    return HeaderModifier(remove=told.remove, set=_headers(told.set), add=_headers(told.add))


def _headers(headers: Sequence[HttpHeader]) -> tuple[tuple[str, str], ...]:
    """Of several with one name the first counts."""
    found: dict[str, tuple[str, str]] = {}
    for header in headers:
        found.setdefault(header.name.lower(), (header.name, header.value))
    return tuple(found.values())


def _wrong_fields(rules: Sequence[RulePlan]) -> list[Mistake]:
    """What the proxy would refuse of the rules' fields, with its place in the resource."""
    found: list[Mistake] = []
    check_route_table(_table(rules), (), (), found)
    return [_in_resource(mistake, rules) for mistake in found if mistake.severity == "error"]


def _wrong_patterns(rules: Sequence[RulePlan]) -> list[Mistake]:
    """Which regular expressions the proxy would refuse. Args: rules - their other fields are right."""
    try:
        compile_table(_table(rules))
    except RouteErrors as errors:
        return [_in_resource(Mistake(error.path, error.message, error.hint), rules) for error in errors.errors]
    return []


def _table(rules: Sequence[RulePlan]) -> RouteTable:
    return RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=tuple([rule.route for rule in rules])),))


def _in_resource(mistake: Mistake, rules: Sequence[RulePlan]) -> Mistake:
    """A mistake of the table with its place in the resource: down to the rule, and to the match where it is in one."""
    match mistake.path:
        case (_, _, "routes", int(rule), "matches", int(match), *rest):
            where = {"query": "queryParams", "grpc": "method"}.get(str(rest[0]), str(rest[0])) if rest else ""
            path: Path = ("spec", "rules", rules[rule].position, "matches", match, *([where] if where else []))
        case (_, _, "routes", int(), "created", *_):
            path = ("metadata", "creationTimestamp")
        case (_, _, "routes", int(rule), *_):
            path = ("spec", "rules", rules[rule].position)
        case _:
            path = ()
    return mistake._replace(path=path)
