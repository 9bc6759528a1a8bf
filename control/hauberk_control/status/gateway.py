"""Conditions of Gateways."""

from collections.abc import Sequence

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.gateways.refusals import Refusal
from hauberk_control.status.cluster import Deployed
from hauberk_control.status.conditions import AddressStatus, Condition, Status, fails, holds, joined, told
from hauberk_control.status.listeners import listener_statuses
from hauberk_control.status.rollout import PROGRAMMED, gateway_programmed
from hauberk_control.status.route import attached_routes
from hauberk_control.store import key_of
from hauberk_control.translate.certificate import Found
from hauberk_control.translate.frontend_tls import is_insecure
from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.view import View
from hauberk_core.resources import Gateway, ListenerSet


class GatewayFacts:
    """One Gateway of ours with all that its status, and that of its ListenerSets, says of it."""

    def __init__(
        self, gateway: Gateway, view: View, proxies: Sequence[ProxyStatus] | None = None, deployed: Deployed | None = None
    ) -> None:
        """Look at it.

        Args: proxies - all that are connected; None: they are taken to have what they are told; deployed - what a cluster has
            for it; None: there is no cluster.
        """
        generation = gateway.metadata.generation
        self.gateway = gateway
        self.deployed = deployed
        self.states = view.listeners(gateway)
        """Of all its listeners, those of ListenerSets among them."""
        self.attached = attached_routes(gateway, view)
        """The number of routes at each listener, by its name among all."""
        self.accepted = _accepted(gateway, view, self.states, deployed)
        self.configured = holds(PROGRAMMED, "Programmed", generation) if proxies is None else gateway_programmed(gateway, proxies)
        """Whether its proxies have what they should."""
        self.programmed = _programmed(generation, self.accepted, self.configured, deployed)
        """Whether it can be used: its proxies have what they should, and it has an address."""

    def of(self, owner: Gateway | ListenerSet) -> list[ListenerState]:
        """The listeners of one object."""
        return [state for state in self.states if state.owner is owner]


def gateway_status(facts: GatewayFacts, view: View) -> Status:
    """A Gateway of a class of ours."""
    gateway = facts.gateway
    generation = gateway.metadata.generation
    conditions = [facts.accepted, facts.programmed, _references(gateway, view, facts.states)]
    if is_insecure(gateway):
        message = "clients are let in that show no valid certificate, as spec.tls.frontend allows"
        conditions.append(holds("InsecureFrontendValidationMode", "ConfigurationChanged", generation, message))
    addresses = facts.deployed.addresses.addresses if facts.deployed is not None else ()
    accepted_sets = [
        own
        for own in view.listener_sets.of(gateway)
        if facts.accepted.status == "True" and any(state.serves for state in facts.of(own))
    ]
    return Status(
        conditions=tuple(conditions),
        listeners=listener_statuses(facts.of(gateway), facts.states, facts.attached, generation, facts.configured),
        addresses=tuple([AddressStatus(type=one.type, value=one.value) for one in addresses]),
        attached_listener_sets=len(accepted_sets),
    )


def _accepted(gateway: Gateway, view: View, states: Sequence[ListenerState], deployed: Deployed | None) -> Condition:
    generation = gateway.metadata.generation
    if deployed is not None and deployed.trouble:
        return fails("Accepted", "InvalidParameters", generation, deployed.trouble)
    if deployed is not None and deployed.addresses.unsupported:
        types = joined(deployed.addresses.unsupported, ", ")
        message = f"addresses of the type {types} cannot be given; write IPAddress, or the Hostname of a Service"
        return fails("Accepted", "UnsupportedAddress", generation, message)
    troubled = [state.spec.name for state in states if state.troubles and state.owner is gateway]
    messages = [f"listeners with trouble: {joined(troubled, ', ')}"] if troubled else []
    own = [finding for finding in view.undone if finding.key == key_of(gateway)]
    message = joined([*messages, *[told(error) for error in view.locate(own)]])
    if not any(state.serves for state in states):
        return fails("Accepted", "ListenersNotValid", generation, message)
    return holds("Accepted", "ListenersNotValid" if troubled else "Accepted", generation, message)


def _programmed(generation: int, accepted: Condition, configured: Condition, deployed: Deployed | None) -> Condition:
    if accepted.status != "True":
        message = "no listener can serve" if accepted.reason == "ListenersNotValid" else accepted.message
        return fails(PROGRAMMED, "Invalid", generation, message)
    if deployed is not None:
        # Those pods that there are serve on.
        refusals = [one for one in deployed.refusals if not one.of_pods or configured.status != "True"]
        if refusals:
            reason = "NoResources" if any(one.is_for_want_of_resources for one in refusals) else "Refused"
            return fails(PROGRAMMED, reason, generation, joined([_refused(one) for one in refusals]))
    if deployed is not None and deployed.addresses.unusable:
        message = f"these addresses cannot be had: {joined(deployed.addresses.unusable, ', ')}; choose others, or leave them out"
        return fails(PROGRAMMED, "AddressNotUsable", generation, message)
    if deployed is not None and not deployed.addresses.addresses:
        message = "it has no address yet: its Service waits for one of the cluster's load balancer"
        return fails(PROGRAMMED, "AddressNotAssigned", generation, message)
    return configured


def _refused(refusal: Refusal) -> str:
    key = refusal.key
    what = f"the pods of {key.kind} {key.name}" if refusal.of_pods else f"{key.kind} {key.name}"
    return f"{what} cannot be had: {refusal.message}"


def _references(gateway: Gateway, view: View, states: Sequence[ListenerState]) -> Condition:
    """What the Gateway itself refers to, and its listeners."""
    generation = gateway.metadata.generation
    shown = view.client_certificate(gateway)
    trouble = shown.trouble if isinstance(shown, Found) else shown
    if trouble is not None:
        reason = "InvalidClientCertificateRef" if trouble.permitted else "RefNotPermitted"
        return fails("ResolvedRefs", reason, generation, f"{trouble.message}: {trouble.hint}")
    own = [state for state in states if state.owner is gateway]
    unresolved = [state.spec.name for state in own if any(trouble.aspect == "ResolvedRefs" for trouble in state.troubles)]
    if unresolved:
        return fails("ResolvedRefs", "ListenersNotResolved", generation, f"see the listeners {joined(unresolved, ', ')}")
    return holds("ResolvedRefs", "ResolvedRefs", generation)
