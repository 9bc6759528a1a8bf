"""The status of every object that has one. Pure: what is known of proxies comes in as an argument."""

from collections.abc import Iterable, Sequence
from typing import Final

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.status.conditions import Condition, Status, fails, holds, joined, told
from hauberk_control.status.gateway import class_status, gateway_status
from hauberk_control.status.http_route import route_status
from hauberk_control.status.rollout import policy_programmed
from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.view import CONTROLLER, Memories, View
from hauberk_core.resources import (
    DestinationRule,
    EndpointSlice,
    Gateway,
    GatewayClass,
    HTTPRoute,
    PeerAuthentication,
    PluginPolicy,
    Service,
    WorkloadEntry,
)
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.registry import RESOURCES

_POLICIES: Final = (PeerAuthentication, DestinationRule, PluginPolicy)
"""What concerns traffic that other objects describe."""


def statuses(store: Store) -> dict[ObjectKey, Status]:
    """By object; without those that belong to other controllers, and without kinds that nothing can be wrong with."""
    return view_statuses(View(store, Memories()))


def view_statuses(view: View, proxies: Sequence[ProxyStatus] | None = None) -> dict[ObjectKey, Status]:
    """The same for a store that is looked at already.

    Args: proxies - those that are connected; None: nothing is known of them, and all are taken to have what they are told.
    """
    store = view.store
    found: dict[ObjectKey, Status] = {}
    for own in store.of(GatewayClass):
        if own.spec.controller_name == CONTROLLER:
            found[key_of(own)] = class_status(own)
    for gateway in store.of(Gateway):
        if view.class_is_ours(gateway.spec.gateway_class_name):
            found[key_of(gateway)] = gateway_status(gateway, view, proxies)
    for route in store.of(HTTPRoute):
        found[key_of(route)] = route_status(route, view)
    mistakes = _by_object(view, [finding for proxy in proxies or () for finding in proxy.notes.findings])
    several: list[Resource] = [
        resource
        for kind in (PeerAuthentication, DestinationRule, PluginPolicy, WorkloadEntry, Service, EndpointSlice)
        for resource in store.of(kind)
    ]
    several += [item.value for item in store.objects.values() if type(item.value) not in RESOURCES]
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
    several = [*view.policies.findings, *view.rules.findings, *view.plugins.findings, *view.undone, *by_plugins]
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
