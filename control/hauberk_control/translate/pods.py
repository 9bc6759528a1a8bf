"""What a pod says of itself that matters to whoever calls it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hauberk_control.store import Store
from hauberk_control.translate.security import TLS_MODE_LABEL, TLS_MODE_MESH, Policies
from hauberk_core.injection_status import CapturedPorts, read_status
from hauberk_core.pod import NEVER_CAPTURED_PORTS
from hauberk_core.resources import Pod

# Istio's annotations, by which a pod with a proxy says what does not go through it.
_INCLUDED_PORTS: Final = "traffic.sidecar.istio.io/includeInboundPorts"
_ALL: Final = "*"
_LARGEST_PORT: Final = 65535
_MOST_PORTS: Final = 64
"""Of a pod that lead past its proxy: every caller of the mesh has a chain for each. Others are called inside the mesh's TLS."""
_EXCLUDED_PORTS: Final = "traffic.sidecar.istio.io/excludeInboundPorts"

# What Kubernetes' controllers write into the labels of pods that they make.
_TEMPLATE_HASH: Final = "pod-template-hash"
_ORDINAL: Final = "apps.kubernetes.io/pod-index"


def pods_by_address(store: Store) -> Mapping[str, Pod]:
    """Each running pod under each of its addresses."""
    return MappingProxyType({address: pod for pod in running_pods(store) for address in pod.addresses()})


def running_pods(store: Store) -> list[Pod]:
    """Those whose addresses are their own, by namespace and name."""
    return [pod for pod in store.of(Pod) if not pod.spec.host_network and not pod.has_ended()]


def is_captured(pod: Pod) -> bool:
    """Whether a proxy of the mesh takes the pod's connections: Istio's label says so, or injection has seen to it."""
    told = pod.metadata.labels.get(TLS_MODE_LABEL)
    if told is not None:
        return told == TLS_MODE_MESH
    status = read_status(pod.metadata.annotations)
    return status is not None and status.captured is not None


def takes_mesh(pod: Pod, policies: Policies, port: int | None = None) -> bool:
    """Whether callers speak the mesh's TLS with a port of the pod. Args: port - None: with any that is not told otherwise."""
    if not is_captured(pod):
        return False
    included = _captured_ports(pod).included
    if included != _ALL:
        if port is None or port not in _ports(included):
            return False
    elif port in uncaptured_ports(pod):
        return False
    return policies.mode(pod.metadata.namespace, pod.metadata.labels, port or 0) != "DISABLE"


def uncaptured_ports(pod: Pod) -> set[int]:
    """Ports of a captured pod that lead past its proxy."""
    excluded = sorted(_ports(_captured_ports(pod).excluded))
    return {*excluded[:_MOST_PORTS], *NEVER_CAPTURED_PORTS}


def _captured_ports(pod: Pod) -> CapturedPorts:
    """As injection has it; of a pod that something else injected, as Istio's annotations have it."""
    status = read_status(pod.metadata.annotations)
    if status is not None and status.captured is not None:
        return status.captured
    annotations = pod.metadata.annotations
    return CapturedPorts(annotations.get(_INCLUDED_PORTS, _ALL).strip(), annotations.get(_EXCLUDED_PORTS, ""))


def workload_name(pod: Pod) -> str:
    """The name of what the pod is a replica of, as its controller wrote it into the pod's own name."""
    name = pod.metadata.name
    labels = pod.metadata.labels
    template = labels.get(_TEMPLATE_HASH)
    if template is not None:
        return name.partition(f"-{template}")[0]
    ordinal = labels.get(_ORDINAL)
    if ordinal is not None:
        return name.removesuffix(f"-{ordinal}")
    return name


def _ports(text: str) -> set[int]:
    """The numbers in a list; what is none has been told where the pod was made."""
    items = [item.strip() for item in text.split(",")]
    return {int(item) for item in items if item.isascii() and item.isdigit() and len(item) < 6 and 0 < int(item) <= _LARGEST_PORT}
