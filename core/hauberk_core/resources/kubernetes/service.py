"""Service."""

from typing import ClassVar, Literal

import msgspec

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Label, Labels, dns_label
from hauberk_core.resources.part import IGNORED, Ignored, Part, PortNumber


class ServicePort(Part, kw_only=True):
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


class ServiceSpec(Part, kw_only=True):
    """How a set of workloads is reached under one name."""

    ports: tuple[ServicePort, ...] = ()
    selector: Labels = {}
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
    traffic_distribution: Ignored = IGNORED


class Service(Resource, kw_only=True):
    """A name under which workloads are reached."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Service"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    NAME_RULE = staticmethod(dns_label)

    spec: ServiceSpec = ServiceSpec()

    def port(self, number: int) -> ServicePort | None:
        """The port of this number."""
        return next((port for port in self.spec.ports if port.port == number), None)
