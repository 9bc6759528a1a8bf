"""Control itself: its settings, its pods, and how they are reached."""

from typing import Final

from hauberk_cli.install.expressions import Digest, Helper, Json, Merged, Text, Value
from hauberk_cli.install.objects.naming import (
    CHOSEN_IMAGE,
    CONTROL_HOST,
    CONTROL_IMAGE,
    CONTROL_NAME,
    LABELS,
    PULL_SECRETS,
    REVISION,
    SELECTOR,
    SUFFIX,
    Part,
    head,
)
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_core import pod

_SETTINGS_FOLDER: Final = "/etc/hauberk/settings"
_SETTINGS_FILE: Final = "settings.yaml"
_STATE_FOLDER: Final = "/var/lib/hauberk"
_SETTINGS_NAME: Final = Text("hauberk-settings", SUFFIX)
_USER: Final = 1337
# Proxies keep what they have while they look for another replica; what is left to end are answers under way.
_GRACE_SECONDS: Final = 15

_PORTS: Final = (
    ("discovery", pod.DISCOVERY_PORT),
    ("certificates", pod.CERTIFICATE_PORT),
    ("http-metrics", pod.CONTROL_METRICS_PORT),
    ("webhook", pod.WEBHOOK_PORT),
)

_SETTINGS_JSON: Final = Json(
    {
        "certificateAuthority": Value("certificateAuthority"),
        "control": CONTROL_HOST,
        "gateways": Value("gateways"),
        "image": CHOSEN_IMAGE,
        "imagePullPolicy": Value("image.pullPolicy"),
        "imagePullSecrets": Value("image.pullSecrets"),
        "inject": Value("inject"),
        "limits": Value("proxy.limits"),
        "resources": Value("proxy.resources"),
        "revision": REVISION,
        "trustDomain": Value("trustDomain"),
        "workers": Value("proxy.workers"),
    }
)
SETTINGS: Final = Helper("hauberk.settings", _SETTINGS_JSON.resolve, f"{{{{ {_SETTINGS_JSON.helm()} }}}}")
"""What control is told of proxies (`hauberk_control.proxy_settings`)."""


def control_parts() -> list[Part]:
    """In the order in which they are applied."""
    settings = {**head("v1", "ConfigMap", _SETTINGS_NAME), "data": {_SETTINGS_FILE: SETTINGS}}
    return [
        Part(settings),
        Part(_service()),
        Part(_deployment()),
        Part(_disruption_budget(), Value("disruptionBudget")),
        Part(_network_policy(), Value("networkPolicy")),
    ]


def _service() -> dict[str, object]:
    ports = [{"name": name, "port": number, "protocol": "TCP", "targetPort": number} for name, number in _PORTS]
    return {**head("v1", "Service"), "spec": {"selector": SELECTOR, "ports": ports}}


def _deployment() -> dict[str, object]:
    annotations = Merged(
        {
            "prometheus.io/path": "/metrics",
            "prometheus.io/port": str(pod.CONTROL_METRICS_PORT),
            "prometheus.io/scrape": "true",
            # Control reads its settings when it starts.
            "hauberk.dev/settings": Digest(SETTINGS),
        },
        Value("control.podAnnotations"),
    )
    never_injected = {"hauberk.dev/inject": "false", "sidecar.istio.io/inject": "false"}
    labels = Merged({**LABELS, **never_injected}, Value("control.podLabels"))
    return {
        **head("apps/v1", "Deployment"),
        "spec": {
            "replicas": Value("control.replicas"),
            "selector": {"matchLabels": SELECTOR},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod_spec()},
        },
    }


def _pod_spec() -> dict[str, object]:
    spread = {
        "labelSelector": {"matchLabels": SELECTOR},
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
    }
    return {
        "serviceAccountName": CONTROL_NAME,
        "priorityClassName": Value("control.priorityClass"),
        "imagePullSecrets": PULL_SECRETS,
        "nodeSelector": Value("control.nodeSelector"),
        "tolerations": Value("control.tolerations"),
        "affinity": Value("control.affinity"),
        "topologySpreadConstraints": [spread],
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": {
            "fsGroup": _USER,
            "runAsGroup": _USER,
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container()],
        "volumes": [
            {"name": "settings", "configMap": {"name": _SETTINGS_NAME}},
            {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        ],
    }


def _container() -> dict[str, object]:
    def probe(path: str, **more: int) -> dict[str, object]:
        return {"httpGet": {"path": path, "port": pod.CONTROL_METRICS_PORT}, "timeoutSeconds": 3, **more}

    def of_pod(name: str, path: str) -> dict[str, object]:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    # The authority's key is a file while control runs: in memory, on the only folder that can be written.
    temporary = {"name": "TMPDIR", "value": _STATE_FOLDER}
    # Commands that `kubectl exec` starts find control's local socket by this.
    commands = {"name": MESH_VARIABLE, "value": _STATE_FOLDER}
    return {
        "name": "control",
        "image": CONTROL_IMAGE,
        "imagePullPolicy": Value("image.pullPolicy"),
        "command": ["hauberk", "control", "--kubernetes"],
        "args": [
            "--revision",
            REVISION,
            "--trust-domain",
            Value("trustDomain"),
            "--settings",
            f"{_SETTINGS_FOLDER}/{_SETTINGS_FILE}",
        ],
        "env": [of_pod(pod.POD_NAME, "metadata.name"), of_pod(pod.POD_NAMESPACE, "metadata.namespace"), temporary, commands],
        "ports": [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in _PORTS],
        "startupProbe": probe("/healthz/live", periodSeconds=1, failureThreshold=120),
        "livenessProbe": probe("/healthz/live", periodSeconds=10, failureThreshold=3),
        "readinessProbe": probe("/healthz/ready", periodSeconds=2, failureThreshold=2),
        "resources": Value("control.resources"),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "settings", "mountPath": _SETTINGS_FOLDER, "readOnly": True},
            {"name": "state", "mountPath": _STATE_FOLDER},
        ],
    }


def _disruption_budget() -> dict[str, object]:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": SELECTOR}}
    return {**head("policy/v1", "PodDisruptionBudget"), "spec": spec}


def _network_policy() -> dict[str, object]:
    ports = [{"port": number, "protocol": "TCP"} for _, number in _PORTS]
    spec = {"podSelector": {"matchLabels": SELECTOR}, "policyTypes": ["Ingress"], "ingress": [{"ports": ports}]}
    return {**head("networking.k8s.io/v1", "NetworkPolicy"), "spec": spec}
