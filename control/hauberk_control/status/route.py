"""Conditions of routes of all kinds, for each of their parents."""

from collections.abc import Container
from typing import NamedTuple

from hauberk_control.status.conditions import Condition, ParentStatus, Status, fails, holds, joined, told
from hauberk_control.store import key_of
from hauberk_control.translate.backend import Unresolved
from hauberk_control.translate.listener_sets import gateway_name
from hauberk_control.translate.route_conflicts import REASON as ROUTE_CONFLICT
from hauberk_control.translate.route_conflicts import at_port, names_port
from hauberk_control.translate.route_kinds import REQUEST_ROUTES, RequestRoute
from hauberk_control.translate.view import CONTROLLER, View, is_gateway, is_listener_set, is_service
from hauberk_core.resources import Gateway, ListenerSet
from hauberk_core.resources.gateway_api.references import BackendObjectReference, ParentReference
from hauberk_core.resources.gateway_api.route import Route


class Refusal(NamedTuple):
    """Why a route is not accepted, as Gateway API calls it and for a person."""

    reason: str
    message: str


def route_status(route: Route, view: View, served: Container[tuple[str, str]]) -> Status:
    """A route; parents that others serve are left to them. Args: served - namespaces and names of our Gateways."""
    parents: list[ParentStatus] = []
    partly = _partly(route, view)
    for parent in view.parents(route):
        accepted = _accepted(route, parent, view, served)
        if accepted is not None:
            conditions = [accepted, _references(route, view, in_mesh=is_service(parent))]
            if partly is not None and accepted.status == "True":
                conditions.append(partly)
            parents.append(ParentStatus(parent_ref=parent, controller_name=CONTROLLER, conditions=tuple(conditions)))
    return Status(parents=tuple(parents))


def attached_routes(gateway: Gateway, view: View) -> dict[str, int]:
    """How many routes each listener of a Gateway takes, by its name among all; only those that are accepted count."""
    attached: dict[str, set[object]] = {}
    for route, parent in view.gateway_routes(gateway):
        if _own_refusal(route, view) is None:
            for listener, _ in view.attachment(route, parent, gateway).listeners:
                attached.setdefault(listener, set()).add(key_of(route))
    return {listener: len(routes) for listener, routes in attached.items()}


def _accepted(route: Route, parent: ParentReference, view: View, served: Container[tuple[str, str]]) -> Condition | None:
    """Whether a parent takes the route; None where that is not ours to say."""
    generation = route.metadata.generation
    namespace = parent.namespace or route.metadata.namespace
    if is_gateway(parent):
        gateway = view.store.get(Gateway, namespace, parent.name)
        if gateway is None:
            return fails("Accepted", "NoMatchingParent", generation, f"there is no Gateway {namespace}/{parent.name}")
        if (namespace, parent.name) not in served:
            return None
        refusal = _refused_by_listeners(route, parent, gateway, view)
    elif is_listener_set(parent):
        own = view.store.get(ListenerSet, namespace, parent.name)
        if own is None:
            return fails("Accepted", "NoMatchingParent", generation, f"there is no ListenerSet {namespace}/{parent.name}")
        gateway = view.gateway_of(route, parent)
        if gateway is not None and gateway_name(own) not in served:
            return None
        if gateway is None or not view.listener_sets.allows(gateway, own):
            message = f"the ListenerSet {namespace}/{parent.name} is not accepted by its Gateway"
            return fails("Accepted", "Pending", generation, message)
        refusal = _refused_by_listeners(route, parent, gateway, view)
    elif is_service(parent) and isinstance(route, REQUEST_ROUTES):
        refusal = _refused_by_service(route, namespace, parent, view)
    else:
        return None
    refusal = refusal or _own_refusal(route, view)
    if refusal is not None:
        return fails("Accepted", refusal.reason, generation, refusal.message)
    idle = [one for one in view.undone if one.key == key_of(route) and one.mistake.severity == "warning"]
    return holds("Accepted", "Accepted", generation, joined([told(error) for error in view.locate(idle)]))


def _refused_by_listeners(route: Route, parent: ParentReference, gateway: Gateway, view: View) -> Refusal | None:
    attachment = view.attachment(route, parent, gateway)
    return None if attachment.listeners else Refusal(attachment.reason, attachment.message)


def _refused_by_service(route: RequestRoute, namespace: str, parent: ParentReference, view: View) -> Refusal | None:
    service = view.store.service(namespace, parent.name)
    if service is None:
        return Refusal("NoMatchingParent", f"there is no Service {namespace}/{parent.name}")
    ports = [port for port in service.spec.ports if names_port(parent, port)]
    if not ports:
        return Refusal("NoMatchingParent", f"the Service {namespace}/{parent.name} has no such port")
    attached = view.service_routes(service)
    if not any(route in at_port(attached, port, route.metadata.namespace) for port in ports):
        return Refusal(ROUTE_CONFLICT, "a GRPCRoute has the same parent, and goes before HTTPRoutes")
    return None


def _own_refusal(route: Route, view: View) -> Refusal | None:
    """What of the route itself keeps it from being served, whoever its parents are."""
    if isinstance(route, REQUEST_ROUTES):
        plan = view.plan(route)
        if not plan.refused:
            return None
        mistakes = [told(finding) for finding in view.locate(view.plan_findings(route)) if finding.severity == "error"]
        return Refusal("UnsupportedValue", joined(mistakes))
    undone = [finding.mistake for finding in view.undone if finding.key == key_of(route) and finding.mistake.severity == "error"]
    return Refusal("UnsupportedValue", joined([mistake.message for mistake in undone])) if undone else None


def _references(route: Route, view: View, *, in_mesh: bool) -> Condition:
    """Whether all backends are there, for callers in the mesh or for those at Gateways."""
    generation = route.metadata.generation
    unresolved = [found for one in _referred(route, view) if isinstance(found := view.resolve(route, one, in_mesh), Unresolved)]
    if unresolved:
        message = joined([f"{found.message}: {found.hint}" for found in unresolved])
        return fails("ResolvedRefs", unresolved[0].reason, generation, message)
    return holds("ResolvedRefs", "ResolvedRefs", generation)


def _referred(route: Route, view: View) -> list[BackendObjectReference]:
    """All backends that a route names."""
    if isinstance(route, REQUEST_ROUTES):
        return [one.reference for rule in view.plan(route).rules for one in rule.references]
    return list(route.backends())


def _partly(route: Route, view: View) -> Condition | None:
    """That some rules are left out, if so."""
    if not isinstance(route, REQUEST_ROUTES):
        return None
    plan = view.plan(route)
    if plan.refused or not plan.dropped:
        return None
    numbers = joined([str(index) for index in plan.dropped], ", ")
    mistakes = [told(finding) for finding in view.locate(view.plan_findings(route)) if finding.severity == "error"]
    message = f"Dropped Rules {numbers} (counted from 0): {joined(mistakes)}"
    return holds("PartiallyInvalid", "UnsupportedValue", route.metadata.generation, message)
