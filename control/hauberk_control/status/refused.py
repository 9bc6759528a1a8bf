"""The status of an object that could not be read: it is refused, whatever serves on of what it was before."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hauberk_control.sources.known import Known
from hauberk_control.status.conditions import Condition, ParentStatus, Status, fails, holds, joined, told
from hauberk_control.translate.listener_sets import gateway_name
from hauberk_control.translate.view import CONTROLLER, View, is_gateway, is_listener_set, is_service
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway, GatewayClass, ListenerSet
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.gateway_api.route import Route

# A mistake that stands at a filter itself, and not in it, is about the others beside it.
_AT_FILTER: Final = re.compile(r"(?:^|\.)filters\[\d+\]$")


def refused_status(known: Known, view: View, before: Status | None = None) -> Status | None:
    """What to tell of a refused object; None where that is not ours to say.

    Args: before - the status of what it was when it was last right, if that serves on.
    """
    # Told here of one object, which need not be named again.
    named = f"{known.key}: "
    errors = [
        msgspec.structs.replace(error, message=error.message.removeprefix(named))
        for error in known.errors
        if error.severity == "error"
    ]
    message = joined([told(error) for error in errors])
    if known.object is not None and before is not None:
        if isinstance(known.object.value, Route):
            return _fallen_back(known, before, errors, message)
        accepted = fails("Accepted", "Invalid", known.generation, f"{message}; what it was before serves on")
        others = [condition for condition in before.conditions if condition.type != "Accepted"]
        return msgspec.structs.replace(before, conditions=(accepted, *others))
    fields = _fields(known)
    if known.key.kind == GatewayClass.KIND:
        ours = fields.get("controllerName") == CONTROLLER
        return Status(conditions=(fails("Accepted", "Unsupported", known.generation, message),)) if ours else None
    if known.key.kind == Gateway.KIND:
        ours = view.class_is_ours(str(fields.get("gatewayClassName", "")))
        return Status(conditions=(fails("Accepted", "Invalid", known.generation, message),)) if ours else None
    if "parentRefs" in fields:
        condition = fails("Accepted", _reason(errors), known.generation, message)
        return Status(parents=_parents(known, fields["parentRefs"], condition, view))
    return Status(conditions=(fails("Accepted", "Invalid", known.generation, message),))


def _fallen_back(known: Known, before: Status, errors: list[ConfigError], message: str) -> Status:
    """A route of which the former state serves on: accepted as what it was, and that is told."""
    # Gateway API asks for this beginning.
    condition = holds("PartiallyInvalid", _reason(errors), known.generation, f"Fall Back to what it was before: {message}")
    parents: list[ParentStatus] = []
    for parent in before.parents:
        kept = [one for one in parent.conditions if one.type != condition.type]
        accepted = any((one.type, one.status) == ("Accepted", "True") for one in kept)
        parents.append(msgspec.structs.replace(parent, conditions=(*kept, condition) if accepted else parent.conditions))
    return msgspec.structs.replace(before, parents=tuple(parents))


def _reason(errors: list[ConfigError]) -> str:
    """Why a route is refused."""
    return "IncompatibleFilters" if errors and all(_AT_FILTER.search(error.path) for error in errors) else "UnsupportedValue"


def _fields(known: Known) -> Mapping[str, Any]:
    """The object's `spec`, unread."""
    try:
        spec = msgspec.json.decode(known.body, type=dict[str, Any]).get("spec")
    except (msgspec.MsgspecError, ValueError):
        spec = None
    return spec if isinstance(spec, dict) else {}


def _parents(known: Known, references: Any, condition: Condition, view: View) -> tuple[ParentStatus, ...]:
    found: list[ParentStatus] = []
    for plain in references if isinstance(references, list) else ():
        try:
            parent = msgspec.convert(plain, ParentReference)
        except (msgspec.MsgspecError, ValueError):
            continue
        if _is_ours(parent, parent.namespace or known.key.namespace, view):
            found.append(ParentStatus(parent_ref=parent, controller_name=CONTROLLER, conditions=(condition,)))
    return tuple(found)


def _is_ours(parent: ParentReference, namespace: str, view: View) -> bool:
    gateway: Gateway | None = None
    if is_gateway(parent):
        gateway = view.store.get(Gateway, namespace, parent.name)
    elif is_listener_set(parent):
        own = view.store.get(ListenerSet, namespace, parent.name)
        gateway = view.store.get(Gateway, *gateway_name(own)) if own is not None else None
    else:
        return is_service(parent)
    return gateway is not None and view.class_is_ours(gateway.spec.gateway_class_name)
