"""The containers that injection brings: the proxy, and the one that sets up capture before it."""

from typing import Final

import msgspec

from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.wishes import Capture, Wishes
from hauberk_control.proxy_pod import environment, readiness_probe, security_context, startup_probe, volume_mounts
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core import pod

_PYTHON: Final = "python"
_SIDECAR: Final = (_PYTHON, "-m", "hauberk_sidecar")
_GATEWAY: Final = (_PYTHON, "-m", "hauberk_gateway")
_CAPTURE: Final = (_PYTHON, "-m", "hauberk_sidecar.capture")
_WAIT: Final = (_PYTHON, "-m", "hauberk_sidecar.wait")
_METRICS_PORT_NAME: Final = "hauberk-metrics"
# These two are the proxy's own, for the kubelet and for Prometheus, which have no identity in the mesh.
_NEVER_CAPTURED: Final = (pod.METRICS_PORT, pod.READY_PORT)


def proxy_container(settings: ProxySettings, wishes: Wishes, workload: str, gateway: str | None) -> JsonObject:
    """The proxy's container, as an ordinary one.

    Args: workload - what the pod is one of; gateway - the Gateway that it serves, None for a sidecar.
    """
    readiness = readiness_probe()
    if wishes.readiness_period is not None:
        readiness["periodSeconds"] = wishes.readiness_period
    if wishes.readiness_failures is not None:
        readiness["failureThreshold"] = wishes.readiness_failures
    return {
        "name": pod.PROXY_CONTAINER,
        "image": wishes.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(_SIDECAR if gateway is None else _GATEWAY),
        "env": _environment(settings, wishes, workload, gateway),
        "ports": [{"containerPort": pod.METRICS_PORT, "name": _METRICS_PORT_NAME, "protocol": "TCP"}],
        "resources": wishes.resources,
        "startupProbe": startup_probe(),
        "readinessProbe": readiness,
        "securityContext": security_context(),
        "volumeMounts": [*volume_mounts(), *wishes.mounts],
    }


def held_start() -> JsonObject:
    """What makes the kubelet start no further container before the proxy is ready: it waits for this program."""
    return {"postStart": {"exec": {"command": list(_WAIT)}}}


def capture_container(settings: ProxySettings, wishes: Wishes) -> JsonObject:
    """The container that sets up capture, and ends. The one that needs a right which Pod Security forbids: NET_ADMIN."""
    return {
        "name": pod.CAPTURE_CONTAINER,
        "image": wishes.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(_CAPTURE),
        "args": capture_arguments(wishes.capture),
        "resources": wishes.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "runAsUser": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def capture_arguments(capture: Capture) -> list[str]:
    """What the capture container is told, and the CNI plugin that stands in for it."""
    excluded = ",".join([*(str(port) for port in _NEVER_CAPTURED), *filter(None, [capture.exclude_inbound_ports])])
    options = (
        ("--inbound-ports", capture.inbound_ports),
        ("--exclude-inbound-ports", excluded),
        ("--outbound-ports", capture.outbound_ports),
        ("--exclude-outbound-ports", capture.exclude_outbound_ports),
        ("--outbound-ranges", capture.outbound_ranges),
        ("--exclude-outbound-ranges", capture.exclude_outbound_ranges),
        ("--uid", str(pod.PROXY_UID)),
    )
    return [word for option in options for word in option]


def set_variable(container: JsonObject, name: str, value: str) -> JsonObject:
    """The container with a variable that has this value, whatever it was; it keeps its place."""
    entries = msgspec.convert(container.get("env") or [], list[JsonObject])
    wanted: JsonObject = {"name": name, "value": value}
    changed = [wanted if entry.get("name") == name else entry for entry in entries]
    if wanted not in changed:
        changed.append(wanted)
    return {**container, "env": changed}


def _environment(settings: ProxySettings, wishes: Wishes, workload: str, gateway: str | None) -> list[JsonObject]:
    own: dict[str, str] = {pod.INTERCEPTION: wishes.interception} if gateway is None else {pod.GATEWAY: gateway}
    if wishes.workers is not None:
        own[pod.WORKERS] = str(wishes.workers)
    if wishes.drain is not None:
        own[pod.DRAIN] = wishes.drain
    own.update(wishes.metadata)
    container: JsonObject = {"env": environment(settings, workload)}
    for name, value in own.items():
        container = set_variable(container, name, value)
    return msgspec.convert(container["env"], list[JsonObject])
