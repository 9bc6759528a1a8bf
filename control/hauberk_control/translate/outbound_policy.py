"""Whether a workload may call what the mesh does not know.

Source: Istio's Sidecar reference. An object that selects the workload counts before its namespace's, that before the root
namespace's; of several of one level the oldest.
"""

from typing import Literal

from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.precedence import seniority
from hauberk_core.resources import Sidecar
from hauberk_core.resources.istio.mesh_config import ROOT_NAMESPACES

Mode = Literal["ALLOW_ANY", "REGISTRY_ONLY"]


def outbound_mode(store: Store, namespace: str, labels: dict[str, str]) -> tuple[Mode, ObjectKey | None]:
    """What holds for a workload, and the object that says so."""
    levels: tuple[list[Sidecar], list[Sidecar], list[Sidecar]] = ([], [], [])
    for sidecar in store.of(Sidecar):
        selector = sidecar.spec.workload_selector
        own = sidecar.metadata.namespace == namespace
        if sidecar.spec.outbound_traffic_policy is None:
            continue
        if selector is not None and selector.labels:
            if own and all(labels.get(name) == value for name, value in selector.labels.items()):
                levels[0].append(sidecar)
        elif own:
            levels[1].append(sidecar)
        elif sidecar.metadata.namespace in ROOT_NAMESPACES:
            levels[2].append(sidecar)
    for level in levels:
        if level:
            first = min(level, key=lambda one: seniority(one.metadata))
            assert first.spec.outbound_traffic_policy is not None
            return first.spec.outbound_traffic_policy.mode, key_of(first)
    return "ALLOW_ANY", None
