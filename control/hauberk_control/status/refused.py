"""The status of an object that could not be read: it is refused, whatever serves on of what it was before."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hauberk_control.sources.known import Known
from hauberk_control.status.conditions import Condition, ParentStatus, Status, fails, joined, told
from hauberk_control.translate.view import CONTROLLER, View, is_gateway, is_service
from hauberk_core.resources import Gateway, GatewayClass
from hauberk_core.resources.gateway_api.references import ParentReference


def refused_status(known: Known, view: View) -> Status | None:
    """What to tell of a refused object; None where that is not ours to say."""
    try:
        spec = msgspec.json.decode(known.body, type=dict[str, Any]).get("spec")
    except (msgspec.MsgspecError, ValueError):
        spec = None
    fields: Mapping[str, Any] = spec if isinstance(spec, dict) else {}
    serves_on = "; what it was before serves on" if known.object is not None else ""
    # Told here of one object, which need not be named again.
    named = f"{known.key}: "
    errors = [
        told(msgspec.structs.replace(error, message=error.message.removeprefix(named)))
        for error in known.errors
        if error.severity == "error"
    ]
    message = joined(errors) + serves_on
    if known.key.kind == GatewayClass.KIND:
        ours = fields.get("controllerName") == CONTROLLER
        return Status(conditions=(fails("Accepted", "Unsupported", known.generation, message),)) if ours else None
    if known.key.kind == Gateway.KIND:
        ours = view.class_is_ours(str(fields.get("gatewayClassName", "")))
        return Status(conditions=(fails("Accepted", "Invalid", known.generation, message),)) if ours else None
    if "parentRefs" in fields:
        condition = fails("Accepted", "UnsupportedValue", known.generation, message)
        return Status(parents=_parents(known, fields["parentRefs"], condition, view))
    return Status(conditions=(fails("Accepted", "Invalid", known.generation, message),))


def _parents(known: Known, references: Any, condition: Condition, view: View) -> tuple[ParentStatus, ...]:
    found: list[ParentStatus] = []
    for plain in references if isinstance(references, list) else ():
        try:
            parent = msgspec.convert(plain, ParentReference)
        except (msgspec.MsgspecError, ValueError):
            continue
        if is_gateway(parent):
            gateway = view.store.get(Gateway, parent.namespace or known.key.namespace, parent.name)
            ours = gateway is not None and view.class_is_ours(gateway.spec.gateway_class_name)
        else:
            ours = is_service(parent)
        if ours:
            found.append(ParentStatus(parent_ref=parent, controller_name=CONTROLLER, conditions=(condition,)))
    return tuple(found)
