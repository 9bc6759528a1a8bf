"""The rules for requests that a workload sends to services, whichever way its proxy gets them."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hauberk_control.translate.build import Build
from hauberk_control.translate.route_conflicts import at_port
from hauberk_control.translate.service import cluster_name, host_name, host_names
from hauberk_control.translate.virtual_service.bound import http_routes
from hauberk_control.translate.weights import whole_weights
from hauberk_core.model.route import Route, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.resources import Service
from hauberk_core.resources.gateway_api.rule_name import of_port
from hauberk_core.resources.kubernetes.service import ServicePort

_HTTP_PORT: Final = 80


def routes_to(build: Build, service: Service, port: ServicePort) -> tuple[Route, ...]:
    """The rules for requests to a service: those that somebody wrote, else all requests to its endpoints."""
    routes = written_routes(build, service, port)
    if routes:
        return routes
    plugins = build.view.plugins.at_callers(service, port)
    backends = shared_among(build.destination(service, port).shares)
    return (Route(name=cluster_name(service, port), backends=backends, plugins=plugins),)


def written_routes(build: Build, service: Service, port: ServicePort) -> tuple[Route, ...]:
    """The rules of the routes attached to a service, else those of the VirtualService that counts for it; none: there are none.

    Routes of the caller's namespace go before those of the service's own. Source: Gateway API, GEP-1426.
    """
    namespace = service.metadata.namespace
    attached = build.view.service_routes(service)
    for owner in dict.fromkeys((build.node.namespace, namespace)):
        several = {route.metadata.name: build.routes(route) for route in at_port(attached, port, owner)}
        routes = tuple([rule for _, rules in sorted(several.items()) for rule in rules])
        if routes:
            return routes
    return http_routes(build, service, port)


def shared_among(shares: Sequence[tuple[str, int]]) -> tuple[WeightedCluster, ...]:
    """Clusters with their weights."""
    weights = whole_weights([weight for _, weight in shares])
    return tuple([WeightedCluster(cluster=cluster, weight=weight) for (cluster, _), weight in zip(shares, weights, strict=True)])


def service_hosts(build: Build, ports_of: Callable[[Service], Sequence[ServicePort]]) -> list[VirtualHost]:
    """A virtual host for every service, under all its names. Args: ports_of - those of a service that requests may go to."""
    virtual_hosts: list[VirtualHost] = []
    for service in build.view.store.of(Service):
        ports = () if service.spec.type == "ExternalName" else ports_of(service)
        if not ports:
            continue
        routes: list[Route] = []
        for port in ports:
            own = routes_to(build, service, port)
            routes.extend(own if len(ports) == 1 else _for_port(own, port.port, port is _default(ports)))
        virtual_hosts.append(
            VirtualHost(name=host_name(service), hosts=host_names(service, build.node.namespace), routes=tuple(routes))
        )
    return virtual_hosts


def _default(ports: Sequence[ServicePort]) -> ServicePort:
    """The port that is meant where a request names none: HTTP's own, else the first."""
    return next((port for port in ports if port.port == _HTTP_PORT), ports[0])


def _for_port(routes: Sequence[Route], port: int, default: bool) -> list[Route]:
    """The rules limited to requests for one port: a table tells hosts apart, not ports."""
    # An IPv6 address has colons of its own, but no service is called by one.
    pattern = f"[^:]*(:{port})?" if default else f"[^:]*:{port}"
    asked = ValueMatch(name="host", kind="regex", value=pattern)
    return [
        msgspec.structs.replace(
            route,
            name=of_port(route.name, port),
            matches=tuple([msgspec.structs.replace(match, headers=(*match.headers, asked)) for match in route.matches]),
        )
        for route in routes
    ]
