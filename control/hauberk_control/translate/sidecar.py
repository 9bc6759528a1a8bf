"""The sidecar role: what comes in for its workload, and what its workload sends to services.

Each host of the mesh is worked out by itself, so that a proxy can be given only those that it calls.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from hauberk_control.store import key_of
from hauberk_control.translate.build import Build
from hauberk_control.translate.finding import findings
from hauberk_control.translate.security import listening_transport
from hauberk_control.translate.service import (
    cluster_name,
    destination_labels,
    host_name,
    host_names,
    other_protocol,
)
from hauberk_control.translate.weights import whole_weights
from hauberk_core.model import syntax
from hauberk_core.model.address import Address
from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.errors import quote
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.resources import Service
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.gateway_api.rule_name import of_port
from hauberk_core.resources.kubernetes.service import ServicePort

# Where the workload is, and where it calls its sidecar.
_LOOPBACK: Final = "127.0.0.1"
_HTTP_PROXY: Final = "http-proxy"
_HTTP_PORT: Final = 80
_TARGET: Final = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+:[0-9]{1,5}")


def build_sidecar(build: Build) -> None:
    """Add everything that a sidecar's proxy serves."""
    for port, (listen, app) in sorted(build.node.inbound.items()):
        _add_inbound(build, port, listen, app)
    for target, listen in sorted(build.node.outbound.items()):
        _add_outbound(build, target, listen)
    if build.node.http_proxy_port:
        _add_http_proxy(build)


def _add_inbound(build: Build, port: int, listen: int, app: int) -> None:
    node = build.node
    name = f"inbound|{port}||"
    labels = destination_labels(node.name, node.namespace, node.labels)
    labels["reporter"] = "destination"
    service = _own_service(build, port)
    if service is not None:
        labels["destination_service"] = host_name(service)
        labels["destination_service_name"] = service.metadata.name
        labels["destination_service_namespace"] = service.metadata.namespace
    if node.identity:
        labels["destination_principal"] = node.identity
    build.clusters[name] = Cluster(endpoints=(Endpoint(address=str(Address(_LOOPBACK, app))),), labels=labels)
    build.route_tables[name] = _everything(name, (Route(name=name, backends=(WeightedCluster(cluster=name),)),))
    mode = build.view.policies.mode(node.namespace, node.labels, port)
    build.policies.update([key_of(policy) for policy in build.view.policies.concerning(node.namespace, node.labels)])
    plugins = build.view.plugins.on_service(service, port) if service is not None else ()
    chain = FilterChain(route_table=name, transport=listening_transport(mode), plugins=plugins)
    build.listeners[name] = Listener(address=str(Address(node.address, listen)), filter_chains=(chain,))


def _own_service(build: Build, port: int) -> Service | None:
    """The first service that the workload is of, by name; one that has the port goes first."""
    node = build.node
    mine = [
        service
        for service in build.view.store.of(Service)
        if service.metadata.namespace == node.namespace
        and service.spec.selector
        and all(node.labels.get(name) == value for name, value in service.spec.selector.items())
    ]
    with_port = [service for service in mine if any(port in (own.port, own.target_port) for own in service.spec.ports)]
    return next(iter(with_port or mine), None)


def _add_outbound(build: Build, target: str, listen: int) -> None:
    """A listener for one port of one service, `service.namespace:port`."""
    host, _, number = target.rpartition(":")
    service_name, _, namespace = host.partition(".")
    name = f"outbound|{target}"
    if _TARGET.fullmatch(target) is None or syntax.resource_name(name) is not None:
        build.warn_about_node(f"{quote(target)} is no port of a service", "write it as service.namespace:port")
        return
    service = build.view.store.service(namespace, service_name)
    port = service.port(int(number)) if service is not None else None
    table = RouteTable()
    if service is None or port is None:
        build.warn_about_node(f"there is no port {target} of a service to call", "add the Service; until then the answer is 404")
    elif not _refused_protocol(build, service, port):
        table = _everything(name, _routes_to(build, service, port))
    build.route_tables[name] = table
    address = str(Address(_LOOPBACK, listen))
    build.listeners[name] = Listener(address=address, filter_chains=(FilterChain(route_table=name),))


def _add_http_proxy(build: Build) -> None:
    """A listener for every service, told apart by host."""
    virtual_hosts: list[VirtualHost] = []
    for service in build.view.store.of(Service):
        ports = [port for port in service.spec.ports if not _refused_protocol(build, service, port)]
        if service.spec.type == "ExternalName" or not ports:
            continue
        routes: list[Route] = []
        for port in ports:
            own = _routes_to(build, service, port)
            routes.extend(own if len(ports) == 1 else _for_port(own, port.port, port is _default(ports)))
        virtual_hosts.append(
            VirtualHost(name=host_name(service), hosts=host_names(service, build.node.namespace), routes=tuple(routes))
        )
    build.route_tables[_HTTP_PROXY] = RouteTable(virtual_hosts=tuple(virtual_hosts))
    address = str(Address(_LOOPBACK, build.node.http_proxy_port))
    build.listeners[_HTTP_PROXY] = Listener(address=address, filter_chains=(FilterChain(route_table=_HTTP_PROXY),))


def _refused_protocol(build: Build, service: Service, port: ServicePort) -> bool:
    protocol = other_protocol(port)
    if protocol:
        message = f"port {port.port} speaks {protocol}, the proxy only HTTP/1.1: sidecars do not take requests for it"
        hint = "call it directly; if it speaks HTTP/1.1 after all, write appProtocol: http"
        path = ("spec", "ports", service.spec.ports.index(port))
        build.findings.extend(findings(service, [Mistake(path, message, hint, "warning")]))
    return bool(protocol)


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


def _routes_to(build: Build, service: Service, port: ServicePort) -> tuple[Route, ...]:
    """The rules for requests to a service: those of the routes attached to it, else all requests to its endpoints.

    Routes of the caller's namespace go before those of the service's own. Source: Gateway API, GEP-1426.
    """
    namespace = service.metadata.namespace
    attached = [route for route, parent in build.view.service_routes(service) if _names(parent, port)]
    for owner in dict.fromkeys((build.node.namespace, namespace)):
        several = {route.metadata.name: build.routes(route) for route in attached if route.metadata.namespace == owner}
        routes = tuple([rule for _, rules in sorted(several.items()) for rule in rules])
        if routes:
            return routes
    shares = build.destination(service, port).shares
    weights = whole_weights([weight for _, weight in shares])
    backends = tuple(
        [WeightedCluster(cluster=cluster, weight=weight) for (cluster, _), weight in zip(shares, weights, strict=True)]
    )
    plugins = build.view.plugins.at_callers(service, port)
    return (Route(name=cluster_name(service, port.port), backends=backends, plugins=plugins),)


def _names(parent: ParentReference, port: ServicePort) -> bool:
    return parent.port in (None, port.port) and parent.section_name in (None, port.name)


def _everything(name: str, routes: tuple[Route, ...]) -> RouteTable:
    return RouteTable(virtual_hosts=(VirtualHost(name=name, hosts=("*",), routes=routes),))
