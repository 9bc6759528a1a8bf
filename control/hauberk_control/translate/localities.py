"""Where pods, workloads and proxies are: `region/zone/sub-zone`, as far as it is known."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_core.pod import LOCALITY_LABEL
from hauberk_core.resources import Gateway, Pod, WorkloadEntry
from hauberk_core.resources import Node as Machine
from hauberk_core.resources.kubernetes.node import REGION_LABEL, SUBZONE_LABEL, ZONE_LABEL

HOST_LABEL: Final = "kubernetes.io/hostname"
LEVELS: Final = 3
"""Region, zone, sub-zone."""


class Place(NamedTuple):
    """Where a proxy is."""

    locality: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """Its labels, with those that say where it is; sorted."""

    def only(self, names: Collection[str]) -> "Place":
        """With these labels alone: what does not matter must not make two proxies different."""
        return Place(self.locality, tuple([fact for fact in self.facts if fact[0] in names]))


def place(locality: str, labels: Mapping[str, str], host: str) -> Place:
    """The place of a proxy on the machine `host`, which has these labels."""
    return Place(locality, tuple(sorted(facts(locality, labels, host).items())))


def facts(locality: str, labels: Mapping[str, str], host: str) -> dict[str, str]:
    """Labels of a workload, with those that say where it is."""
    parts = zip((REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL, HOST_LABEL), (*parts_of(locality), host), strict=True)
    return dict(labels) | {name: value for name, value in parts if value}


def parts_of(locality: str) -> tuple[str, str, str]:
    """Region, zone and sub-zone; empty where it does not say."""
    parts = (*locality.split("/", LEVELS - 1), "", "")
    return parts[0], parts[1], parts[2]


def told_locality(labels: Mapping[str, str], otherwise: str) -> str:
    """The locality that labels say, else another one."""
    told = labels.get(LOCALITY_LABEL, "")
    return (told if "/" in told else told.replace(".", "/")) or otherwise


class Localities:
    """Those of one store."""

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._machines: Final = {one.metadata.name: one.locality() for one in store.of(Machine)}

    def of_pod(self, pod: Pod) -> str:
        """Where a pod is."""
        return told_locality(pod.metadata.labels, self.of_machine(pod.spec.node_name))

    def of_machine(self, name: str | None) -> str:
        """Where a machine of the cluster is."""
        return self._machines.get(name, "") if name is not None else ""

    def of_entry(self, entry: WorkloadEntry) -> str:
        """Where a workload that is no pod is."""
        return told_locality(entry.spec.labels, entry.spec.locality or "")

    def of_proxy(self, node: Node) -> Place:
        """Where a proxy is: its pod's place, its workload's, or, of a gateway without a pod, what its Gateway says."""
        pod = self._store.get(Pod, node.namespace, node.pod) if node.pod else None
        if pod is not None:
            return place(self.of_pod(pod), node.labels, pod.spec.node_name or "")
        labels, otherwise = node.labels, ""
        if node.role == "gateway":
            gateway = self._store.get(Gateway, *node.name.split("/", 1)) if "/" in node.name else None
            infrastructure = gateway.spec.infrastructure if gateway is not None else None
            labels = labels | dict(infrastructure.labels) if infrastructure is not None else labels
        else:
            entry = self._store.get(WorkloadEntry, node.namespace, node.name)
            otherwise = self.of_entry(entry) if entry is not None else ""
        machine = "/".join([labels.get(name, "") for name in (REGION_LABEL, ZONE_LABEL)]).rstrip("/")
        return place(told_locality(labels, otherwise or machine), labels, "")
