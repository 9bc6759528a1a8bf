"""The part of checking a snapshot that concerns its route tables."""

import datetime as dt
from collections.abc import Collection

from hauberk_core.model import syntax
from hauberk_core.model.cors import Cors
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import (
    GrpcMatch,
    HeaderModifier,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    VirtualHost,
)
from hauberk_core.model.suggest import suggest

MOST_MIRRORS = 16
"""Of one route: as many as Gateway API lets stand in a rule."""
_EITHER_PATH = "it either replaces the whole path or the prefix that matched"


def check_route_table(table: RouteTable, clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    """Append to `mistakes` all of one route table; `clusters` are the names a backend may have."""
    names: dict[str, int] = {}
    hosts: dict[str, str] = {}
    for index, virtual_host in enumerate(table.virtual_hosts):
        place = (*path, "virtual_hosts", index)
        _add(mistakes, (*place, "name"), syntax.resource_name(virtual_host.name))
        first = names.setdefault(virtual_host.name, index)
        if first != index:
            message = f"virtual host {first} of this table is already called {quote(virtual_host.name)}"
            mistakes.append(Mistake((*place, "name"), message, "give each virtual host a name of its own"))
        _check_hosts(virtual_host, hosts, place, mistakes)
        _check_route_names(virtual_host, place, mistakes)
        if virtual_host.misdirected and virtual_host.routes:
            hint = "remove the routes, or 'misdirected'"
            mistakes.append(Mistake((*place, "routes"), "requests for misdirected hosts reach no routes", hint))
        for number, route in enumerate(virtual_host.routes):
            _check_route(route, clusters, (*place, "routes", number), mistakes)


def check_plugins(plugins: tuple[PluginConfig, ...], path: Path, mistakes: list[Mistake]) -> None:
    """Append the mistakes in the uses of plugins at one place; whether they are installed is for whoever has them to say."""
    for index, plugin in enumerate(plugins):
        place = (*path, "plugins", index)
        _add(mistakes, (*place, "plugin"), syntax.resource_name(plugin.plugin))
        if plugin.timeout.seconds <= 0:
            hint = "write for example '5s'; a filter that never answers would hold its requests for ever"
            mistakes.append(Mistake((*place, "timeout"), "a plugin's timeout must be longer than nothing", hint))


def _add(mistakes: list[Mistake], path: Path, fault: syntax.Fault | None) -> None:
    if fault is not None:
        mistakes.append(Mistake(path, *fault))


def _check_hosts(virtual_host: VirtualHost, taken: dict[str, str], path: Path, mistakes: list[Mistake]) -> None:
    if not virtual_host.hosts:
        mistakes.append(Mistake((*path, "hosts"), "a virtual host without hosts is never reached", 'write ["*"] for every host'))
    for index, host in enumerate(virtual_host.hosts):
        place = (*path, "hosts", index)
        if host != "*":
            _add(mistakes, place, syntax.host_pattern(host))
        if host.lower() in taken:
            message = f"the host {quote(host)} already belongs to the virtual host {quote(taken[host.lower()])}"
            mistakes.append(Mistake(place, message, "move the routes into that virtual host, or remove the host here"))
        taken.setdefault(host.lower(), virtual_host.name)


def _check_route_names(virtual_host: VirtualHost, path: Path, mistakes: list[Mistake]) -> None:
    names: dict[str, int] = {}
    for index, route in enumerate(virtual_host.routes):
        place = (*path, "routes", index, "name")
        _add(mistakes, place, syntax.resource_name(route.name))
        first = names.setdefault(route.name, index)
        if first != index:
            message = f"route {first} of this virtual host is already called {quote(route.name)}"
            mistakes.append(Mistake(place, message, "give each route a name of its own: logs and explanations show it"))


def _check_route(route: Route, clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    if not route.matches:
        hint = "leave 'matches' out to take every request"
        mistakes.append(Mistake((*path, "matches"), "a route with an empty list of matches takes nothing", hint))
    for index, match in enumerate(route.matches):
        _check_match(match, (*path, "matches", index), mistakes)
    if route.created and not _is_time(route.created):
        hint = "write for example 2026-01-31T12:00:00Z"
        mistakes.append(Mistake((*path, "created"), f"{quote(route.created)} is no RFC 3339 time", hint))
    _check_backends(route, clusters, path, mistakes)
    prefixed = all(match.path.kind in ("prefix", "starts_with") and match.grpc is None for match in route.matches)
    if route.redirect is not None:
        _check_redirect(route.redirect, prefixed, (*path, "redirect"), mistakes)
        if route.rewrite is not None:
            message = "a route cannot both redirect and rewrite"
            mistakes.append(Mistake((*path, "rewrite"), message, "keep the redirect, or the rewrite with backends"))
    if route.rewrite is not None:
        _check_rewrite(route.rewrite, prefixed, (*path, "rewrite"), mistakes)
    _check_modifier(route.request_headers, (*path, "request_headers"), mistakes)
    _check_modifier(route.response_headers, (*path, "response_headers"), mistakes)
    if 0 < route.timeout.seconds < route.backend_timeout.seconds:
        message = f"one attempt may take {route.backend_timeout}, but the whole exchange only {route.timeout}"
        mistakes.append(Mistake((*path, "backend_timeout"), message, f"write at most '{route.timeout}', or raise 'timeout'"))
    _check_mirrors(route, clusters, path, mistakes)
    if route.cors is not None:
        _check_cors(route.cors, (*path, "cors"), mistakes)
    if route.retry is not None and route.retry.backoff.seconds <= 0:
        hint = "write for example '25ms'; endpoints that ail need a pause"
        mistakes.append(Mistake((*path, "retry", "backoff"), "a retry's backoff must be longer than nothing", hint))
    check_plugins(route.plugins, path, mistakes)


def _check_mirrors(route: Route, clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    if len(route.mirrors) > MOST_MIRRORS:
        message = f"{len(route.mirrors)} mirrors, {MOST_MIRRORS} are allowed"
        mistakes.append(Mistake((*path, "mirrors"), message, "every one is another request: mirror to fewer clusters"))
    for index, mirror in enumerate(route.mirrors):
        if mirror.cluster not in clusters:
            message = f"no cluster is called {quote(mirror.cluster)}"
            mistakes.append(Mistake((*path, "mirrors", index, "cluster"), message, suggest(mirror.cluster, clusters)))


def _check_cors(cors: Cors, path: Path, mistakes: list[Mistake]) -> None:
    for index, origin in enumerate(cors.allow_origins):
        _add(mistakes, (*path, "allow_origins", index), syntax.origin_pattern(origin))
    for field, names in (
        ("allow_methods", cors.allow_methods),
        ("allow_headers", cors.allow_headers),
        ("expose_headers", cors.expose_headers),
    ):
        rule = syntax.method if field == "allow_methods" else syntax.header_name
        for index, name in enumerate(names):
            if name != "*":
                _add(mistakes, (*path, field, index), rule(name))


def _is_time(text: str) -> bool:
    try:
        return dt.datetime.fromisoformat(text).tzinfo is not None and len(text) <= 40
    except ValueError:
        return False


def _check_backends(route: Route, clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    if route.backends and route.redirect is not None:
        message = "a route has either backends or a redirect"
        mistakes.append(Mistake((*path, "redirect"), message, "remove one of the two"))
    elif not route.backends and route.redirect is None and not route.plugins:  # one of a plugin's filters may answer
        message = "a route with neither backends nor redirect answers 500 to everything"
        mistakes.append(Mistake(path, message, 'add "backends": [{"cluster": "a-name"}]', "warning"))
    elif route.backends and not any(backend.weight for backend in route.backends):
        message = "all weights are 0, so the answer is 500 to everything"
        mistakes.append(Mistake((*path, "backends"), message, "give at least one backend a positive weight", "warning"))
    for index, backend in enumerate(route.backends):
        place = (*path, "backends", index)
        if not backend.cluster:
            message = "no cluster is named, so that this share is answered with 500"
            mistakes.append(Mistake((*place, "cluster"), message, suggest("", clusters), "warning"))
        elif backend.cluster not in clusters:
            message = f"no cluster is called {quote(backend.cluster)}"
            mistakes.append(Mistake((*place, "cluster"), message, suggest(backend.cluster, clusters)))
        _check_modifier(backend.request_headers, (*place, "request_headers"), mistakes)
        _check_modifier(backend.response_headers, (*place, "response_headers"), mistakes)


def _check_match(match: Match, path: Path, mistakes: list[Mistake]) -> None:
    value_path = (*path, "path", "value")
    match match.path.kind:
        case "exact" | "prefix":
            _add(mistakes, value_path, syntax.matched_path(match.path.value))
        case "starts_with":
            _add(mistakes, value_path, syntax.path(match.path.value))
        case "regex":
            _check_regex(match.path.value, value_path, mistakes)
    if match.grpc is not None:
        _check_call(match.grpc, (*path, "grpc"), mistakes)
        if match.path != PathMatch():
            message = "a call's service and method are its path, which has a condition already"
            mistakes.append(Mistake((*path, "path"), message, "remove 'path', or 'grpc'"))
    if match.method:
        _add(mistakes, (*path, "method"), syntax.method(match.method))
    for index, header in enumerate(match.headers):
        place = (*path, "headers", index)
        _add(mistakes, (*place, "name"), syntax.header_name(header.name))
        if header.kind in ("exact", "prefix"):
            _add(mistakes, (*place, "value"), syntax.header_value(header.value))
    for index, parameter in enumerate(match.query):
        if not parameter.name or len(parameter.name) > syntax.LONGEST_NAME:
            hint = "write the parameter's name as it stands in the URL"
            mistakes.append(Mistake((*path, "query", index, "name"), "a query parameter needs a name", hint))
    for group, conditions in (("headers", match.headers), ("query", match.query)):
        for index, condition in enumerate(conditions):
            place = (*path, group, index, "value")
            if condition.kind == "regex":
                _check_regex(condition.value, place, mistakes)
            elif condition.kind == "present" and condition.value:
                mistakes.append(Mistake(place, "'present' looks at no value", "remove the value, or write another kind"))
            elif len(condition.value) > syntax.LONGEST_HEADER_VALUE:
                mistakes.append(Mistake(place, f"a value of {len(condition.value)} characters", "shorten it"))


def _check_call(call: GrpcMatch, path: Path, mistakes: list[Mistake]) -> None:
    for name, value, rule in (("service", call.service, syntax.grpc_service), ("method", call.method, syntax.grpc_method)):
        if value and call.kind == "regex":
            _check_regex(value, (*path, name), mistakes)
        elif value:
            _add(mistakes, (*path, name), rule(value))


def _check_regex(text: str, path: Path, mistakes: list[Mistake]) -> None:
    if not text:
        mistakes.append(Mistake(path, "an empty regular expression", "write one in RE2's syntax, for example '/v[0-9]+/.*'"))
    elif len(text) > syntax.LONGEST_PATH:
        message = f"a regular expression of {len(text)} characters, {syntax.LONGEST_PATH} are allowed"
        mistakes.append(Mistake(path, message, "divide it over several matches"))


def _check_redirect(redirect: Redirect, prefixed: bool, path: Path, mistakes: list[Mistake]) -> None:
    if redirect.host:
        fault = syntax.host_pattern(redirect.host)
        if fault is None and redirect.host.startswith("*"):
            fault = f"{quote(redirect.host)} is a pattern", "write the one host clients are sent to"
        _add(mistakes, (*path, "host"), fault)
    _check_replacement(redirect.path, redirect.prefix, prefixed, path, mistakes)
    if redirect == Redirect(status=redirect.status):
        message = "this redirect sends clients where they already are"
        # With another method (303) it leads somewhere all the same.
        mistakes.append(Mistake(path, message, "give at least one of scheme, host, port, path and prefix", "warning"))


def _check_rewrite(rewrite: Rewrite, prefixed: bool, path: Path, mistakes: list[Mistake]) -> None:
    if rewrite.host:
        _add(mistakes, (*path, "host"), syntax.authority(rewrite.host))
    _check_replacement(rewrite.path, rewrite.prefix, prefixed, path, mistakes)


def _check_replacement(whole: str | None, prefix: str | None, prefixed: bool, path: Path, mistakes: list[Mistake]) -> None:
    if whole is not None and prefix is not None:
        mistakes.append(Mistake((*path, "prefix"), "both 'path' and 'prefix' are given", f"remove one: {_EITHER_PATH}"))
    if prefix is not None and not prefixed:
        message = "a prefix can be replaced only where every match of the route is by prefix"
        mistakes.append(Mistake((*path, "prefix"), message, "use 'path', or matches of kind 'prefix' or 'starts_with'"))
    if whole is not None:
        _add(mistakes, (*path, "path"), syntax.path(whole))
    if prefix:
        _add(mistakes, (*path, "prefix"), syntax.path(prefix))


def _check_modifier(modifier: HeaderModifier | None, path: Path, mistakes: list[Mistake]) -> None:
    if modifier is None:
        return
    for index, name in enumerate(modifier.remove):
        _add(mistakes, (*path, "remove", index), syntax.changeable_header_name(name))
    for member, pairs in (("set", modifier.set), ("add", modifier.add)):
        for index, (name, value) in enumerate(pairs):
            _add(mistakes, (*path, member, index, 0), syntax.changeable_header_name(name))
            _add(mistakes, (*path, member, index, 1), syntax.header_value(value))
