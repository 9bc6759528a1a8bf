"""HTTPRoutes and GRPCRoutes at one place: their rules are never merged, so that one kind has to give way.

- At a listener, for hosts that two routes of different kinds have in common, the older route stays; of equals, the one whose
  namespace and name go first. Source: Gateway API, GRPCRoute, `GRPCRouteSpec.hostnames`.
- At a port of a Service, GRPCRoutes are the more specific kind: HTTPRoutes of the same namespace give way there. Source: Gateway
  API, GEP-1426.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from hauberk_control.store import ObjectKey, key_of
from hauberk_control.translate.attachment import Attached, Attachment
from hauberk_control.translate.hostnames import HostNames
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.route_kinds import RequestRoute
from hauberk_core.resources import GRPCRoute
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.gateway_api.route import Route
from hauberk_core.resources.kubernetes.service import ServicePort

REASON: Final = "RouteConflict"
"""Why a route that gives way is not accepted."""


def conflicts(attached: Iterable[tuple[RequestRoute, Attachment]]) -> frozenset[tuple[ObjectKey, str]]:
    """Which routes give way at which listeners of a Gateway. Args: attached - as if there were no conflicts."""
    taken: dict[str, dict[str, HostNames]] = {}
    rejected: set[tuple[ObjectKey, str]] = set()
    for route, attachment in sorted(attached, key=lambda one: seniority(one[0].metadata)):
        for listener, hosts in attachment.listeners:
            by_kind = taken.setdefault(listener, {})
            if any(kind != route.KIND and theirs.meet(hosts) for kind, theirs in by_kind.items()):
                rejected.add((key_of(route), listener))
            else:
                by_kind.setdefault(route.KIND, HostNames()).add(hosts)
    return frozenset(rejected)


def without(attachment: Attachment, route: Route, rejected: Collection[tuple[ObjectKey, str]]) -> Attachment:
    """An attachment but for the listeners at which the route gives way."""
    key = key_of(route)
    left: list[Attached] = [one for one in attachment.listeners if (key, one.listener) not in rejected]
    if len(left) == len(attachment.listeners):
        return attachment
    if left:
        return Attachment(tuple(left))
    other = "GRPCRoute" if route.KIND == "HTTPRoute" else "HTTPRoute"
    message = f"a {other} that goes before this route has host names in common with it, and their rules are not merged"
    return Attachment((), REASON, message)


def at_port(routes: Sequence[tuple[RequestRoute, ParentReference]], port: ServicePort, namespace: str) -> list[RequestRoute]:
    """The routes of a namespace that count for a port of a Service. Args: routes - attached to the Service, and how."""
    own = [route for route, parent in routes if route.metadata.namespace == namespace and names_port(parent, port)]
    calls: list[RequestRoute] = [route for route in own if isinstance(route, GRPCRoute)]
    return calls or own


def names_port(parent: ParentReference, port: ServicePort) -> bool:
    """Whether a reference to a Service means a port of it."""
    return parent.port in (None, port.port) and parent.section_name in (None, port.name)
