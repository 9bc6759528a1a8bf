"""The backends of a rule, looked up: clusters with weights, and for what leads nowhere a share that is answered with 500."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.backend_tls import BackendTlsPolicies
from hauberk_control.translate.reference import Grants
from hauberk_control.translate.route_kinds import REQUEST_ROUTES
from hauberk_control.translate.route_plan import RulePlan
from hauberk_control.translate.service import INSIDE_TLS, Destination, other_protocol
from hauberk_control.translate.weights import whole_weights
from hauberk_core.model.errors import quote
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.route import Route as Rule
from hauberk_core.model.route import WeightedCluster
from hauberk_core.resources import Service, UDPRoute
from hauberk_core.resources.gateway_api.references import BackendObjectReference
from hauberk_core.resources.gateway_api.route import BackendRef, Route
from hauberk_core.resources.kubernetes.service import ServicePort


class Unresolved(NamedTuple):
    """Why a reference leads nowhere: the reason as Gateway API calls it, and for a person what is wrong and what to do."""

    reason: str
    message: str
    hint: str


class Backend(NamedTuple):
    """A port of a service."""

    service: Service
    port: ServicePort


def resolve(
    route: Route,
    reference: BackendObjectReference,
    store: Store,
    grants: Grants,
    backend_tls: BackendTlsPolicies,
    in_mesh: bool,
) -> Backend | Unresolved:
    """Look up one backend of a route.

    Args: in_mesh - for callers inside the mesh, who can reach every service anyhow: they need no ReferenceGrant (Gateway API,
        GEP-1294).
    """
    if (reference.group, reference.kind) != ("", "Service"):
        shown = f"{reference.group}/{reference.kind}" if reference.group else reference.kind
        return Unresolved("InvalidKind", f"{shown} is no backend here", "refer to a Service")
    own = route.metadata.namespace
    namespace = reference.namespace or own
    if not in_mesh and not grants.allow((route.GROUP, route.KIND, own), ("", "Service", namespace), reference.name):
        message = f"the namespace {quote(namespace)} does not let routes of {quote(own)} refer to its services"
        return Unresolved("RefNotPermitted", message, f"add a ReferenceGrant in {namespace}")
    service = store.service(namespace, reference.name)
    if service is None:
        return Unresolved("BackendNotFound", f"there is no Service {namespace}/{reference.name}", "correct the name, or add it")
    if service.spec.type == "ExternalName":
        return Unresolved("BackendNotFound", f"the Service {namespace}/{reference.name} is only a name", "give it endpoints")
    port = service.port(reference.port or 0, "UDP" if isinstance(route, UDPRoute) else "TCP")
    if port is None:
        known = ", ".join([str(own.port) for own in service.spec.ports]) or "none"
        message = f"the Service {namespace}/{reference.name} has no port {reference.port}"
        return Unresolved("BackendNotFound", message, f"write one of its ports: {known}")
    if not isinstance(route, REQUEST_ROUTES):
        return _carried(route, service, port)
    protocol = other_protocol(port)
    if protocol in INSIDE_TLS and backend_tls.find(service, port) is not None:
        return Backend(service, port)
    if protocol:
        message = f"port {port.port} of the Service {namespace}/{reference.name} speaks {protocol}, and requests go only to HTTP"
        return Unresolved("UnsupportedProtocol", message, "refer to a port that speaks http")
    return Backend(service, port)


def _carried(route: Route, service: Service, port: ServicePort) -> Backend | Unresolved:
    """The backend of a route that minds no more of it than that datagrams go to UDP, and everything else to TCP."""
    wanted = "UDP" if isinstance(route, UDPRoute) else "TCP"
    if port.protocol != wanted:
        message = f"port {port.port} of the Service {service.metadata.namespace}/{service.metadata.name} is {port.protocol}"
        return Unresolved("UnsupportedProtocol", message, f"refer to a port of the protocol {wanted}")
    return Backend(service, port)


def bind(rule: RulePlan, reach: Callable[[BackendObjectReference], Destination | None]) -> Rule:
    """A rule with its backends and mirrors.

    Args: reach - the destination of a backend; None: it leads nowhere.
    """
    bound = _with_mirrors(rule, reach) if rule.mirrors else rule.route
    if not rule.backends:
        return bound
    backends: list[WeightedCluster] = []
    for weight, cluster, position in divided([plan.reference for plan in rule.backends], reach):
        plan = rule.backends[position]
        backends.append(
            WeightedCluster(
                cluster=cluster, weight=weight, request_headers=plan.request_headers, response_headers=plan.response_headers
            )
        )
    return msgspec.structs.replace(bound, backends=tuple(backends))


def divided(
    references: Sequence[BackendRef], reach: Callable[[BackendObjectReference], Destination | None]
) -> list[tuple[int, str, int]]:
    """How backends share what comes: weights, each with its cluster and with the position of the backend that it is a part of.

    Args: reach - the destination of a backend; None: it leads nowhere. The cluster of its share has no name.
    """
    several = [(reference.weight, reach(reference)) for reference in references]
    return shared_out([(weight, found.shares if found is not None else (("", 1),)) for weight, found in several])


def shared_out(several: Sequence[tuple[int, Sequence[tuple[str, int]]]]) -> list[tuple[int, str, int]]:
    """The same for backends whose clusters are known. Args: several - for each its weight, and its clusters with theirs."""
    shares: list[tuple[Fraction | int, str, int]] = []
    for position, (weight, parts) in enumerate(several):
        if len(parts) == 1:
            shares.append((weight, parts[0][0], position))
            continue
        total = sum([count for _, count in parts])
        for cluster, count in parts:
            shares.append((Fraction(weight * count, total), cluster, position))
    weights = whole_weights([share for share, _, _ in shares])
    return [(weight, cluster, position) for weight, (_, cluster, position) in zip(weights, shares, strict=True)]


def _with_mirrors(rule: RulePlan, reach: Callable[[BackendObjectReference], Destination | None]) -> Rule:
    """A rule with those mirrors that lead somewhere; where a service is several clusters, the largest one gets the copies."""
    mirrors: list[Mirror] = []
    for plan in rule.mirrors:
        found = reach(plan.reference)
        if found is not None and plan.share > 0:
            cluster, _ = max(found.shares, key=lambda share: share[1])
            mirrors.append(Mirror(cluster=cluster, share=plan.share))
    return msgspec.structs.replace(rule.route, mirrors=tuple(mirrors))
