"""The node's part in capture, for namespaces whose pods may not set it up themselves: a link in the chain of CNI plugins."""

from typing import Final

from hauberk_cli.install.expressions import Text, Value
from hauberk_cli.install.objects.naming import NAMESPACE, PROXY_IMAGE, PULL_SECRETS, Part
from hauberk_core import pod

_NAME: Final = "hauberk-cni"
# What it needs is forbidden in control's namespace, which is held to the standard `restricted`.
_NAMESPACE: Final = "kube-system"
_ENABLED: Final = Value("cni.enabled")
_RBAC: Final = "rbac.authorization.k8s.io"
# Where the agent finds the node's folders, and where it meets the link: there by one path on both sides.
_FOLDERS: Final = (
    ("configuration", "/etc/cni/net.d", Value("cni.configurationFolder")),
    ("programs", "/opt/cni/bin", Value("cni.programsFolder")),
    ("run", "/run/hauberk-cni", "/run/hauberk-cni"),
)
_NETWORKS_FOLDER: Final = "/run/netns"
_READY_FILE: Final = "/run/hauberk-cni/ready"
_SELECTOR: Final = {"app": _NAME}
_LABELS: Final = {**_SELECTOR, "app.kubernetes.io/name": "hauberk", "app.kubernetes.io/component": "cni"}
# It takes its link out of the chain before it goes.
_GRACE_SECONDS: Final = 10


def cni_parts() -> list[Part]:
    """An agent on every node. It may read pods and itself, nothing else of the cluster, and is root on its node."""
    role = {
        **_named(f"{_RBAC}/v1", "ClusterRole", namespaced=False),
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    }
    # Whether it is removed, or another follows.
    own_role = {
        **_named(f"{_RBAC}/v1", "Role"),
        "rules": [{"apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": [_NAME], "verbs": ["get"]}],
    }
    agents = {
        **_named("apps/v1", "DaemonSet"),
        "spec": {
            "selector": {"matchLabels": _SELECTOR},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": _LABELS}, "spec": _pod_spec()},
        },
    }
    rights = [role, _binding("ClusterRole", namespaced=False), own_role, _binding("Role", namespaced=True)]
    return [Part(one, _ENABLED) for one in (_named("v1", "ServiceAccount"), *rights, agents)]


def _binding(role: str, *, namespaced: bool) -> dict[str, object]:
    return {
        **_named(f"{_RBAC}/v1", f"{role}Binding", namespaced=namespaced),
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": _NAME},
        "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": _NAMESPACE}],
    }


def _named(api_version: str, kind: str, *, namespaced: bool = True) -> dict[str, object]:
    place = {"namespace": _NAMESPACE} if namespaced else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": _NAME, **place, "labels": _LABELS}}


def _pod_spec() -> dict[str, object]:
    volumes: list[object] = []
    mounts: list[object] = []
    for name, inside, on_node in _FOLDERS:
        volumes.append({"name": name, "hostPath": {"path": on_node, "type": "DirectoryOrCreate"}})
        mounts.append({"name": name, "mountPath": inside})
    volumes.append({"name": "networks", "hostPath": {"path": _NETWORKS_FOLDER, "type": "DirectoryOrCreate"}})
    # Networks of pods that start later appear there too.
    mounts.append({"name": "networks", "mountPath": _NETWORKS_FOLDER, "mountPropagation": "HostToContainer"})
    # By its processes a pod is known that started without the link.
    volumes.append({"name": "processes", "hostPath": {"path": "/proc", "type": "Directory"}})
    mounts.append({"name": "processes", "mountPath": "/host/proc", "readOnly": True})
    container = {
        "name": "agent",
        "image": PROXY_IMAGE,
        "imagePullPolicy": Value("image.pullPolicy"),
        "command": ["python", "-m", "hauberk_sidecar.cni"],
        "args": ["--never", Text(f"{_NAMESPACE},", NAMESPACE)],
        "env": [
            {"name": pod.NODE_NAME, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": pod.POD_NAMESPACE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "readinessProbe": {"exec": {"command": ["test", "-e", _READY_FILE]}, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": Value("cni.resources"),
        "securityContext": {
            "privileged": True,
            "readOnlyRootFilesystem": True,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": _NAME,
        "priorityClassName": "system-node-critical",
        "imagePullSecrets": PULL_SECRETS,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [container],
        "volumes": volumes,
    }
