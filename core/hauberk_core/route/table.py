"""Prepares a route table: sorts its matches by precedence, builds every decision, and indexes the lot."""

from typing import Final

from hauberk_core.model.decision import Decision, Extras
from hauberk_core.model.reason import Reason
from hauberk_core.model.route import GrpcMatch, HeaderModifier, Match, PathMatch, Route, RouteTable, ValueMatch, VirtualHost
from hauberk_core.route.call import call_characters, call_pattern
from hauberk_core.route.checks import check_table
from hauberk_core.route.compiled import (
    EXACT_PATH,
    METHOD_PATH,
    PREFIX_PATH,
    REGEX_PATH,
    STARTS_WITH_PATH,
    CompiledMatch,
    CompiledTable,
    CompiledVirtualHost,
    Outcome,
    PathCondition,
)
from hauberk_core.route.condition import KINDS, Condition
from hauberk_core.route.host import normal_pattern
from hauberk_core.route.precedence import ANY_CALL, EXACT, PREFIX, REGEX, Rank, age
from hauberk_core.route.query import octets
from hauberk_core.route.regular_expression import RegularExpression

_PATH_KINDS: Final[dict[str, int]] = {
    "exact": EXACT_PATH,
    "prefix": PREFIX_PATH,
    "starts_with": STARTS_WITH_PATH,
    "regex": REGEX_PATH,
}
_PATH_CLASSES: Final[dict[int, int]] = {
    EXACT_PATH: EXACT,
    PREFIX_PATH: PREFIX,
    STARTS_WITH_PATH: PREFIX,
    METHOD_PATH: REGEX,
    REGEX_PATH: REGEX,
}


def compile_table(table: RouteTable) -> CompiledTable:
    """Prepare `table` for `decide`.

    Raises: RouteErrors, with every mistake found.
    """
    expressions = check_table(table)
    hosts: dict[str, CompiledVirtualHost] = {}
    for virtual_host in table.virtual_hosts:
        compiled = _compile_virtual_host(virtual_host, expressions)
        for pattern in virtual_host.hosts:
            hosts[normal_pattern(pattern)] = compiled
    return CompiledTable(hosts, Decision(reason=Reason.NO_HOST))


def _compile_virtual_host(virtual_host: VirtualHost, expressions: dict[str, RegularExpression]) -> CompiledVirtualHost:
    matches: list[CompiledMatch] = []
    for index, route in enumerate(virtual_host.routes):
        compiler = _RouteCompiler(virtual_host.name, route, index, expressions)
        matches.extend(compiler.compile())
    matches.sort(key=_rank_of)
    reason = Reason.MISDIRECTED if virtual_host.misdirected else Reason.NO_ROUTE
    return CompiledVirtualHost(virtual_host.name, matches, Decision(virtual_host=virtual_host.name, reason=reason))


def _rank_of(match: CompiledMatch) -> Rank:
    return match.rank


class _RouteCompiler:
    """Prepares one route."""

    def __init__(self, virtual_host: str, route: Route, index: int, expressions: dict[str, RegularExpression]) -> None:
        self._virtual_host: Final = virtual_host
        self._route: Final = route
        self._index: Final = index
        self._expressions: Final = expressions
        self._created: Final = age(route.created)
        self._shares: Final = _shares(route)
        self._extras: Final = _extras(route)
        self._outcomes: Final[dict[str, Outcome]] = {}

    def compile(self) -> list[CompiledMatch]:
        """All matches of the route."""
        return [self._compile_match(match, index) for index, match in enumerate(self._route.matches)]

    def _compile_match(self, match: Match, index: int) -> CompiledMatch:
        call = match.grpc
        path = self._compile_path(match.path) if call is None else self._compile_call(call)
        rank: Rank = (
            self._route.order,
            ANY_CALL if call is not None and not path.value else _PATH_CLASSES[path.kind],
            -(_prefix_length(path) if call is None or path.kind == PREFIX_PATH else call_characters(call)),
            0 if match.method else 1,
            -len(match.headers),
            -len(match.query),
            self._created,
            self._route.name,
            self._index,
            index,
        )
        headers = [self._compile_value(header, header.name.lower(), header.value) for header in match.headers]
        queries = [self._compile_value(parameter, octets(parameter.name), octets(parameter.value)) for parameter in match.query]
        prefix = path.value if path.kind in (PREFIX_PATH, STARTS_WITH_PATH) else ""
        return CompiledMatch(self._route.name, path, match.method, headers, queries, rank, self._outcome(prefix))

    def _compile_path(self, match: PathMatch) -> PathCondition:
        kind = _PATH_KINDS[match.kind]
        if kind == REGEX_PATH:
            return PathCondition(kind, match.value, self._expressions[match.value])
        return PathCondition(kind, match.value.rstrip("/") if kind == PREFIX_PATH else match.value, None)

    def _compile_call(self, call: GrpcMatch) -> PathCondition:
        if call.kind == "regex" and (call.service or call.method):
            pattern = call_pattern(call)
            return PathCondition(REGEX_PATH, pattern, self._expressions[pattern])
        if call.service and call.method:
            return PathCondition(EXACT_PATH, "/" + call.service + "/" + call.method, None)
        if call.method:
            return PathCondition(METHOD_PATH, "/" + call.method, None)
        return PathCondition(PREFIX_PATH, "/" + call.service if call.service else "", None)

    def _compile_value(self, match: ValueMatch, name: str, value: str) -> Condition:
        expression = self._expressions[match.value] if match.kind == "regex" else None
        return Condition(name, KINDS[match.kind], value, expression, match.invert)

    def _outcome(self, prefix: str) -> Outcome:
        """The route's decisions for a matched `prefix`; matches with the same prefix share them."""
        outcome = self._outcomes.get(prefix)
        if outcome is None:
            outcome = Outcome(self._build_decisions(prefix), self._shares)
            self._outcomes[prefix] = outcome
        return outcome

    def _build_decisions(self, prefix: str) -> list[Decision]:
        route = self._route
        if route.redirect is not None:
            return [self._decision(prefix, "", None, None, None)]
        decisions = [
            self._decision(
                prefix,
                backend.cluster,
                None if backend.cluster else Reason.NO_BACKEND,
                backend.request_headers,
                backend.response_headers,
            )
            for backend in route.backends
        ]
        if any(backend.weight > 0 for backend in route.backends):
            return decisions
        return [self._decision(prefix, "", Reason.NO_BACKEND, None, None)]

    def _decision(
        self, prefix: str, cluster: str, reason: Reason | None, request: HeaderModifier | None, response: HeaderModifier | None
    ) -> Decision:
        route = self._route
        return Decision(
            virtual_host=self._virtual_host,
            route=route.name,
            cluster=cluster,
            redirect=route.redirect,
            reason=reason,
            prefix=prefix,
            rewrite=route.rewrite,
            request_headers=_modifiers(route.request_headers, request),
            response_headers=_modifiers(route.response_headers, response),
            timeout=route.timeout.seconds,
            backend_timeout=route.backend_timeout.seconds,
            extras=self._extras,
            takes_connect=any(match.method == "CONNECT" for match in route.matches),
        )


def _prefix_length(path: PathCondition) -> int:
    if path.kind == PREFIX_PATH:
        # `/` has one character, though it is kept as none.
        return max(len(path.value), 1)
    return len(path.value) if path.kind == STARTS_WITH_PATH else 0


def _shares(route: Route) -> list[float]:
    """The upper end of each weight's part of [0, 1), in the order of the decisions. One without weight ends where it begins: the
    dice never choose it, but a plugin may, for a session that began there earlier."""
    weights = [backend.weight for backend in route.backends]
    total = sum(weights)
    if route.redirect is not None or not total:
        return [1.0]
    reached = 0
    shares: list[float] = []
    for weight in weights:
        reached += weight
        shares.append(reached / total)
    return shares


def _extras(route: Route) -> Extras | None:
    if route.retry is None and not route.mirrors and route.cors is None:
        return None
    return Extras(retry=route.retry, mirrors=route.mirrors, cors=route.cors)


def _modifiers(first: HeaderModifier | None, second: HeaderModifier | None) -> tuple[HeaderModifier, ...]:
    return tuple([modifier for modifier in (first, second) if modifier is not None])
