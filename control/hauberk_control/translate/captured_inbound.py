"""What comes in for a captured workload: by the port that it was going to, to the workload itself."""

from typing import Final

import msgspec

from hauberk_control.store import key_of
from hauberk_control.translate.build import Build
from hauberk_control.translate.inbound import destination_of, inbound_labels, own_services
from hauberk_control.translate.mesh_config import INBOUND_CERTIFICATES
from hauberk_control.translate.protocol import Protocol, port_protocol
from hauberk_control.translate.security import listening_transport
from hauberk_control.translate.tables import everything
from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, WeightedCluster
from hauberk_core.pod import INBOUND_PORT, INBOUND_PROBE, INBOUND_SOURCES, METRICS_PORT, REDIRECT_PROBE_PORT
from hauberk_core.resources import Pod, Service
from hauberk_core.resources.kubernetes.service import ServicePort

LISTENER: Final = "virtualInbound"
PASSTHROUGH: Final = "InboundPassthroughCluster"
"""Istio's name for what comes in for a port that no service has."""
PROBE_CLUSTER: Final = "redirect-probe"


def build_captured_inbound(build: Build) -> None:
    """Add the listener and all that it leads to."""
    node = build.node
    build.policies.update([key_of(policy) for policy in build.view.policies.concerning(node.namespace, node.labels)])
    chains = [probe_chain(build, INBOUND_PROBE)]
    ports = _ports(build)
    for number, (service, port) in sorted(ports.items()):
        plugins = build.view.plugins.on_service(service, port.port)
        chains.append(_chain(build, f"inbound|{number}||", service, (number,), port_protocol(port), plugins))
    for number in sorted(_ports_of_policies(build) - set(ports)):
        chains.append(_chain(build, f"inbound|{number}||", None, (number,), "detect", ()))
    chains.append(_chain(build, PASSTHROUGH, None, (), "detect", ()))
    build.listeners[LISTENER] = Listener(address=f":{INBOUND_PORT}", captured=True, filter_chains=tuple(chains))


def probe_chain(build: Build, address: str) -> FilterChain:
    """The way by which the agent sees that rules lead connections to the proxy: back to itself."""
    build.clusters[PROBE_CLUSTER] = Cluster(endpoints=(Endpoint(address=f"127.0.0.1:{METRICS_PORT}"),))
    return FilterChain(
        destinations=(address,),
        destination_ports=(REDIRECT_PROBE_PORT,),
        protocol="tcp",
        backends=(WeightedCluster(cluster=PROBE_CLUSTER),),
    )


def _chain(
    build: Build,
    name: str,
    service: Service | None,
    ports: tuple[int, ...],
    protocol: Protocol,
    plugins: tuple[PluginConfig, ...],
) -> FilterChain:
    node = build.node
    build.clusters[name] = Cluster(
        reach="original_destination",
        source_addresses=INBOUND_SOURCES,
        labels=inbound_labels(node, service),
        protocol=build.view.version_inside(service, ports[0] if ports else 0),
    )
    if protocol != "tcp":
        build.route_tables[name] = everything(name, (Route(name=name, backends=(WeightedCluster(cluster=name),)),))
    mode = build.view.policies.mode(node.namespace, node.labels, ports[0] if ports else 0)
    transport = listening_transport(mode)
    if mode == "PERMISSIVE" and protocol != "http":
        # The workload may speak TLS itself, with callers that are not of the mesh: the API server with a webhook, for example.
        transport = msgspec.structs.replace(transport, foreign_tls="pass")
    return FilterChain(
        destination_ports=ports,
        transport=transport,
        protocol=protocol,
        route_table="" if protocol == "tcp" else name,
        backends=() if protocol == "http" else (WeightedCluster(cluster=name),),
        plugins=() if protocol == "tcp" else plugins,
        client_certificate=INBOUND_CERTIFICATES,
    )


def _ports(build: Build) -> dict[int, tuple[Service, ServicePort]]:
    """The workload's ports that services have; of several services of one port the first by name."""
    pod = build.view.store.get(Pod, build.node.namespace, build.node.pod) if build.node.pod else None
    found: dict[int, tuple[Service, ServicePort]] = {}
    for service in own_services(build):
        for port in service.spec.ports:
            number = destination_of(port, pod)
            if number is not None and port.protocol == "TCP":
                found.setdefault(number, (service, port))
    return found


def _ports_of_policies(build: Build) -> set[int]:
    """Those for which a policy may say something of their own."""
    node = build.node
    return {
        port
        for policy in build.view.policies.concerning(node.namespace, node.labels)
        if policy.spec.selector is not None
        for port in policy.spec.port_level_mtls
    }
