"""The sidecar role: what comes in for its workload, and what its workload sends to services.

Each host of the mesh is worked out by itself, so that a proxy can be given only those that it calls.
"""

import re
from typing import Final

import msgspec

from hauberk_control.store import key_of
from hauberk_control.translate.build import Build
from hauberk_control.translate.captured_inbound import build_captured_inbound
from hauberk_control.translate.captured_outbound import build_captured_outbound
from hauberk_control.translate.finding import findings
from hauberk_control.translate.inbound import inbound_labels, own_services
from hauberk_control.translate.mesh_config import INBOUND_CERTIFICATES, OUTBOUND_CERTIFICATES
from hauberk_control.translate.outbound_passages import Outbound, outbound_to
from hauberk_control.translate.outbound_routes import service_hosts
from hauberk_control.translate.protocol import Protocol, port_protocol
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
    protocol = _inbound_protocol(service, port)
    if protocol != "tcp":
        build.route_tables[name] = everything(name, (Route(name=name, backends=(WeightedCluster(cluster=name),)),))
    mode = build.view.policies.mode(node.namespace, node.labels, port)
    build.policies.update([key_of(policy) for policy in build.view.policies.concerning(node.namespace, node.labels)])
    plugins = build.view.plugins.on_service(service, port) if service is not None else ()
    transport = listening_transport(mode)
    if mode == "PERMISSIVE" and protocol != "http":
        # The workload may speak TLS itself, with callers that are not of the mesh.
        transport = msgspec.structs.replace(transport, foreign_tls="pass")
    chain = FilterChain(
        protocol=protocol,
        route_table="" if protocol == "tcp" else name,
        backends=() if protocol == "http" else (WeightedCluster(cluster=name),),
        transport=transport,
        plugins=() if protocol == "tcp" else plugins,
        client_certificate=INBOUND_CERTIFICATES,
    )
    build.listeners[name] = Listener(address=str(Address(node.address, listen)), filter_chains=(chain,))


def _own_service(build: Build, port: int) -> Service | None:
    """The first service that the workload is of, by name; one that has the port goes first."""
    mine = own_services(build)
    with_port = [service for service in mine if any(port in (own.port, own.target_port) for own in service.spec.ports)]
    return next(iter(with_port or mine), None)


def _inbound_protocol(service: Service | None, number: int) -> Protocol:
    """How connections to a port of the workload's are treated; what no service declares is looked at."""
    ports = () if service is None else service.spec.ports
    port = next((port for port in ports if number in (port.port, port.target_port) and port.protocol == "TCP"), None)
    return "detect" if port is None else port_protocol(port)


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
    found = Outbound("http", name, ())
    if service is None or port is None:
        build.warn_about_node(f"there is no port {target} of a service to call", "add the Service; until then the answer is 404")
    elif port.protocol != "TCP":
        build.findings.extend(findings(service, [_no_connections(service, port)]))
    else:
        found = outbound_to(build, service, port, name, ())
    if found.route_table:
        build.route_tables.setdefault(name, RouteTable())
    address = str(Address(_LOOPBACK, listen))
    chain = FilterChain(
        protocol=found.protocol,
        route_table=found.route_table,
        backends=found.backends,
        client_certificate=OUTBOUND_CERTIFICATES,
    )
    build.listeners[name] = Listener(address=address, filter_chains=(chain,))


def _add_http_proxy(build: Build) -> None:
    """A listener for every service, told apart by host."""

    hosts = service_hosts(build, lambda service: [port for port in service.spec.ports if not other_protocol(port)])
    build.route_tables[_HTTP_PROXY] = RouteTable(virtual_hosts=tuple(hosts))
    address = str(Address(_LOOPBACK, build.node.http_proxy_port))
    chain = FilterChain(route_table=_HTTP_PROXY, client_certificate=OUTBOUND_CERTIFICATES)
    build.listeners[_HTTP_PROXY] = Listener(address=address, filter_chains=(chain,))


def _no_connections(service: Service, port: ServicePort) -> Mistake:
    message = f"port {port.port} speaks {port.protocol}, which sidecars do not carry: whoever connects there is told 404"
    path = ("spec", "ports", service.spec.ports.index(port))
    return Mistake(path, message, "call it directly; if it speaks TCP after all, write protocol: TCP", "warning")
