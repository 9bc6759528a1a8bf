"""Which processes stand behind a port of a service, and what is known of each."""

import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.localities import Localities, told_locality
from hauberk_control.translate.pods import pods_by_address, takes_mesh, workload_name
from hauberk_control.translate.security import TLS_MODE_LABEL, TLS_MODE_MESH, Policies
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN, SpiffeError, SpiffeId
from hauberk_core.model.address import Address, parse_address
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import EndpointSlice, Pod, Resource, Service, WorkloadEntry
from hauberk_core.resources.kubernetes.service import ServicePort

# Where a workload names no service account, as in Kubernetes.
DEFAULT_ACCOUNT: Final = "default"


class Reached(NamedTuple):
    """One endpoint."""

    address: str
    namespace: str
    workload: str
    account: str
    """The service account; known only of workloads that may belong to the mesh."""
    mesh: bool
    """Whether it takes the mesh's TLS."""
    labels: Mapping[str, str]
    weight: int = 1
    locality: str = ""
    """`region/zone/sub-zone`, as far as it is known."""
    node: str = ""
    """The machine of a cluster that it runs on."""


class Members(NamedTuple):
    """The objects that say where a service is."""

    entries: tuple[WorkloadEntry, ...]
    slices: tuple[EndpointSlice, ...]
    pods: Mapping[str, Pod]
    """Those that the slices lead to, by address."""
    machines: Mapping[str, str]
    """Where those that they run on are, by name."""


class Endpoints:
    """The endpoints of a store's services."""

    def __init__(self, store: Store, policies: Policies, localities: Localities, *, on_cluster: bool = False) -> None:
        """Args: on_cluster - whether workloads and proxies are on machines, or in pods, of their own."""
        self._on_cluster: Final = on_cluster
        self._policies: Final = policies
        self._localities: Final = localities
        self._entries: Final[dict[tuple[str, str, str], list[WorkloadEntry]]] = {}
        """By namespace and each of their labels, so that a service looks only at those that share one with its selector."""
        self._slices: Final[dict[tuple[str, str], list[EndpointSlice]]] = {}
        self._pods: Final = pods_by_address(store)
        for entry in store.of(WorkloadEntry):
            for name, value in entry.spec.labels.items():
                self._entries.setdefault((entry.metadata.namespace, name, value), []).append(entry)
        for piece in store.of(EndpointSlice):
            self._slices.setdefault((piece.metadata.namespace, piece.service()), []).append(piece)

    def of(self, service: Service) -> Members:
        """The objects that say where a service is."""
        namespace = service.metadata.namespace
        slices = self._slices.get((namespace, service.metadata.name), [])
        pods: dict[str, Pod] = {}
        for piece in slices:
            for endpoint in piece.endpoints:
                pod = self._pods.get(endpoint.addresses[0])
                if pod is not None:
                    pods[endpoint.addresses[0]] = pod
        names = {endpoint.node_name for piece in slices for endpoint in piece.endpoints}
        names |= {pod.spec.node_name for pod in pods.values()}
        machines = {name: self._localities.of_machine(name) for name in names if name is not None}
        return Members(tuple(self._selected(namespace, service.spec.selector)), tuple(slices), pods, machines)

    def behind(self, service: Service, port: ServicePort, members: Members) -> tuple[tuple[Reached, ...], tuple[Finding, ...]]:
        """The endpoints of one port, each address once, and what is wrong with those left out."""
        reached: dict[str, Reached] = {}
        found: list[Finding] = []
        for entry in members.entries:
            self._add_entry(entry, port, reached, found)
        known: dict[tuple[str, str], str] = {}
        for piece in sorted(members.slices, key=lambda piece: piece.address_type != _first_family(service)):
            self._add_slice(piece, service, port, members.pods, reached, known, found)
        return tuple(reached.values()), tuple(found)

    def _selected(self, namespace: str, selector: Mapping[str, str]) -> list[WorkloadEntry]:
        """The workloads that have all labels of a selector; an empty one selects none."""
        candidates = [self._entries.get((namespace, name, value), []) for name, value in selector.items()]
        return [
            entry
            for entry in min(candidates, key=len, default=[])
            if all(entry.spec.labels.get(name) == value for name, value in selector.items())
        ]

    def _add_entry(self, entry: WorkloadEntry, port: ServicePort, reached: dict[str, Reached], found: list[Finding]) -> None:
        number = _entry_port(entry, port)
        if number is None:
            message = f"no port is called {quote(str(port.target_port))}, as the service has it"
            found.extend(
                findings(entry, [Mistake(("spec", "ports"), message, "add it, with the number where the process listens")])
            )
            return
        address = _address(entry.spec.address, number, entry, ("spec", "address"), found)
        if address is None:
            return
        if self._on_cluster and _is_the_callers_own(entry.spec.address):
            message = f"{quote(entry.spec.address)} is whoever calls: a proxy in a pod of its own would call itself"
            hint = "write the address by which others reach the workload"
            found.extend(findings(entry, [Mistake(("spec", "address"), message, hint)]))
            return
        labels = entry.spec.labels
        # Istio's rule for workloads that do not say it themselves.
        speaks = labels.get(TLS_MODE_LABEL, TLS_MODE_MESH if entry.spec.service_account else "") == TLS_MODE_MESH
        known_as = port.target_port if isinstance(port.target_port, int) else port.port
        namespace = entry.metadata.namespace
        mesh = speaks and self._policies.mode(namespace, labels, known_as) != "DISABLE"
        account = entry.spec.service_account or DEFAULT_ACCOUNT
        try:
            SpiffeId(DEFAULT_TRUST_DOMAIN, namespace, account)
        except SpiffeError as error:
            hint = "write the name of a service account"
            found.extend(findings(entry, [Mistake(("spec", "serviceAccount"), str(error), hint)]))
            return
        weight = entry.spec.weight or 1
        locality = self._localities.of_entry(entry)
        reached.setdefault(address, Reached(address, namespace, entry.metadata.name, account, mesh, labels, weight, locality))

    def _add_slice(
        self,
        piece: EndpointSlice,
        service: Service,
        port: ServicePort,
        pods: Mapping[str, Pod],
        reached: dict[str, Reached],
        known: dict[tuple[str, str], str],
        found: list[Finding],
    ) -> None:
        """Add what a slice has. Args: known - each pod's address so far: one of two families is in two slices, and once here."""
        number = next((own.port for own in piece.ports if own.name == (port.name or "") and own.protocol == port.protocol), None)
        if number is None:
            return
        for index, endpoint in enumerate(piece.endpoints):
            ready = endpoint.conditions.ready is not False or service.spec.publish_not_ready_addresses
            if not ready:
                continue
            host = endpoint.addresses[0]
            address = _address(host, number, piece, ("endpoints", index, "addresses", 0), found)
            if address is None:
                continue
            pod = pods.get(host)
            machine = endpoint.node_name or (pod.spec.node_name if pod is not None else None) or ""
            locality = self._localities.of_machine(machine) or (f"/{endpoint.zone}" if endpoint.zone else "")
            if pod is None:
                one = Reached(address, piece.metadata.namespace, "", "", False, {}, 1, locality, machine)
            elif known.setdefault((pod.metadata.namespace, pod.metadata.name), host) != host:
                continue
            else:
                mesh = takes_mesh(pod, self._policies, number)
                labels = pod.metadata.labels
                name, account = workload_name(pod), pod.service_account()
                locality = told_locality(labels, locality)
                one = Reached(address, pod.metadata.namespace, name, account, mesh, labels, 1, locality, machine)
            reached.setdefault(address, one)


def _first_family(service: Service) -> str:
    """By which family a service is reached that has both: that of its first address."""
    return "IPv6" if ":" in (service.spec.cluster_ip or "") else "IPv4"


def _entry_port(entry: WorkloadEntry, port: ServicePort) -> int | None:
    """Where a workload listens for a port of its service; its ports may be called as the service's or by their numbers."""
    for name in (port.name, port.target_port, port.port):
        if name is not None and str(name) in entry.spec.ports:
            return entry.spec.ports[str(name)]
    return None if isinstance(port.target_port, str) else port.target_port or port.port


def _is_the_callers_own(host: str) -> bool:
    """Whether an address or a name means another machine for everyone who uses it, as Kubernetes forbids it for EndpointSlices:
    so a gateway would show the world what its own pod serves to nobody else."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f".{host.lower().removesuffix('.')}".endswith(".localhost")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast


def _address(host: str, port: int, resource: Resource, path: tuple[str | int, ...], found: list[Finding]) -> str | None:
    text = str(Address(host, port))
    try:
        if host:
            parse_address(text)
            return text
    except ValueError:
        pass
    hint = "write an IP address or a host name, for example 127.0.0.1"
    found.extend(findings(resource, [Mistake(path, f"{quote(host)} is nothing that can be connected to", hint)]))
    return None
