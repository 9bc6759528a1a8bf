"""How a mesh injects: what its administrator decides for all pods, and a pod's annotations may decide otherwise."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from hauberk_control.inject.values import all_or_ports, all_or_ranges, port_list, range_list
from hauberk_core.model.syntax import Fault
from hauberk_core.pod import CONTROL_NAMESPACE
from hauberk_core.resources.part import Part, follows

CaptureBy = Literal["init", "cni"]
Interception = Literal["REDIRECT", "NONE"]


def _written_as(reader: Callable[[str], str]) -> msgspec.Meta:
    """Declares that a text has the form that an annotation's value has."""

    def rule(text: str) -> Fault | None:
        try:
            reader(text)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            return message, hint
        return None

    return follows(rule)


AllOrPorts = Annotated[str, _written_as(all_or_ports)]
Ports = Annotated[str, _written_as(port_list)]
AllOrRanges = Annotated[str, _written_as(all_or_ranges)]
Ranges = Annotated[str, _written_as(range_list)]


class InjectionSettings(Part, frozen=True, kw_only=True):
    """The part `inject` of control's settings."""

    tags: tuple[str, ...] = ()
    """Other names under which namespaces and pods may ask for this revision."""
    never_in: tuple[str, ...] = (CONTROL_NAMESPACE, "kube-system", "kube-public", "kube-node-lease")
    """Namespaces whose pods are left alone, whatever they ask for: without them no pod would ever start."""
    capture: CaptureBy = "init"
    """Who sets up capture: an init container, which needs NET_ADMIN, or the node's CNI plugin."""
    native_sidecars: bool | None = None
    """Whether the proxy is an init container that keeps running; None: where the cluster has that, from Kubernetes 1.29 on."""
    interception_mode: Interception = "REDIRECT"
    """`NONE`: nothing is captured; programs name the proxy themselves."""
    include_inbound_ports: AllOrPorts = "*"
    exclude_inbound_ports: Ports = ""
    include_outbound_ports: Ports = ""
    exclude_outbound_ports: Ports = ""
    include_outbound_ip_ranges: AllOrRanges = msgspec.field(default="*", name="includeOutboundIPRanges")
    exclude_outbound_ip_ranges: Ranges = msgspec.field(default="", name="excludeOutboundIPRanges")
    rewrite_probes: bool = True
    """The kubelet asks the proxy, which asks the application: under STRICT nobody else gets through."""
    merge_prometheus: bool = True
    """A pod's `prometheus.io` annotations lead to the proxy, which shows the application's metrics with its own."""
    hold_application: bool = True
    """Without native sidecars: the application's containers start once the proxy is ready."""
