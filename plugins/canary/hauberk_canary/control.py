"""The control half of canary: the entry point `canary` of the group `hauberk.control`.

Checks what PluginPolicies say to the plugin, and turns `sessionPersistence` of rules of HTTPRoutes and GRPCRoutes into sessions.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from hauberk_canary.config import read_config
from hauberk_core.plugin.control import Attached, JsonObject, PluginConfig, PolicyUse, Scope, hookimpl, rule_name
from hauberk_core.resources import GRPCRoute, HTTPRoute
from hauberk_core.resources.gateway_api.grpc_route import GrpcRouteRule
from hauberk_core.resources.gateway_api.http_route import HttpPathMatch, HttpRouteRule
from hauberk_core.resources.gateway_api.session_persistence import SessionPersistence

HAUBERK_API: Final = "1"

_PURPOSE: Final = "canary sessions"
# A session that goes on leaves nothing for policies of the same place to choose, so that it is asked for first.
_FIRST: Final = -1_000_000
# What a cookie's Path may hold (RFC 6265 section 4.1.1), and up to where a regular expression stands for itself.
_PATH: Final = re.compile(r"[!-:<-~]*")
_LITERAL: Final = re.compile(r"[^\\.+*?()\[\]{}|^$]*")


@hookimpl
def hauberk_policy(kind: str, config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read = read_config(config)
    if read.session is not None:
        raise ValueError("session is not for policies; write sessionPersistence in a rule of an HTTPRoute")
    if kind != "Service":
        if read.versions:
            raise ValueError("versions divide a Service; attach the policy to the Service, or give the route several backendRefs")
        return PolicyUse()
    if not read.versions:
        raise ValueError("on a Service this plugin divides versions; add versions, or attach the policy to an HTTPRoute")
    return PolicyUse(at_callers=True, versions=read.versions, version_label=read.version_label)


@hookimpl
def hauberk_translate(scope: Scope) -> Attached | None:
    """The sessions of all routes, by their rules: what a proxy does not serve has no effect there."""
    routes: dict[str, tuple[PluginConfig, ...]] = {}
    several: list[HTTPRoute | GRPCRoute] = [*scope.of(HTTPRoute), *scope.of(GRPCRoute)]
    for route in several:
        rules: Sequence[HttpRouteRule | GrpcRouteRule] = route.spec.rules
        for index, rule in enumerate(rules):
            persistence = rule.session_persistence
            if persistence is not None:
                config = {"session": _session(route, rule, index, persistence, scope.secret(_PURPOSE))}
                use = PluginConfig(plugin="canary", priority=_FIRST, failure="open", config=JsonObject.of(config))
                routes[rule_name(route, index)] = (use,)
    return Attached(routes=routes) if routes else None


def _session(
    route: HTTPRoute | GRPCRoute,
    rule: HttpRouteRule | GrpcRouteRule,
    index: int,
    persistence: SessionPersistence,
    secret: str,
) -> dict[str, object]:
    """The data half's configuration for one rule."""
    owner = f"{route.metadata.namespace}/{route.metadata.name}"
    # Two rules of one name would otherwise take each other's cookies for their own.
    name = persistence.session_name or "hauberk-" + blake2b(f"{owner}/{rule.name or index}".encode(), digest_size=6).hexdigest()
    permanent = persistence.cookie_config is not None and persistence.cookie_config.lifetime_type == "Permanent"
    absolute, idle = persistence.absolute_timeout, persistence.idle_timeout
    return {
        "name": name,
        "scope": f"{owner}/{name}",
        "secret": secret,
        "type": persistence.type.lower(),
        "absolute": absolute.seconds if absolute is not None else 0.0,
        "idle": idle.seconds if idle is not None else 0.0,
        "permanent": permanent,
        "paths": _cookie_paths(rule),
    }


def _cookie_paths(rule: HttpRouteRule | GrpcRouteRule) -> list[str]:
    """Where cookies for requests that a rule takes belong. Calls of gRPC have no paths that are below each other."""
    if isinstance(rule, GrpcRouteRule):
        return ["/"]
    return sorted({_cookie_path(match.path) for match in rule.matches}) or ["/"]


def _cookie_path(match: HttpPathMatch) -> str:
    """Where a cookie for requests that are taken by `match` belongs: the path, its prefix, or of a regular expression the longest
    whole elements that stand for themselves. Source: GEP-1619, "Path"."""
    path = match.value
    whole = path
    if match.type == "RegularExpression":
        literal = _LITERAL.match(path.removeprefix("^"))
        whole = literal[0] if literal is not None else ""
        # The last element may go on, or be optional, as the expression says.
        whole = whole[: whole.rfind("/") + 1]
    allowed = _PATH.match(whole)
    kept = allowed[0] if allowed is not None else ""
    if kept != whole:
        kept = kept[: kept.rfind("/") + 1]
    kept = kept.rstrip("/")
    return kept if kept.startswith("/") else "/"
