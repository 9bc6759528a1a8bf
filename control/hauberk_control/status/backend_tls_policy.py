"""Conditions of BackendTLSPolicies, at each Gateway from which they are followed."""

from collections.abc import Iterable, Sequence
from typing import Final

from hauberk_control.status.conditions import AncestorStatus, Condition, Status, fails, holds, joined
from hauberk_control.store import key_of
from hauberk_control.translate.view import CONTROLLER, View
from hauberk_core.resources import BackendTLSPolicy, Gateway, Service
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.gateway_api.route import Route

MOST_ANCESTORS: Final = 16
"""So many the API has room for."""

_ServiceName = tuple[str, str]


class CallingGateways:
    """Which Gateways lead to which services."""

    def __init__(self, gateways: Iterable[Gateway], view: View) -> None:
        self._by_service: Final[dict[_ServiceName, dict[_ServiceName, None]]] = {}
        for gateway in gateways:
            for route, _ in view.gateway_routes(gateway):
                self._note(gateway, route)

    def _note(self, gateway: Gateway, route: Route) -> None:
        for reference in route.backends():
            if (reference.group, reference.kind) == (Service.GROUP, Service.KIND):
                name = (reference.namespace or route.metadata.namespace, reference.name)
                self._by_service.setdefault(name, {})[gateway.metadata.namespace, gateway.metadata.name] = None

    def of(self, namespace: str, names: Sequence[str]) -> list[ParentReference]:
        """The Gateways that lead to any of these services of a namespace."""
        found = {gateway: None for name in names for gateway in self._by_service.get((namespace, name), ())}
        return [ParentReference(namespace=namespace, name=name) for namespace, name in sorted(found)]


def backend_tls_policy_status(policy: BackendTLSPolicy, view: View, callers: CallingGateways) -> Status:
    """A policy. Where no Gateway leads to its targets the targets themselves tell: proxies of the mesh may call them."""
    namespace = policy.metadata.namespace
    targets = policy.spec.target_refs
    ancestors = callers.of(namespace, [target.name for target in targets])
    if not ancestors:
        names = dict.fromkeys([(target.group, target.kind, target.name) for target in targets])
        ancestors = [ParentReference(group=group, kind=kind, namespace=namespace, name=name) for group, kind, name in names]
    conditions = (_accepted(policy, view), _references(policy, view))
    return Status(
        ancestors=tuple(
            [
                AncestorStatus(ancestor_ref=ancestor, controller_name=CONTROLLER, conditions=conditions)
                for ancestor in ancestors[:MOST_ANCESTORS]
            ]
        )
    )


def _accepted(policy: BackendTLSPolicy, view: View) -> Condition:
    generation = policy.metadata.generation
    state = view.backend_tls.states[key_of(policy)]
    if state.unsupported:
        return fails("Accepted", "Invalid", generation, state.unsupported)
    if state.conflicts:
        message = f"older policies have these targets: {joined(state.conflicts, ', ')}"
        return fails("Accepted", "Conflicted", generation, message)
    if state.transport is None:
        return fails("Accepted", "NoValidCACertificate", generation, joined([trouble.message for trouble in state.troubles]))
    missing = _missing_targets(policy, view)
    if len(missing) == len(policy.spec.target_refs):
        return fails("Accepted", "TargetNotFound", generation, f"there is no {joined(missing, ', ')}")
    return holds("Accepted", "Accepted", generation, f"there is no {joined(missing, ', ')}" if missing else "")


def _missing_targets(policy: BackendTLSPolicy, view: View) -> list[str]:
    """The targets that are not there, or not with the port that is named."""
    missing: list[str] = []
    for target in policy.spec.target_refs:
        service = view.store.service(policy.metadata.namespace, target.name)
        if service is None:
            missing.append(f"{target.kind} {target.name}")
        elif target.section_name is not None and target.section_name not in [port.name for port in service.spec.ports]:
            missing.append(f"port {target.section_name} of the {target.kind} {target.name}")
    return missing


def _references(policy: BackendTLSPolicy, view: View) -> Condition:
    generation = policy.metadata.generation
    troubles = view.backend_tls.states[key_of(policy)].troubles
    if troubles:
        reason = "InvalidKind" if troubles[0].fault == "kind" else "InvalidCACertificateRef"
        return fails("ResolvedRefs", reason, generation, joined([f"{trouble.message}: {trouble.hint}" for trouble in troubles]))
    return holds("ResolvedRefs", "ResolvedRefs", generation)
