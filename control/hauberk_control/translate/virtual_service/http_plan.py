"""The rules for requests of a VirtualService in the proxy's terms: what depends on the object alone, not on callers and ports.

Everything that a proxy would refuse is found here, so that no other object suffers. A rule with a mistake answers what it takes
with 500: those requests must neither go on without what it says nor reach another rule. A match that is the mistake takes
nothing, and the others of its rule go on; a rule without any is left out.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec

from hauberk_control.translate.plugin_policy import ReadPolicy
from hauberk_control.translate.virtual_service.conditions import EVERY_PATH, conditions
from hauberk_control.translate.virtual_service.cross_origin import cross_origin
from hauberk_control.translate.virtual_service.header_changes import header_changes
from hauberk_control.translate.virtual_service.plugins import rule_plugins
from hauberk_control.translate.virtual_service.retries import retry
from hauberk_core.model.check_routes import check_route_table
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import (
    HeaderModifier,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.resources import VirtualService
from hauberk_core.resources.istio.virtual_service import MOST_MATCHES, Destination, HttpDestination, HttpMatch, HttpRule
from hauberk_core.resources.istio.virtual_service import Redirect as ToldRedirect
from hauberk_core.route.errors import RouteErrors
from hauberk_core.route.host import host_of
from hauberk_core.route.table import compile_table

_EVERY_REQUEST: Final = 100.0
_SOME_CLUSTER: Final = "some"
_ANY_PORT: Final = 80


class MatchPlan(NamedTuple):
    """One match."""

    told: HttpMatch | None
    """For which callers and ports it is; None: the rule has no matches, and is for all."""
    matches: tuple[Match, ...]
    """As far as requests decide: any of these; none: no request is taken."""


class BackendPlan(NamedTuple):
    """One destination, not yet looked up."""

    destination: Destination
    weight: int
    request_headers: HeaderModifier | None
    response_headers: HeaderModifier | None


class MirrorPlan(NamedTuple):
    """One who gets copies, not yet looked up."""

    destination: Destination
    share: float


class RulePlan(NamedTuple):
    """One rule."""

    position: int
    """In the resource, counted from 0."""
    matches: tuple[MatchPlan, ...]
    route: Route
    """Without matches, backends, mirrors and redirect; `rewrite` without a path."""
    backends: tuple[BackendPlan, ...] = ()
    mirrors: tuple[MirrorPlan, ...] = ()
    redirect: ToldRedirect | None = None
    uri: str | None = None
    """What the path that matched is replaced by."""

    def routes(self, kept: Sequence[int], port: int) -> tuple[Route, ...]:
        """The rule without its backends and mirrors, for some of its matches.

        Where the path is rewritten it depends on the match what is replaced, so that each has a route of its own.

        Args: kept - positions of matches; port - of the service that requests are for.
        """
        route = self.route
        if self.redirect is not None:
            route = msgspec.structs.replace(route, redirect=_redirect(self.redirect, port))
        if self.uri is None:
            matches = tuple([match for index in kept for match in self.matches[index].matches])
            return (msgspec.structs.replace(route, matches=matches),) if matches else ()
        return tuple(
            [
                _rewriting(route, index if len(self.matches) > 1 else None, match, self.uri)
                for index in kept
                if (match := self.matches[index]).matches
            ]
        )


class HttpPlan(NamedTuple):
    """All rules, and what is wrong with them."""

    rules: tuple[RulePlan, ...]
    mistakes: tuple[Mistake, ...]


def plan_http(owner: VirtualService, read: ReadPolicy) -> HttpPlan:
    """Read the rules. Args: read - asks plugins whether they understand what is for them."""
    mistakes: list[Mistake] = []
    rules = [_plan_rule(owner, rule, index, read, mistakes) for index, rule in enumerate(owner.spec.http)]
    rules = _without(rules, mistakes)
    for find in (_wrong_fields, _wrong_patterns):
        found = find(rules)
        mistakes += found
        rules = _without(rules, found)
    return HttpPlan(tuple(rules), tuple([_with_outcome(mistake, rules) for mistake in mistakes]))


def _without(rules: Sequence[RulePlan], mistakes: Sequence[Mistake]) -> list[RulePlan]:
    """The rules after some mistakes were found in them."""
    errors = [mistake.path for mistake in mistakes if mistake.severity == "error"]
    wrong = {path[2] for path in errors if not _is_in_match(path)}
    unmatched = {(path[2], path[4]) for path in errors if _is_in_match(path)}
    return [_closed(rule) if rule.position in wrong else rule for rule in _without_matches(rules, unmatched)]


def _without_matches(rules: Sequence[RulePlan], unmatched: Collection[tuple[object, object]]) -> list[RulePlan]:
    """The rules, of which some matches take nothing. Args: unmatched - positions of rules, and in these of matches."""
    if not unmatched:
        return list(rules)
    left: list[RulePlan] = []
    for rule in rules:
        matches = [
            match._replace(matches=()) if (rule.position, index) in unmatched else match
            for index, match in enumerate(rule.matches)
        ]
        left.append(rule._replace(matches=tuple(matches)))
    return left


def _is_in_match(path: Path) -> bool:
    return path[3:4] == ("match",)


def _closed(rule: RulePlan) -> RulePlan:
    """A rule that answers what it matches with 500."""
    return RulePlan(rule.position, rule.matches, Route(name=rule.route.name, order=rule.route.order))


def _with_outcome(mistake: Mistake, rules: Sequence[RulePlan]) -> Mistake:
    """A mistake with what becomes of its rule. Args: rules - all of them, by their positions."""
    if mistake.severity != "error":
        return mistake
    outcome = "the rule answers what it takes with 500"
    if _is_in_match(mistake.path):
        rule = rules[int(mistake.path[2])]
        outcome = "the match is left out" if any(match.matches for match in rule.matches) else "the rule is left out"
    return mistake._replace(message=f"{mistake.message}; {outcome}")


def _plan_rule(owner: VirtualService, rule: HttpRule, index: int, read: ReadPolicy, mistakes: list[Mistake]) -> RulePlan:
    path: Path = ("spec", "http", index)
    if rule.delegate is not None:
        message = "rules are not taken from another VirtualService yet"
        mistakes.append(Mistake((*path, "delegate"), message, "write its rules here"))
    if rule.rewrite is not None and rule.rewrite.uri_regex_rewrite is not None:
        message = "a path is not rewritten by a regular expression yet"
        mistakes.append(Mistake((*path, "rewrite", "uriRegexRewrite"), message, "write uri, with a match for each prefix"))
    matches = tuple(
        [MatchPlan(match, conditions(match, (*path, "match", position), mistakes)) for position, match in enumerate(rule.match)]
    ) or (MatchPlan(None, (Match(),)),)
    # An empty one is none: nothing is replaced.
    uri = (rule.rewrite.uri or None) if rule.rewrite is not None else None
    _check_rewritten(rule, uri, path, mistakes)
    changes = header_changes(rule.headers, (*path, "headers"), mistakes)
    authority = (rule.rewrite.authority if rule.rewrite is not None else None) or changes.authority
    backends = tuple([_backend(one, (*path, "route", position), mistakes) for position, one in enumerate(rule.route)])
    timeout = _bounded(rule.timeout)
    attempt = _bounded(rule.retries.per_try_timeout if rule.retries is not None else None)
    if 0 < timeout.seconds < attempt.seconds:
        attempt = timeout
    route = Route(
        name=rule_name(owner, index),
        # Of the matches of one rule, too, the first that takes a request decides how its path is rewritten.
        order=1 + index * MOST_MATCHES,
        rewrite=Rewrite(host=authority) if authority else None,
        request_headers=changes.request,
        response_headers=changes.response,
        timeout=timeout,
        backend_timeout=attempt,
        retry=retry(rule.retries, (*path, "retries"), mistakes),
        cors=cross_origin(rule.cors_policy, (*path, "corsPolicy"), mistakes),
        plugins=rule_plugins(rule, path, read, mistakes),
    )
    return RulePlan(index, matches, route, backends, _mirrors(rule), rule.redirect, uri)


def rule_name(owner: VirtualService, index: int) -> str:
    """What a rule is called in snapshots, logs and explanations. An HTTPRoute may have the object's name."""
    return f"{owner.metadata.namespace}/{owner.metadata.name}#vs{index:02d}"


def _check_rewritten(rule: HttpRule, uri: str | None, path: Path, mistakes: list[Mistake]) -> None:
    if uri is None:
        return
    for match in rule.match:
        if match.ignore_uri_case and match.uri is not None and match.uri.prefix:
            message = "a prefix that is matched whatever its case cannot be replaced"
            mistakes.append(Mistake((*path, "rewrite", "uri"), message, "leave ignoreUriCase out, or write exact"))
            return


def _backend(told: HttpDestination, path: Path, mistakes: list[Mistake]) -> BackendPlan:
    changes = header_changes(told.headers, (*path, "headers"), mistakes)
    if changes.authority:
        message = "the authority is changed for a whole rule, not for one of its destinations"
        mistakes.append(Mistake((*path, "headers", "request", "set"), message, "write rewrite.authority of the rule"))
    return BackendPlan(told.destination, told.weight, changes.request, changes.response)


def _mirrors(rule: HttpRule) -> tuple[MirrorPlan, ...]:
    told: list[MirrorPlan] = []
    if rule.mirror is not None:
        old = _EVERY_REQUEST if rule.mirror_percent is None else float(rule.mirror_percent)
        share = old if rule.mirror_percentage is None else rule.mirror_percentage.value
        told.append(MirrorPlan(rule.mirror, share / 100))
    for one in rule.mirrors:
        told.append(MirrorPlan(one.destination, (_EVERY_REQUEST if one.percentage is None else one.percentage.value) / 100))
    return tuple(told)


def _bounded(duration: Duration | None) -> Duration:
    return Duration(min(duration.seconds, LONGEST_SECONDS) if duration else 0.0)


def _redirect(told: ToldRedirect, asked: int) -> Redirect:
    """Where clients are sent. Args: asked - the port that their requests are for.

    An authority without a port has the scheme's own, and without an authority the request's port stays, as with Envoy.
    """
    authority = told.authority or ""
    host = host_of(authority)
    number = authority[len(host) + 1 :]
    port = told.port or (int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0)
    if not port:
        keeps = told.derive_port == "FROM_REQUEST_PORT" or (told.derive_port is None and not host)
        port = asked if keeps else {"https": 443}.get(told.scheme or "", 80)
    return Redirect(scheme=told.scheme or "", host=host, port=port, path=told.uri, status=told.redirect_code)


def _rewriting(route: Route, position: int | None, match: MatchPlan, uri: str) -> Route:
    """The route of one match that replaces the path. A prefix is one by characters, as in Istio.

    Args: position - the match's; None: it is the only one.
    """
    name, order = (route.name, route.order) if position is None else (f"{route.name}.{position}", route.order + position)
    host = route.rewrite.host if route.rewrite is not None else ""
    by_prefix = all(one.path.kind == "starts_with" or one.path == EVERY_PATH for one in match.matches)
    matches = match.matches
    if by_prefix:
        matches = tuple(
            [
                msgspec.structs.replace(one, path=PathMatch(kind="starts_with", value="/")) if one.path == EVERY_PATH else one
                for one in matches
            ]
        )
    rewrite = Rewrite(host=host, prefix=uri) if by_prefix else Rewrite(host=host, path=uri)
    return msgspec.structs.replace(route, name=name, order=order, matches=matches, rewrite=rewrite)


class _Trial(NamedTuple):
    """Rules as a table that nobody serves, to see what a proxy would say."""

    table: RouteTable
    places: tuple[tuple[int, tuple[int, ...]], ...]
    """For each route the position of its rule, and for each of its matches that of the resource's."""


def _trial(rules: Sequence[RulePlan]) -> _Trial:
    routes: list[Route] = []
    places: list[tuple[int, tuple[int, ...]]] = []
    for rule in rules:
        backends = tuple(
            [
                WeightedCluster(cluster=_SOME_CLUSTER, request_headers=one.request_headers, response_headers=one.response_headers)
                for one in rule.backends
            ]
        )
        for index, match in enumerate(rule.matches):
            for route in rule.routes([index], _ANY_PORT):
                name = f"{rule.position}.{index}"
                routes.append(msgspec.structs.replace(route, name=name, backends=backends))
                places.append((rule.position, tuple([index] * len(match.matches))))
    return _Trial(RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=tuple(routes)),)), tuple(places))


def _wrong_fields(rules: Sequence[RulePlan]) -> list[Mistake]:
    """What the proxy would refuse of the rules' fields, with its place in the resource."""
    trial = _trial(rules)
    found: list[Mistake] = []
    check_route_table(trial.table, (_SOME_CLUSTER,), (), found)
    return list(dict.fromkeys([_in_resource(mistake, trial) for mistake in found if mistake.severity == "error"]))


def _wrong_patterns(rules: Sequence[RulePlan]) -> list[Mistake]:
    """Which regular expressions the proxy would refuse. Args: rules - their other fields are right."""
    trial = _trial(rules)
    try:
        compile_table(trial.table)
    except RouteErrors as errors:
        found = [_in_resource(Mistake(error.path, error.message, error.hint), trial) for error in errors.errors]
        return list(dict.fromkeys(found))
    return []


_MATCH_FIELDS: Final = {"path": "uri", "query": "queryParams"}
_RULE_FIELDS: Final = {"request_headers": "headers", "response_headers": "headers", "cors": "corsPolicy", "retry": "retries"}


def _in_resource(mistake: Mistake, trial: _Trial) -> Mistake:
    """A mistake of the table with its place in the resource: down to the field of the rule, or of its match."""
    match mistake.path:
        case (_, _, "routes", int(route), "matches", int(match), *rest):
            position, matches = trial.places[route]
            where = _MATCH_FIELDS.get(str(rest[0]), str(rest[0])) if rest else ""
            path: Path = ("spec", "http", position, "match", matches[match], *([where] if where else []))
        case (_, _, "routes", int(route), "backends", int(backend), *_):
            path = ("spec", "http", trial.places[route][0], "route", backend)
        case (_, _, "routes", int(route), str(field), *_):
            known = field in _RULE_FIELDS or field in ("redirect", "rewrite", "mirrors")
            path = ("spec", "http", trial.places[route][0], *([_RULE_FIELDS.get(field, field)] if known else []))
        case (_, _, "routes", int(route), *_):
            path = ("spec", "http", trial.places[route][0])
        case _:
            path = ("spec", "http", 0)
    return mistake._replace(path=path)
