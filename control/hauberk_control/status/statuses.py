"""The status of every object that has one. Pure: what is known of proxies comes in as an argument."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.status.backend_tls_policy import CallingGateways, backend_tls_policy_status
from hauberk_control.status.cluster import Cluster
from hauberk_control.status.conditions import Condition, Status, fails, holds, joined, told
from hauberk_control.status.gateway import GatewayFacts, gateway_status
from hauberk_control.status.gateway_class import class_status
from hauberk_control.status.listener_set import listener_set_status, refused_set
from hauberk_control.status.rollout import policy_programmed
from hauberk_control.status.route import route_status
from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.listener_sets import gateway_name
from hauberk_control.translate.route_kinds import ROUTE_KINDS
from hauberk_control.translate.view import CONTROLLER, Memories, View
from hauberk_core.resources import (
    BackendTLSPolicy,
    DestinationRule,
    EndpointSlice,
    Gateway,
    GatewayClass,
    ListenerSet,
    PeerAuthentication,
    PluginPolicy,
    Service,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.registry import RESOURCES

_POLICIES: Final = (PeerAuthentication, DestinationRule, PluginPolicy, Sidecar, VirtualService)
"""What concerns traffic that other objects describe."""


def statuses(store: Store) -> dict[ObjectKey, Status]:
    """By object; without those that belong to other controllers, and without kinds that nothing can be wrong with."""
    return view_statuses(View(store, Memories()))


def view_statuses(
    view: View, proxies: Sequence[ProxyStatus] | None = None, cluster: Cluster | None = None
) -> dict[ObjectKey, Status]:
    """The same for a store that is looked at already.

    Args: proxies - those that are connected; None: nothing is known of them, and all are taken to have what they are told;
        cluster - None: there is none, and nothing is made for Gateways.
    """
    facts = _gateways(view, proxies, cluster)
    found = _gateway_statuses(view, facts, cluster)
    for kind in ROUTE_KINDS:
        for route in view.store.of(kind):
            found[key_of(route)] = route_status(route, view, facts)
    policies = list(view.store.of(BackendTLSPolicy))
    if policies:
        callers = CallingGateways([one.gateway for one in facts.values()], view)
        found |= {key_of(policy): backend_tls_policy_status(policy, view, callers) for policy in policies}
    return found | _other_statuses(view, proxies)


def _gateways(view: View, proxies: Sequence[ProxyStatus] | None, cluster: Cluster | None) -> dict[tuple[str, str], GatewayFacts]:
    """Those that are served here, by namespace and name."""
    found: dict[tuple[str, str], GatewayFacts] = {}
    for gateway in view.store.of(Gateway):
        if view.class_is_ours(gateway.spec.gateway_class_name):
            deployed = cluster.deployed(gateway) if cluster is not None else None
            if cluster is None or deployed is not None:
                found[gateway.metadata.namespace, gateway.metadata.name] = GatewayFacts(gateway, view, proxies, deployed)
    return found


def _gateway_statuses(
    view: View, facts: Mapping[tuple[str, str], GatewayFacts], cluster: Cluster | None
) -> dict[ObjectKey, Status]:
    """Of GatewayClasses, of Gateways and of ListenerSets."""
    found: dict[ObjectKey, Status] = {}
    for own in view.store.of(GatewayClass):
        if own.spec.controller_name == CONTROLLER:
            found[key_of(own)] = class_status(own, cluster.api_versions if cluster is not None else None)
    for one in facts.values():
        found[key_of(one.gateway)] = gateway_status(one, view)
    for listener_set in view.store.of(ListenerSet):
        status = _listener_set_status(listener_set, view, facts)
        if status is not None:
            found[key_of(listener_set)] = status
    return found


def _listener_set_status(own: ListenerSet, view: View, facts: Mapping[tuple[str, str], GatewayFacts]) -> Status | None:
    """A set; None where its Gateway is somebody else's."""
    name = gateway_name(own)
    parent = facts.get(name)
    if parent is None:
        missing = view.store.get(Gateway, *name) is None
        return refused_set(own, "ParentNotAccepted", f"there is no Gateway {'/'.join(name)}") if missing else None
    if not view.listener_sets.allows(parent.gateway, own):
        return refused_set(own, "NotAllowed", f"the allowedListeners of the Gateway {'/'.join(name)} leave this set out")
    return listener_set_status(own, parent)


def _other_statuses(view: View, proxies: Sequence[ProxyStatus] | None) -> dict[ObjectKey, Status]:
    """Of objects that have a condition of ours."""
    found: dict[ObjectKey, Status] = {}
    mistakes = _by_object(view, [finding for proxy in proxies or () for finding in proxy.notes.findings])
    several: list[Resource] = [
        resource for kind in (*_POLICIES, WorkloadEntry, Service, EndpointSlice) for resource in view.store.of(kind)
    ]
    several += [item.value for item in view.store.objects.values() if type(item.value) not in RESOURCES]
    for resource in several:
        key = key_of(resource)
        accepted = _accepted(resource.metadata.generation, mistakes.get(key, []), view)
        conditions = [accepted]
        if proxies is not None and accepted.status == "True" and isinstance(resource, _POLICIES):
            conditions.append(policy_programmed(key, resource.metadata.generation, proxies))
        found[key] = Status(conditions=tuple(conditions))
    return found


def _by_object(view: View, by_plugins: Iterable[Finding]) -> dict[ObjectKey, list[Finding]]:
    """What is wrong with objects that have no status of Gateway API's. Args: by_plugins - their word."""
    several = [*view.policies.findings, *view.rules.findings, *view.idle_rules, *view.plugins.findings, *view.undone, *by_plugins]
    several += view.virtual_services.findings
    for service in view.store.of(Service):
        for port in service.spec.ports:
            several.extend(view.reached(service, port)[1])
    by_object: dict[ObjectKey, list[Finding]] = {}
    for finding in dict.fromkeys(several):
        by_object.setdefault(finding.key, []).append(finding)
    return by_object


def _accepted(generation: int, mistakes: list[Finding], view: View) -> Condition:
    """Accepted, and what of it has no effect; or not, and why."""
    located = view.locate(mistakes)
    wrong = [told(error) for error in located if error.severity == "error"]
    if wrong:
        return fails("Accepted", "Invalid", generation, joined(wrong))
    message = joined([told(error) for error in located])
    return holds("Accepted", "AcceptedInPart" if located else "Accepted", generation, message)
