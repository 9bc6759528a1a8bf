"""Gateways that are served by pods of somebody's own: manual deployment, as in Istio.

Such a Gateway has the host name of a Service among its addresses, and is served by the pods that the Service selects. Several may
name one Service: then its pods serve them all, together with the Gateway that the pods' own label names. The Service leads each
port to where its pods listen.

A Gateway of another namespace needs a ReferenceGrant of the Service's: its routes serve beside those that are there already, so
that otherwise whoever may make objects somewhere could answer for anybody's host names.

Listeners of HTTP share a port, also with the same host name: their routes serve side by side, as in Istio. Otherwise the older
Gateway goes first, as it does everywhere in Gateway API.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from hauberk_control.gateways.addresses import wanted_addresses
from hauberk_control.gateways.names import deployed_name
from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.node import Node
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.reference import Grants
from hauberk_core.pod import unnamed_gateway
from hauberk_core.resources import Gateway, Pod, Service
from hauberk_core.resources.kubernetes.service import ServicePort

_ServiceName = tuple[str, str]


class Surroundings(NamedTuple):
    """What a Gateway's listeners have to fit into."""

    before: tuple[Gateway, ...] = ()
    """Others that the same pods serve, and that go before it."""
    services: tuple[Service, ...] | None = None
    """Whose ports it can have; None: its Service is made for it."""
    refused: tuple[tuple[str, str], ...] = ()
    """Services that it names, by namespace and name, of namespaces that do not let it."""


class ManualGateways:
    """Those of one store."""

    def __init__(self, store: Store, grants: Grants, is_ours: Callable[[str], bool]) -> None:
        """Args: is_ours - whether Gateways of a class are served here."""
        self._store: Final = store
        self._grants: Final = grants
        self._services: Final[dict[ObjectKey, tuple[_ServiceName, ...]]] = {}
        self._by_service: Final[dict[_ServiceName, list[Gateway]]] = {}
        ours = [one for one in store.of(Gateway) if is_ours(one.spec.gateway_class_name)]
        for gateway in sorted(ours, key=lambda one: seniority(one.metadata)):
            names = wanted_addresses(gateway).services
            if names:
                self._services[key_of(gateway)] = names
                for name in self._allowed(gateway, names):
                    self._by_service.setdefault(name, []).append(gateway)
        for gateway in ours:
            made = (gateway.metadata.namespace, deployed_name(gateway.metadata.name, gateway.spec.gateway_class_name))
            if made in self._by_service and key_of(gateway) not in self._services:
                # Others may be guests of pods that were made for one.
                self._by_service[made].insert(0, gateway)

    def around(self, gateway: Gateway) -> Surroundings:
        """What a Gateway's listeners have to fit into."""
        names = self._services.get(key_of(gateway))
        if names is None:
            return Surroundings()
        before: dict[ObjectKey, Gateway] = {}
        allowed = self._allowed(gateway, names)
        for name in allowed:
            several = self._by_service[name]
            before |= {key_of(one): one for one in several[: several.index(gateway)]}
        refused = tuple([name for name in names if name not in allowed])
        return Surroundings(tuple(before.values()), tuple(self._found(allowed)), refused)

    def served_by(self, node: Node) -> tuple[Gateway, ...]:
        """All Gateways that a gateway's proxy serves, the older first, the one that it is called by before all others."""
        namespace, _, name = node.name.partition("/")
        own = self._store.get(Gateway, namespace, name)
        found = {key_of(own): own} if own is not None else {}
        for service in self._selecting(node):
            several = self._by_service[service.metadata.namespace, service.metadata.name]
            found |= {key_of(one): one for one in several}
        return tuple(found.values())

    def pod_ports(self, node: Node) -> dict[tuple[int, str], int]:
        """Where the Services that select a pod lead their ports to; none for pods that were made for a Gateway.

        By number and protocol.
        """
        found: dict[tuple[int, str], int] = {}
        for service in self._selecting(node):
            for port in service.spec.ports:
                target = self._target(port, node)
                if target:
                    found.setdefault((port.port, port.protocol), target)
        return found

    def _allowed(self, gateway: Gateway, names: Sequence[_ServiceName]) -> tuple[_ServiceName, ...]:
        """Those of some Services whose pods may serve a Gateway."""
        source = (gateway.GROUP, gateway.KIND, gateway.metadata.namespace)
        allow = self._grants.allow
        return tuple([one for one in dict.fromkeys(names) if allow(source, (Service.GROUP, Service.KIND, one[0]), one[1])])

    def _selecting(self, node: Node) -> Iterable[Service]:
        if not node.pod:
            return
        for namespace, name in sorted(self._by_service):
            service = self._store.service(namespace, name) if namespace == node.namespace else None
            if service is not None and service.spec.selector and service.spec.selector.items() <= node.labels.items():
                yield service

    def _found(self, names: Sequence[_ServiceName]) -> Iterable[Service]:
        several = [self._store.service(*name) for name in names]
        return [service for service in several if service is not None]

    def _target(self, port: ServicePort, node: Node) -> int:
        """0: the pod has no port of that name."""
        if not isinstance(port.target_port, str):
            return port.target_port or port.port
        pod = self._store.get(Pod, node.namespace, node.pod)
        containers = pod.spec.containers if pod is not None else ()
        return next(
            (one.container_port for container in containers for one in container.ports if one.name == port.target_port), 0
        )


def is_unnamed(node: Node) -> bool:
    """Whether a gateway's proxy was started without the name of a Gateway: it serves those that name its Service."""
    return bool(node.pod) and node.name == f"{node.namespace}/{unnamed_gateway(node.pod)}"
