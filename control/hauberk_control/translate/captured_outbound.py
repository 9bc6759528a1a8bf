"""What a captured workload calls: by the address and port that its connections were going to.

- a service's address: its routes, else its endpoints;
- an endpoint of a headless service, or any other pod of the mesh: that very one, inside the mesh's TLS, as whoever it is; an
  address that is another namespace's service or pod stays theirs, and of two services that name one address the older has it;
- everything else: requests by the host that they name, where it is a service's; all other, where they were going, if that is
  allowed.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from hauberk_control.translate.address_owners import same_address
from hauberk_control.translate.build import Build
from hauberk_control.translate.captured_inbound import probe_chain
from hauberk_control.translate.mesh_config import OUTBOUND_CERTIFICATES
from hauberk_control.translate.outbound_passages import outbound_to
from hauberk_control.translate.outbound_policy import outbound_mode
from hauberk_control.translate.outbound_routes import service_hosts, written_routes
from hauberk_control.translate.pods import running_pods, takes_mesh, uncaptured_ports
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.protocol import Protocol, port_protocol
from hauberk_control.translate.security import calling_transport
from hauberk_control.translate.service import host_name, host_names, other_protocol
from hauberk_control.translate.tables import everything
from hauberk_core.identity import SpiffeId
from hauberk_core.model.address import is_ip_address, parse_address
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.route import Route, RouteTable, VirtualHost, WeightedCluster
from hauberk_core.pod import OUTBOUND_PORT, OUTBOUND_PROBE
from hauberk_core.resources import Service
from hauberk_core.resources.kubernetes.service import ServicePort

LISTENER: Final = "virtualOutbound"
PASSTHROUGH: Final = "PassthroughCluster"
BLACK_HOLE: Final = "BlackHoleCluster"
"""Istio's names."""
_HEADLESS: Final = "None"
_HOSTS: Final = "hosts"


class _Outbound:
    """The chains so far."""

    def __init__(self, build: Build) -> None:
        self.build: Final = build
        self.chains: Final[list[FilterChain]] = [probe_chain(build, OUTBOUND_PROBE)]
        self._taken: Final[set[tuple[str, int]]] = set()

    def free(self, hosts: Iterable[str], port: int) -> tuple[str, ...]:
        """Those of `hosts` that no chain has with this port, and which the caller's has from now on."""
        mine = [host for host in dict.fromkeys(hosts) if (host, port) not in self._taken]
        self._taken.update([(host, port) for host in mine])
        return tuple(mine)

    def add(
        self, name: str, hosts: tuple[str, ...], port: int, protocol: Protocol, backends: tuple[WeightedCluster, ...]
    ) -> None:
        """A chain; its table, if it has requests, is called `name`. Args: port - 0: every one."""
        self.chains.append(
            FilterChain(
                destinations=hosts,
                destination_ports=(port,) if port else (),
                protocol=protocol,
                route_table="" if protocol == "tcp" else name,
                backends=() if protocol == "http" else backends,
                client_certificate=OUTBOUND_CERTIFICATES,
            )
        )


def build_captured_outbound(build: Build) -> None:
    """Add the listener and all that it leads to."""
    outbound = _Outbound(build)
    services = [service for service in build.view.store.of(Service) if service.spec.type != "ExternalName"]
    headless = [service for service in services if service.spec.cluster_ip == _HEADLESS]
    for service in services:
        if service.spec.cluster_ip != _HEADLESS:
            for port in _connected(service):
                _add_service(outbound, service, port)
    for service in sorted(headless, key=lambda one: seniority(one.metadata)):
        for port in _connected(service):
            _add_headless(outbound, service, port)
    _add_pods(outbound)
    _add_elsewhere(outbound)
    build.listeners[LISTENER] = Listener(address=f":{OUTBOUND_PORT}", captured=True, filter_chains=tuple(outbound.chains))


def _connected(service: Service) -> list[ServicePort]:
    return [port for port in service.spec.ports if port.protocol == "TCP"]


def _add_service(outbound: _Outbound, service: Service, port: ServicePort) -> None:
    build = outbound.build
    given = (service.spec.cluster_ip or "", *service.spec.cluster_ips)
    hosts = outbound.free([address for address in given if is_ip_address(address)], port.port)
    if not hosts:
        return
    name = f"outbound|{host_name(service)}:{port.port}"
    found = outbound_to(build, service, port, name, hosts)
    outbound.add(name, hosts, port.port, found.protocol, found.backends)


def _add_headless(outbound: _Outbound, service: Service, port: ServicePort) -> None:
    """The endpoints of a service without an address of its own, each under its own address."""
    build, own = outbound.build, service.metadata.namespace
    destination = build.destination(service, port)
    written = written_routes(build, service, port)
    for shared, _ in destination.shares:
        # In clusters they are divided by how they are spoken to.
        cluster = destination.clusters[shared]
        name = shared.replace("outbound|", "original|", 1)
        build.clusters[name] = msgspec.structs.replace(cluster, reach="original_destination", endpoints=())
        by_port: dict[int, list[str]] = {}
        for endpoint in cluster.endpoints:
            address = parse_address(endpoint.address)
            host = same_address(address.host)
            if host is not None and build.view.address_owners.get(host, own) == own:
                by_port.setdefault(address.port, []).append(host)
        for number, addresses in sorted(by_port.items()):
            hosts = outbound.free(addresses, number)
            if not hosts:
                continue
            backends = (WeightedCluster(cluster=name),)
            protocol = port_protocol(port)
            if protocol != "tcp":
                build.route_tables[name] = everything(name, written or _to(name))
            outbound.add(name, hosts, number, protocol, backends)


def _add_pods(outbound: _Outbound) -> None:
    """Any pod of the mesh by its address, whatever the port: one chain for all of one identity."""
    build = outbound.build
    by_account: dict[tuple[str, str], list[str]] = {}
    by_port: dict[int, list[str]] = {}
    for pod in running_pods(build.view.store):
        if takes_mesh(pod, build.view.policies):
            addresses = [address for address in pod.addresses() if is_ip_address(address)]
            by_account.setdefault((pod.metadata.namespace, pod.service_account()), []).extend(addresses)
            for port in uncaptured_ports(pod):
                by_port.setdefault(port, []).extend(addresses)
    for port, addresses in sorted(by_port.items()):
        hosts = outbound.free(addresses, port)
        if hosts:
            outbound.add(_HOSTS, hosts, port, "tcp", (WeightedCluster(cluster=PASSTHROUGH),))
    for (namespace, account), addresses in sorted(by_account.items()):
        hosts = outbound.free(addresses, 0)
        if hosts:
            name = f"pods|{namespace}/{account}"
            build.clusters[name] = _any_port_of(build, namespace, account)
            build.route_tables[name] = everything(name, _to(name))
            outbound.add(name, hosts, 0, "detect", (WeightedCluster(cluster=name),))


def _any_port_of(build: Build, namespace: str, account: str) -> Cluster:
    identity = str(SpiffeId(build.source.trust_domain, namespace, account))
    labels = dict(build.source.labels)
    labels |= {"destination_workload_namespace": namespace, "destination_principal": identity}
    return Cluster(reach="original_destination", transport=calling_transport((identity,)), labels=labels, protocol="client")


def _add_elsewhere(outbound: _Outbound) -> None:
    build = outbound.build
    mode, origin = outbound_mode(build.view.store, build.node.namespace, build.node.labels)
    if origin is not None:
        build.policies.add(origin)
    labels = dict(build.source.labels)
    build.clusters[PASSTHROUGH] = Cluster(reach="original_destination", labels=labels, protocol="client")
    rest = PASSTHROUGH
    if mode == "REGISTRY_ONLY":
        rest = BLACK_HOLE
        build.clusters[BLACK_HOLE] = Cluster(reach="nothing", labels=labels)
    virtual_hosts = service_hosts(build, lambda service: [port for port in service.spec.ports if not other_protocol(port)])
    taken = {host for virtual_host in virtual_hosts for host in virtual_host.hosts}
    for service in build.view.store.of(Service):
        hosts = tuple([host for host in host_names(service, build.node.namespace) if host not in taken])
        if service.spec.type == "ExternalName" and hosts:
            name = host_name(service)
            virtual_hosts.append(VirtualHost(name=name, hosts=hosts, routes=_to(PASSTHROUGH)))
    virtual_hosts.append(VirtualHost(name="*", hosts=("*",), routes=_to(rest)))
    build.route_tables[_HOSTS] = RouteTable(virtual_hosts=tuple(virtual_hosts))
    outbound.add(_HOSTS, (), 0, "detect", (WeightedCluster(cluster=rest),))


def _to(cluster: str) -> tuple[Route, ...]:
    return (Route(name=cluster, backends=(WeightedCluster(cluster=cluster),)),)
