"""The objects that serve a Gateway, as manifests."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from hauberk_control.gateways.listening import GatewayPort, pod_ports
from hauberk_control.gateways.names import MANAGED_BY, MANAGED_LABEL, REVISION_LABEL, deployed_name, selector_labels
from hauberk_control.inject.annotations import PROXY_IMAGE
from hauberk_control.proxy_pod import (
    Manifest,
    environment,
    readiness_probe,
    security_context,
    startup_probe,
    volume_mounts,
    volumes,
)
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core import pod
from hauberk_core.resources import Gateway

SERVICE_TYPE_ANNOTATIONS: Final = ("hauberk.dev/service-type", "networking.istio.io/service-type")
_SERVICE_TYPES: Final = ("LoadBalancer", "NodePort", "ClusterIP")

# A proxy that is told to end goes on accepting for 5 s, until every node and load balancer has heard of it, and gives what is in
# flight half a minute to finish.
_GRACE_SECONDS: Final = 45


class Making(NamedTuple):
    """All that the objects of one Gateway are made from."""

    gateway: Gateway
    ports: Sequence[GatewayPort]
    """Of its own listeners and of those that ListenerSets add."""
    settings: ProxySettings
    load_balancer_ip: str = ""
    """The address that its owner asks for; empty: any."""
    namespace_annotations: Mapping[str, str] = MappingProxyType({})
    """What counts for all proxies of its namespace where the Gateway itself says nothing."""
    sets_replicas: bool = True
    """Whether the number of pods is for the settings to say, not for a HorizontalPodAutoscaler."""

    @property
    def name(self) -> str:
        """What its objects are called."""
        return deployed_name(self.gateway.metadata.name, self.gateway.spec.gateway_class_name)


def service_account(making: Making) -> Manifest:
    """Who the gateway's pods are. They speak to no API server, so that no token is mounted for it."""
    return {**_head(making, "v1", "ServiceAccount"), "automountServiceAccountToken": False}


def service(making: Making) -> Manifest:
    """Where clients reach the gateway."""
    ports: list[Manifest] = []
    listening = _listening(making)
    for port in making.ports:
        entry: Manifest = {
            "name": port.name,
            "port": port.number,
            "protocol": port.transport,
            "targetPort": listening[port.number],
        }
        if port.app_protocol:
            entry["appProtocol"] = port.app_protocol
        ports.append(entry)
    type_ = _service_type(making)
    spec: Manifest = {
        "ipFamilyPolicy": "PreferDualStack",
        "ports": ports,
        "selector": _selector(making),
        "type": type_,
    }
    if making.load_balancer_ip and type_ == "LoadBalancer":
        spec["loadBalancerIP"] = making.load_balancer_ip
    return {**_head(making, "v1", "Service"), "spec": spec}


def disruption_budget(making: Making) -> Manifest:
    """One pod may go at a time, so that draining a node does not take the gateway away."""
    spec: Manifest = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(making)}}
    return {**_head(making, "policy/v1", "PodDisruptionBudget"), "spec": spec}


def autoscaler(making: Making) -> Manifest:
    """Made only for an owner who describes one: it has the target, and what else is wanted comes on top."""
    target: Manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "name": making.name}
    spec: Manifest = {"scaleTargetRef": target, "maxReplicas": 1}
    return {**_head(making, "autoscaling/v2", "HorizontalPodAutoscaler"), "spec": spec}


def deployment(making: Making) -> Manifest:
    """The gateway's pods."""
    spec: Manifest = {
        "selector": {"matchLabels": _selector(making)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": _pod_metadata(making), "spec": _pod_spec(making)},
    }
    replicas = making.settings.gateways.replicas
    if replicas is not None and making.sets_replicas:
        spec["replicas"] = replicas
    return {**_head(making, "apps/v1", "Deployment"), "spec": spec}


def _pod_metadata(making: Making) -> Manifest:
    labels = {
        **_labels(making),
        **_selector(making),
        # A gateway's pod is a proxy already.
        "hauberk.dev/inject": "false",
        "sidecar.istio.io/inject": "false",
    }
    annotations = {
        "prometheus.io/path": pod.METRICS_PATH,
        "prometheus.io/port": str(pod.METRICS_PORT),
        "prometheus.io/scrape": "true",
        **_annotations(making),
    }
    return {"labels": labels, "annotations": annotations}


def _pod_spec(making: Making) -> Manifest:
    settings = making.settings
    spread: Manifest = {
        "labelSelector": {"matchLabels": _selector(making)},
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
    }
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "containers": [_container(making)],
        "securityContext": {
            "fsGroup": pod.PROXY_UID,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": making.name,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "topologySpreadConstraints": [spread],
        "volumes": volumes(settings),
    }
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    if settings.gateways.priority_class:
        spec["priorityClassName"] = settings.gateways.priority_class
    return spec


def _container(making: Making) -> Manifest:
    settings = making.settings
    resources = settings.gateways.resources or settings.resources
    listening = _listening(making)
    ports: list[Manifest] = []
    for port in making.ports:
        ports.append(_container_port(f"p{port.number}-{port.transport.lower()}", listening[port.number], port.transport))
    ports.append(_container_port("metrics", pod.METRICS_PORT))
    ports.append(_container_port("ready", pod.READY_PORT))
    own: Manifest = {"name": pod.GATEWAY, "value": making.gateway.metadata.name}
    return {
        "name": pod.PROXY_CONTAINER,
        "image": _image(making),
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python", "-m", "hauberk_gateway"],
        "env": [*environment(settings, making.name), own],
        "ports": ports,
        "readinessProbe": readiness_probe(),
        "resources": resources.manifest(),
        "securityContext": security_context(),
        "startupProbe": startup_probe(),
        "volumeMounts": volume_mounts(),
    }


def _image(making: Making) -> str:
    of_namespace = [making.namespace_annotations.get(name) for name in PROXY_IMAGE.names]
    return _annotated(making, PROXY_IMAGE.names) or next(filter(None, of_namespace), making.settings.image)


def _listening(making: Making) -> dict[int, int]:
    return pod_ports([port.number for port in making.ports])


def _container_port(name: str, number: int, transport: str = "TCP") -> Manifest:
    return {"containerPort": number, "name": name, "protocol": transport}


def _service_type(making: Making) -> str:
    asked = _annotated(making, SERVICE_TYPE_ANNOTATIONS)
    return asked if asked in _SERVICE_TYPES else making.settings.gateways.service_type


def _annotated(making: Making, names: Sequence[str]) -> str:
    """What annotations say, those for its infrastructure before the Gateway's own; empty: nothing."""
    infrastructure = making.gateway.spec.infrastructure
    for annotations in (infrastructure.annotations if infrastructure else {}, making.gateway.metadata.annotations):
        for name in names:
            if annotations.get(name):
                return annotations[name]
    return ""


def _head(making: Making, api_version: str, kind: str) -> Manifest:
    gateway = making.gateway
    owner: Manifest = {
        "apiVersion": gateway.api_version,
        "kind": gateway.KIND,
        "name": gateway.metadata.name,
        "uid": gateway.metadata.uid,
        "controller": True,
    }
    metadata: Manifest = {
        "name": making.name,
        "namespace": gateway.metadata.namespace,
        "labels": {**_labels(making), **_selector(making)},
        "annotations": _annotations(making),
        "ownerReferences": [owner],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _labels(making: Making) -> dict[str, str]:
    infrastructure = making.gateway.spec.infrastructure
    return {
        **making.settings.gateways.labels,
        **(infrastructure.labels if infrastructure else {}),
        MANAGED_LABEL: MANAGED_BY,
        REVISION_LABEL: making.settings.revision,
    }


def _annotations(making: Making) -> dict[str, str]:
    infrastructure = making.gateway.spec.infrastructure
    return {**making.settings.gateways.annotations, **(infrastructure.annotations if infrastructure else {})}


def _selector(making: Making) -> dict[str, str]:
    return selector_labels(making.gateway.metadata.name, making.gateway.spec.gateway_class_name)
