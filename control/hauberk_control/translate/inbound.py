"""The services that a proxy's own workload is of."""

from hauberk_control.translate.build import Build
from hauberk_control.translate.node import Node
from hauberk_control.translate.service import destination_labels, host_name
from hauberk_core.resources import Pod, Service
from hauberk_core.resources.kubernetes.service import ServicePort


def own_services(build: Build) -> list[Service]:
    """All of them, by name."""
    node = build.node
    return [
        service
        for service in build.view.store.of(Service)
        if service.metadata.namespace == node.namespace
        and service.spec.selector
        and all(node.labels.get(name) == value for name, value in service.spec.selector.items())
    ]


def destination_of(port: ServicePort, pod: Pod | None) -> int | None:
    """Where the workload listens for a port of its service; None: under a name that it does not have."""
    target = port.target_port
    if not isinstance(target, str):
        return target or port.port
    containers = () if pod is None else (*pod.spec.containers, *pod.spec.init_containers)
    return next((own.container_port for container in containers for own in container.ports if own.name == target), None)


def inbound_labels(node: Node, service: Service | None) -> dict[str, str]:
    """Istio's metric labels of what comes in for a workload."""
    labels = destination_labels(node.name, node.namespace, node.labels)
    labels["reporter"] = "destination"
    if service is not None:
        labels["destination_service"] = host_name(service)
        labels["destination_service_name"] = service.metadata.name
        labels["destination_service_namespace"] = service.metadata.namespace
    if node.identity:
        labels["destination_principal"] = node.identity
    return labels
