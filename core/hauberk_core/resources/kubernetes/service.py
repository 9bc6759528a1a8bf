"""Service."""

from typing import ClassVar, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Label, Labels, dns_label
from hauberk_core.resources.part import IGNORED, Ignored, Part, PortNumber, repeated


class ServicePort(Part, frozen=True, kw_only=True):
    """One port under which a service is reached."""

    port: PortNumber
    name: Label | None = None
    """Required where there are several. Its part before the first dash tells the protocol: `http-web`."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    target_port: PortNumber | str | None = None
    """Where the workload listens: a number, or the name of one of its ports; None: the same number as `port`."""
    app_protocol: str | None = None
    """Tells the protocol where the port's name does not: `http`, `kubernetes.io/h2c`."""
    node_port: Ignored = IGNORED


class ServiceSpec(Part, frozen=True, kw_only=True):
    """How a set of workloads is reached under one name."""

    ports: tuple[ServicePort, ...] = ()
    selector: Labels = msgspec.field(default_factory=dict)
    """Labels of the workloads; none: the endpoints are given by EndpointSlices."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    """`None` (the word) for a headless service."""
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    external_name: str | None = None
    publish_not_ready_addresses: bool = False
    session_affinity: Literal["None", "ClientIP"] = "None"
    allocate_load_balancer_node_ports: Ignored = IGNORED
    health_check_node_port: Ignored = IGNORED
    external_ips: Ignored = msgspec.field(default=IGNORED, name="externalIPs")
    external_traffic_policy: Ignored = IGNORED
    internal_traffic_policy: Ignored = IGNORED
    ip_families: Ignored = IGNORED
    ip_family_policy: Ignored = IGNORED
    load_balancer_class: Ignored = IGNORED
    load_balancer_ip: Ignored = msgspec.field(default=IGNORED, name="loadBalancerIP")
    load_balancer_source_ranges: Ignored = IGNORED
    session_affinity_config: Ignored = IGNORED
    traffic_distribution: str | None = None
    """Endpoints near the caller are preferred: `PreferSameZone`, `PreferClose` (the same), `PreferSameNode`."""

    def mistakes(self) -> list[Mistake]:
        found = repeated("ports", [port.name for port in self.ports], "port called")
        found += repeated("ports", [f"{port.port}/{port.protocol}" for port in self.ports], "port")
        if len(self.ports) > 1:
            unnamed = [index for index, port in enumerate(self.ports) if port.name is None]
            found += [
                Mistake(("ports", index), "a port without name beside others", "give each port a name") for index in unnamed
            ]
        if self.type == "ExternalName" and not self.external_name:
            found.append(Mistake(("type",), "an ExternalName service without externalName", "add externalName"))
        if self.type != "ExternalName" and not self.ports and self.cluster_ip != "None":
            found.append(Mistake((), "a service without ports", "add ports"))
        return found


class LoadBalancerIngress(Part, frozen=True, kw_only=True):
    """One place where a load balancer takes traffic: an address, or a name."""

    ip: str = ""
    hostname: str = ""
    ip_mode: Ignored = IGNORED
    ports: Ignored = IGNORED


class LoadBalancerStatus(Part, frozen=True, kw_only=True):
    """What became of a load balancer."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Part, frozen=True, kw_only=True):
    """What others have done for a service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()
    conditions: Ignored = IGNORED


class Service(Resource, frozen=True, kw_only=True):
    """A name under which workloads are reached."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Service"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: ServiceSpec = ServiceSpec()
    # Read, and written by others: it has the addresses that a gateway is reached by.
    status: ServiceStatus = ServiceStatus()  # type: ignore[assignment]

    @staticmethod
    def name_fault(name: str) -> Fault | None:
        return dns_label(name)

    def port(self, number: int, protocol: str = "TCP") -> ServicePort | None:
        """The port of this number: that of the protocol, where several have it, else the one of another protocol."""
        found = [port for port in self.spec.ports if port.port == number]
        return next((port for port in found if port.protocol == protocol), found[0] if found else None)
