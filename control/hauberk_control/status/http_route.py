"""Conditions of HTTPRoutes, for each of their parents."""

from hauberk_control.status.conditions import Condition, ParentStatus, Status, fails, holds, joined
from hauberk_control.translate.backend import Unresolved
from hauberk_control.translate.view import CONTROLLER, View, is_gateway, is_listener_set, is_service
from hauberk_core.resources import HTTPRoute
from hauberk_core.resources.gateway_api.references import ParentReference


def route_status(route: HTTPRoute, view: View) -> Status:
    """A route; parents that other controllers serve are left to them."""
    parents: list[ParentStatus] = []
    references = _references_condition(route, view)
    partly = _partly(route, view)
    for parent in route.spec.parent_refs:
        accepted = _accepted_condition(route, parent, view)
        if accepted is not None:
            conditions = [accepted, references]
            if partly is not None and accepted.status == "True":
                conditions.append(partly)
            parents.append(ParentStatus(parent_ref=parent, controller_name=CONTROLLER, conditions=tuple(conditions)))
    return Status(parents=tuple(parents))


def _accepted_condition(route: HTTPRoute, parent: ParentReference, view: View) -> Condition | None:
    """Whether a parent takes the route; None where that is not ours to say."""
    generation = route.metadata.generation
    namespace = parent.namespace or route.metadata.namespace
    if is_gateway(parent) or is_listener_set(parent):
        gateway = view.gateway_of(route, parent)
        if gateway is None:
            return fails("Accepted", "NoMatchingParent", generation, f"there is no {parent.kind} {namespace}/{parent.name}")
        if not view.class_is_ours(gateway.spec.gateway_class_name):
            return None
        attachment = view.attachment(route, parent, gateway)
        if not attachment.listeners:
            return fails("Accepted", attachment.reason, generation, attachment.message)
    elif is_service(parent):
        service = view.store.service(namespace, parent.name)
        if service is None:
            return fails("Accepted", "NoMatchingParent", generation, f"there is no Service {namespace}/{parent.name}")
        ports = [port for port in service.spec.ports if parent.port in (None, port.port)]
        if not [port for port in ports if parent.section_name in (None, port.name)]:
            return fails("Accepted", "NoMatchingParent", generation, f"the Service {namespace}/{parent.name} has no such port")
    else:
        return None
    plan = view.plan(route)
    if plan.refused:
        mistakes = [finding.message for finding in view.locate(view.plan_findings(route)) if finding.severity == "error"]
        return fails("Accepted", "UnsupportedValue", generation, joined(mistakes))
    return holds("Accepted", "Accepted", generation)


def _references_condition(route: HTTPRoute, view: View) -> Condition:
    generation = route.metadata.generation
    unresolved: list[Unresolved] = []
    for rule in view.plan(route).rules:
        for one in rule.references:
            found = view.resolve(route, one.reference)
            if isinstance(found, Unresolved):
                unresolved.append(found)
    if unresolved:
        message = joined([f"{found.message}: {found.hint}" for found in unresolved])
        return fails("ResolvedRefs", unresolved[0].reason, generation, message)
    return holds("ResolvedRefs", "ResolvedRefs", generation)


def _partly(route: HTTPRoute, view: View) -> Condition | None:
    """That some rules are left out, if so."""
    plan = view.plan(route)
    if plan.refused or not plan.dropped:
        return None
    numbers = joined([str(index) for index in plan.dropped], ", ")
    mistakes = [finding.message for finding in view.locate(view.plan_findings(route)) if finding.severity == "error"]
    message = f"Dropped Rules {numbers} (counted from 0): {joined(mistakes)}"
    return holds("PartiallyInvalid", "UnsupportedValue", route.metadata.generation, message)
