"""What becomes of connections that a workload opens to a service, and where those go that carry no requests."""

from collections.abc import Sequence
from typing import NamedTuple

from hauberk_control.translate.backend import Unresolved, divided
from hauberk_control.translate.build import Build
from hauberk_control.translate.finding import findings
from hauberk_control.translate.outbound_routes import routes_to, shared_among
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.protocol import Protocol, port_protocol
from hauberk_control.translate.route_conflicts import names_port
from hauberk_control.translate.tables import everything
from hauberk_control.translate.virtual_service.bound import octet_backends
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import WeightedCluster
from hauberk_core.resources import Service, TCPRoute
from hauberk_core.resources.kubernetes.service import ServicePort


class Outbound(NamedTuple):
    """What a filter chain does with connections to a port."""

    protocol: Protocol
    route_table: str
    """For requests; empty: there are none."""
    backends: tuple[WeightedCluster, ...]
    """For what is no request."""


def outbound_to(build: Build, service: Service, port: ServicePort, name: str, addresses: Sequence[str]) -> Outbound:
    """What becomes of connections to a port.

    Args: name - of the table, which is added if requests may come; addresses - of the service, as far as it has any.
    """
    route = passage_route(build, service, port)
    if route is not None:
        # All connections are the route's, whatever they speak: nothing looks for requests in them.
        return Outbound("tcp", "", passages_of(build, route))
    protocol = port_protocol(port)
    if protocol != "tcp":
        build.route_tables[name] = everything(name, routes_to(build, service, port))
    if protocol == "http":
        return Outbound(protocol, name, ())
    octets = octet_backends(build, service, port, addresses) or shared_among(build.destination(service, port).shares)
    return Outbound(protocol, "" if protocol == "tcp" else name, octets)


def passage_route(build: Build, service: Service, port: ServicePort) -> TCPRoute | None:
    """The TCPRoute that takes connections to a port: the oldest of the caller's namespace, else the oldest of the service's own.

    Routes for requests are more specific: where one is attached, none takes them. Source: Gateway API, GEP-1294 and GEP-1426.
    """
    if any(names_port(parent, port) for _, parent in build.view.service_routes(service)):
        return None
    attached = [route for route, parent in build.view.service_passages(service) if names_port(parent, port)]
    for owner in (build.node.namespace, service.metadata.namespace):
        several = [route for route in attached if route.metadata.namespace == owner]
        if several:
            return min(several, key=lambda route: seniority(route.metadata))
    return None


def passages_of(build: Build, route: TCPRoute) -> tuple[WeightedCluster, ...]:
    """The backends of a route, by weight. What is wrong with them is noted."""
    mistakes: list[Mistake] = []
    for rule_index, rule in enumerate(route.spec.rules):
        for index, reference in enumerate(rule.backend_refs):
            found = build.view.resolve(route, reference, in_mesh=True)
            if isinstance(found, Unresolved):
                path = ("spec", "rules", rule_index, "backendRefs", index)
                mistakes.append(Mistake(path, f"{found.message}; its share of connections is reset", found.hint, "warning"))
    build.findings.extend(findings(route, mistakes))
    shares = divided(route.backends(), lambda reference: build.reach(route, reference))
    return tuple([WeightedCluster(cluster=cluster, weight=weight) for weight, cluster, _ in shares])
