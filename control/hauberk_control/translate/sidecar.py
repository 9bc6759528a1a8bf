"""The sidecar role: what comes in for its workload, and what its workload sends to services.

Each host of the mesh is worked out by itself, so that a proxy can be given only those that it calls.
"""

import re
from typing import Final

from hauberk_control.store import key_of
from hauberk_control.translate.build import Build
from hauberk_control.translate.captured_inbound import build_captured_inbound
from hauberk_control.translate.captured_outbound import build_captured_outbound
from hauberk_control.translate.finding import findings
from hauberk_control.translate.inbound import inbound_labels, own_services
from hauberk_control.translate.mesh_config import INBOUND_CERTIFICATES, OUTBOUND_CERTIFICATES
from hauberk_control.translate.outbound_routes import routes_to, service_hosts
from hauberk_control.translate.security import listening_transport
from hauberk_control.translate.service import other_protocol
from hauberk_control.translate.tables import everything
from hauberk_core.model import syntax
from hauberk_core.model.address import Address
from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.errors import quote
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Route, RouteTable, WeightedCluster
from hauberk_core.resources import Service
from hauberk_core.resources.kubernetes.service import ServicePort

# Where the workload is, and where it calls its sidecar.
_LOOPBACK: Final = "127.0.0.1"
_HTTP_PROXY: Final = "http-proxy"
_TARGET: Final = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+:[0-9]{1,5}")


def build_sidecar(build: Build) -> None:
    """Add everything that a sidecar's proxy serves."""
    if build.node.captured:
        build_captured_inbound(build)
        build_captured_outbound(build)
        return
    for port, (listen, app) in sorted(build.node.inbound.items()):
        _add_inbound(build, port, listen, app)
    for target, listen in sorted(build.node.outbound.items()):
        _add_outbound(build, target, listen)
    if build.node.http_proxy_port:
        _add_http_proxy(build)


def _add_inbound(build: Build, port: int, listen: int, app: int) -> None:
    node = build.node
    name = f"inbound|{port}||"
    service = _own_service(build, port)
    endpoints = (Endpoint(address=str(Address(_LOOPBACK, app))),)
    version = build.view.version_inside(service, port)
    build.clusters[name] = Cluster(endpoints=endpoints, labels=inbound_labels(node, service), protocol=version)
    build.route_tables[name] = everything(name, (Route(name=name, backends=(WeightedCluster(cluster=name),)),))
    mode = build.view.policies.mode(node.namespace, node.labels, port)
    build.policies.update([key_of(policy) for policy in build.view.policies.concerning(node.namespace, node.labels)])
    plugins = build.view.plugins.on_service(service, port) if service is not None else ()
    transport = listening_transport(mode)
    chain = FilterChain(route_table=name, transport=transport, plugins=plugins, client_certificate=INBOUND_CERTIFICATES)
    build.listeners[name] = Listener(address=str(Address(node.address, listen)), filter_chains=(chain,))


def _own_service(build: Build, port: int) -> Service | None:
    """The first service that the workload is of, by name; one that has the port goes first."""
    mine = own_services(build)
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
        table = everything(name, routes_to(build, service, port))
    build.route_tables[name] = table
    address = str(Address(_LOOPBACK, listen))
    chain = FilterChain(route_table=name, client_certificate=OUTBOUND_CERTIFICATES)
    build.listeners[name] = Listener(address=address, filter_chains=(chain,))


def _add_http_proxy(build: Build) -> None:
    """A listener for every service, told apart by host."""

    def ports_of(service: Service) -> list[ServicePort]:
        return [port for port in service.spec.ports if not _refused_protocol(build, service, port)]

    build.route_tables[_HTTP_PROXY] = RouteTable(virtual_hosts=tuple(service_hosts(build, ports_of)))
    address = str(Address(_LOOPBACK, build.node.http_proxy_port))
    chain = FilterChain(route_table=_HTTP_PROXY, client_certificate=OUTBOUND_CERTIFICATES)
    build.listeners[_HTTP_PROXY] = Listener(address=address, filter_chains=(chain,))


def _refused_protocol(build: Build, service: Service, port: ServicePort) -> bool:
    protocol = other_protocol(port)
    if protocol:
        message = f"port {port.port} speaks {protocol}, the proxy only HTTP: sidecars do not take requests for it"
        hint = "call it directly; if it speaks HTTP after all, write appProtocol: http"
        path = ("spec", "ports", service.spec.ports.index(port))
        build.findings.extend(findings(service, [Mistake(path, message, hint, "warning")]))
    return bool(protocol)
