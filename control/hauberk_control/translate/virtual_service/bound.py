"""Rules with what they lead to, for one proxy."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from hauberk_control.store import key_of
from hauberk_control.translate.backend import Unresolved, shared_out
from hauberk_control.translate.build import Build
from hauberk_control.translate.plugin_policy import Plugins, merged
from hauberk_control.translate.service import subset_shares
from hauberk_control.translate.virtual_service.callers import concerns
from hauberk_control.translate.virtual_service.destinations import Target
from hauberk_control.translate.virtual_service.http_plan import RulePlan
from hauberk_control.translate.virtual_service.octets import octet_route
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.route import Route, WeightedCluster
from hauberk_core.resources import Service, VirtualService
from hauberk_core.resources.kubernetes.service import ServicePort

Shares = tuple[tuple[str, int], ...]
"""Clusters, and how what is sent is divided among them."""
_NOWHERE: Final[Shares] = (("", 1),)


class _Led(NamedTuple):
    """A rule, and where it leads for one proxy."""

    rule: RulePlan
    matches: tuple[int, ...]
    """The positions of those that may take requests of this proxy."""
    backends: tuple[Shares, ...]
    mirrors: tuple[Shares, ...]
    plugins: Plugins


def http_routes(build: Build, service: Service, port: ServicePort) -> tuple[Route, ...]:
    """The rules for requests to a port of a service; none: no VirtualService has any."""
    several = build.view.virtual_services
    owner = several.find(service, build.caller, "http")
    if owner is None:
        return ()
    plan = several.plan(owner)
    led = [_led(build, owner, rule, matches, port) for rule in plan.rules if (matches := _concerning(build, owner, rule, port))]
    if not led:
        return ()
    build.policies.add(key_of(owner))
    ways = tuple([(one.rule.position, one.matches, one.backends, one.mirrors) for one in led])
    plugins = tuple([one.plugins for one in led])
    # Proxies that are led alike have the same rules, as the same objects.
    name = (key_of(owner), key_of(service), port.port, ways)
    return several.remembered.routes.get(name, (plan, plugins), lambda: _bind(led, port))


def _concerning(build: Build, owner: VirtualService, rule: RulePlan, port: ServicePort) -> tuple[int, ...]:
    """The positions of a rule's matches that may take requests of this proxy."""
    gateways = owner.spec.gateways
    return tuple(
        [
            index
            for index, match in enumerate(rule.matches)
            if match.matches and (match.told is None or concerns(match.told, gateways, build.caller, port.port))
        ]
    )


def _led(build: Build, owner: VirtualService, rule: RulePlan, matches: tuple[int, ...], port: ServicePort) -> _Led:
    """Look up destinations; their clusters are in the snapshot from now on."""
    namespace = owner.metadata.namespace
    places = build.view.virtual_services.places
    backends = [places.resolve(one.destination, namespace, port, requests=True) for one in rule.backends]
    mirrors = [places.resolve(one.destination, namespace, port, requests=True) for one in rule.mirrors]
    plugins = rule.route.plugins
    for found in backends:
        if isinstance(found, Target):
            added = [one for one in build.view.plugins.at_callers(found.service, found.port) if one not in plugins]
            plugins = merged(plugins, tuple(added)) if added else plugins
    return _Led(
        rule,
        matches,
        tuple([_target_shares(build, found) for found in backends]),
        tuple([_target_shares(build, found) for found in mirrors]),
        plugins,
    )


def _target_shares(build: Build, target: Target | Unresolved) -> Shares:
    """Among which clusters what goes to a target is divided."""
    if isinstance(target, Unresolved):
        return _NOWHERE
    found = build.destination(target.service, target.port)
    shares = subset_shares(found, target.service, target.port, target.subset) if target.subset else found.shares
    return shares or _NOWHERE


def _bind(several: Sequence[_Led], port: ServicePort) -> tuple[Route, ...]:
    routes: list[Route] = []
    for led in several:
        weighted = _weighted(led.rule, led.backends)
        copies = _copies(led.rule, led.mirrors)
        for route in led.rule.routes(led.matches, port.port):
            routes.append(msgspec.structs.replace(route, backends=weighted, mirrors=copies, plugins=led.plugins))
    return tuple(routes)


def _weighted(rule: RulePlan, several: Sequence[Shares]) -> tuple[WeightedCluster, ...]:
    weights = [one.weight for one in rule.backends] if len(rule.backends) > 1 else [1] * len(rule.backends)
    return tuple(
        [
            WeightedCluster(
                cluster=cluster,
                weight=weight,
                request_headers=rule.backends[position].request_headers,
                response_headers=rule.backends[position].response_headers,
            )
            for weight, cluster, position in shared_out(list(zip(weights, several, strict=True)))
        ]
    )


def _copies(rule: RulePlan, several: Sequence[Shares]) -> tuple[Mirror, ...]:
    """Those mirrors that lead somewhere; where one is several clusters, the largest one gets the copies."""
    copies: list[Mirror] = []
    for plan, shares in zip(rule.mirrors, several, strict=True):
        cluster, _ = max(shares, key=lambda share: share[1])
        if cluster and plan.share > 0:
            copies.append(Mirror(cluster=cluster, share=plan.share))
    return tuple(copies)


def octet_backends(build: Build, service: Service, port: ServicePort, addresses: Sequence[str]) -> tuple[WeightedCluster, ...]:
    """Where connections to a port go that are no requests; none: no VirtualService says it.

    Args: addresses - the service's.
    """
    several = build.view.virtual_services
    owner = several.find(service, build.caller, "tcp")
    route = octet_route(owner, build.caller, port.port, addresses) if owner is not None else ()
    if owner is None or not route:
        return ()
    build.policies.add(key_of(owner))
    shares: list[tuple[int, Shares]] = []
    for one in route:
        found = several.places.resolve(one.destination, owner.metadata.namespace, port, requests=False)
        weight = one.weight if len(route) > 1 else 1
        shares.append((weight, _target_shares(build, found)))
    return tuple([WeightedCluster(cluster=cluster, weight=weight) for weight, cluster, _ in shared_out(shares)])
