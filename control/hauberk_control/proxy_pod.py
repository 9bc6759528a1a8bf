"""What every proxy in a pod has alike, gateway or sidecar: its environment, its files, its rights.

Plain dictionaries in the form of Kubernetes' objects, because they end in manifests and patches. Whoever makes the pod adds what
is its own: a gateway's name, a sidecar's probes. Fields that the API server would fill in are written, so that a second look at
the pod finds nothing to change.
"""

from typing import Final

from hauberk_control.proxy_settings import ProxySettings
from hauberk_core import pod

Manifest = dict[str, object]
"""An object of Kubernetes, or a piece of one."""

# Configuration, certificate and key, kept over a restart of the container. In memory, because of the key; a configuration of ten
# thousand routes has some ten MiB.
_STATE_LIMIT: Final = "64Mi"

_FROM_POD: Final = {
    pod.POD_NAME: "metadata.name",
    pod.POD_NAMESPACE: "metadata.namespace",
    pod.POD_IP: "status.podIP",
    pod.POD_IPS: "status.podIPs",
    pod.SERVICE_ACCOUNT: "spec.serviceAccountName",
    pod.NODE_NAME: "spec.nodeName",
}


def environment(settings: ProxySettings, workload: str) -> list[Manifest]:
    """The variables of a proxy's container. Args: workload - name of the pod's owner."""
    told = {
        pod.CONTROL: settings.control,
        pod.CA_PORT: str(pod.CERTIFICATE_PORT),
        pod.CONTROL_DISCOVERY_PORT: str(pod.DISCOVERY_PORT),
        pod.TRUST_DOMAIN: settings.trust_domain,
        pod.REVISION: settings.revision,
        pod.WORKLOAD: workload,
        pod.WORKERS: str(settings.workers),
    }
    if settings.certificate_authority.address:
        told[pod.CA_ADDRESS] = settings.certificate_authority.address
    told.update(settings.limits.environment())
    variables: list[Manifest] = []
    for name, path in _FROM_POD.items():
        variables.append({"name": name, "valueFrom": {"fieldRef": _field(path)}})
    for name, value in told.items():
        variables.append({"name": name, "value": value})
    return variables


def volumes(settings: ProxySettings) -> list[Manifest]:
    """The pod's volumes that its proxy uses."""
    external = settings.certificate_authority
    audience = external.audience if external.address else pod.TOKEN_AUDIENCE
    token = {"audience": audience, "expirationSeconds": pod.TOKEN_SECONDS, "path": pod.TOKEN_FILE}
    described: list[Manifest] = [{"path": name, "fieldRef": _field(f"metadata.{name}")} for name in ("labels", "annotations")]
    return [
        {"name": "hauberk-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "hauberk-root", "configMap": {"name": pod.ROOT_CONFIG_MAP}},
        {"name": "hauberk-pod", "downwardAPI": {"items": described}},
        {"name": "hauberk-state", "emptyDir": {"medium": "Memory", "sizeLimit": _STATE_LIMIT}},
    ]


def volume_mounts() -> list[Manifest]:
    """Where the container has them."""
    return [
        {"name": "hauberk-token", "mountPath": pod.TOKEN_FOLDER, "readOnly": True},
        {"name": "hauberk-root", "mountPath": pod.ROOT_FOLDER, "readOnly": True},
        {"name": "hauberk-pod", "mountPath": pod.POD_FOLDER, "readOnly": True},
        {"name": "hauberk-state", "mountPath": pod.STATE_FOLDER},
    ]


def security_context() -> Manifest:
    """The container's rights, within the Pod Security Standard `restricted`."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": pod.PROXY_UID,
        "runAsNonRoot": True,
        "runAsUser": pod.PROXY_UID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def startup_probe() -> Manifest:
    """Ready within ten minutes: the first start may have to wait for control. Asked every second, so that a pod serves soon."""
    return {"httpGet": _ready(), "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 600}


def readiness_probe() -> Manifest:
    """Whether the proxy serves."""
    return {"httpGet": _ready(), "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 3}


def _ready() -> Manifest:
    return {"path": pod.READY_PATH, "port": pod.READY_PORT, "scheme": "HTTP"}


def _field(path: str) -> Manifest:
    return {"apiVersion": "v1", "fieldPath": path}
