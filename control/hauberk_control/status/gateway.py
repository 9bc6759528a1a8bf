"""Conditions of GatewayClasses, Gateways and their listeners."""

from collections.abc import Sequence

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.status.conditions import Condition, ListenerStatus, Status, fails, holds, joined, told
from hauberk_control.status.rollout import PROGRAMMED, gateway_programmed
from hauberk_control.store import key_of
from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.hostnames import covers
from hauberk_control.translate.view import View
from hauberk_core.resources import Gateway, GatewayClass, HTTPRoute
from hauberk_core.resources.gateway_api.gateway import RouteGroupKind


def class_status(own: GatewayClass) -> Status:
    """A class of ours."""
    generation = own.metadata.generation
    if own.spec.parameters_ref is not None:
        message = "parameters of classes are not read here; remove parametersRef"
        return Status(conditions=(fails("Accepted", "InvalidParameters", generation, message),))
    return Status(conditions=(holds("Accepted", "Accepted", generation),))


def gateway_status(gateway: Gateway, view: View, proxies: Sequence[ProxyStatus] | None = None) -> Status:
    """A Gateway of a class of ours. Args: proxies - all that are connected; None: they are taken to have what they are told."""
    generation = gateway.metadata.generation
    programmed = holds(PROGRAMMED, "Programmed", generation) if proxies is None else gateway_programmed(gateway, proxies)
    states = [state for state in view.listeners(gateway) if state.owner is gateway]
    routes = _attached_routes(gateway, view)
    listeners = tuple(
        [
            ListenerStatus(
                name=state.spec.name,
                supported_kinds=(RouteGroupKind(kind=HTTPRoute.KIND),) if state.takes_routes else (),
                attached_routes=len(routes.get(state.name, ())),
                conditions=tuple(_listener_conditions(state, states, generation, programmed)),
            )
            for state in states
        ]
    )
    troubled = [state.spec.name for state in states if state.troubles]
    messages = [f"listeners with trouble: {', '.join(troubled)}"] if troubled else []
    own = [finding for finding in view.undone if finding.key == key_of(gateway)]
    message = joined([*messages, *[told(error) for error in view.locate(own)]])
    if not any(state.serves for state in states):
        conditions = (
            fails("Accepted", "ListenersNotValid", generation, message),
            fails(PROGRAMMED, "Invalid", generation, "no listener can serve"),
        )
    else:
        conditions = (
            holds("Accepted", "ListenersNotValid" if troubled else "Accepted", generation, message),
            programmed,
        )
    return Status(conditions=conditions, listeners=listeners)


def _attached_routes(gateway: Gateway, view: View) -> dict[str, set[tuple[str, str]]]:
    """The routes that each listener takes."""
    attached: dict[str, set[tuple[str, str]]] = {}
    for route, parent in view.gateway_routes(gateway):
        if not view.plan(route).refused:
            for listener, _ in view.attachment(route, parent, gateway).listeners:
                attached.setdefault(listener, set()).add((route.metadata.namespace, route.metadata.name))
    return attached


def _listener_conditions(
    state: ListenerState, states: Sequence[ListenerState], generation: int, programmed: Condition
) -> list[Condition]:
    conflict, refused, unresolved = [
        [trouble for trouble in state.troubles if trouble.aspect == aspect]
        for aspect in ("Conflicted", "Accepted", "ResolvedRefs")
    ]
    conditions: list[Condition] = []
    if refused or conflict:
        # A listener that conflicts is refused for that very reason.
        first, *_ = [*refused, *conflict]
        conditions.append(fails("Accepted", first.reason, generation, first.message))
    else:
        conditions.append(holds("Accepted", "Accepted", generation))
    if conflict:
        conditions.append(holds("Conflicted", conflict[0].reason, generation, conflict[0].message))
    else:
        conditions.append(fails("Conflicted", "NoConflicts", generation, ""))
    if unresolved:
        message = joined([f"{trouble.message}: {trouble.hint}" for trouble in unresolved])
        conditions.append(fails("ResolvedRefs", unresolved[0].reason, generation, message))
    else:
        conditions.append(holds("ResolvedRefs", "ResolvedRefs", generation))
    overlapping = _overlapping(state, states)
    if overlapping:
        message = f"host names overlap with those of {', '.join(overlapping)}"
        conditions.append(holds("OverlappingTLSConfig", "OverlappingHostnames", generation, message))
    if state.serves:
        conditions.append(programmed)
    else:
        conditions.append(fails(PROGRAMMED, "Invalid", generation, "see the other conditions"))
    return conditions


def _overlapping(state: ListenerState, states: Sequence[ListenerState]) -> list[str]:
    """The other listeners inside TLS whose host names a client could take for this one's."""
    own = state.spec
    if own.protocol != "HTTPS":
        return []
    others = [
        other.spec for other in states if other is not state and (other.spec.protocol, other.spec.port) == ("HTTPS", own.port)
    ]
    return [
        other.name
        for other in others
        if covers(own.hostname, other.hostname or "*") or covers(other.hostname, own.hostname or "*")
    ]
