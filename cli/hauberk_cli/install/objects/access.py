"""What control may do in the cluster: read what a mesh is made of, write what is its own, and nothing more."""

from collections.abc import Mapping, Sequence
from typing import Final

from hauberk_cli.install.objects.injector import INJECTORS
from hauberk_cli.install.objects.naming import CONTROL_NAME, NAMESPACE, Part, head
from hauberk_core import pod

_RBAC: Final = "rbac.authorization.k8s.io"
_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "patch", "delete")
_OURS: Final = ("gateway.networking.k8s.io", "networking.istio.io", "security.istio.io", "telemetry.istio.io", "hauberk.dev")
"""Groups whose objects tell a mesh what to do, and have a status."""
_OF_CORE: Final = ("configmaps", "endpoints", "namespaces", "nodes", "pods", "secrets", "serviceaccounts", "services")
_AUTHORITY_SECRETS: Final = ("hauberk-ca", "cacerts")
"""Control's own, and one that is given in Istio's form."""
_FOR_GATEWAYS: Final = (
    ("", ("services", "serviceaccounts")),
    ("apps", ("deployments",)),
    ("autoscaling", ("horizontalpodautoscalers",)),
    ("policy", ("poddisruptionbudgets",)),
)


def access_parts() -> list[Part]:
    """The service account, and the roles that are bound to it."""
    return [
        Part(head("v1", "ServiceAccount")),
        Part({**head(f"{_RBAC}/v1", "ClusterRole", namespaced=False), "rules": _cluster_rules()}),
        Part(_binding("ClusterRole", namespaced=False)),
        Part({**head(f"{_RBAC}/v1", "Role"), "rules": _own_rules()}),
        Part(_binding("Role", namespaced=True)),
    ]


def _cluster_rules() -> list[Mapping[str, object]]:
    rules = [
        _rule("", _OF_CORE, _READ),
        _rule("discovery.k8s.io", ("endpointslices",), _READ),
        _rule("apiextensions.k8s.io", ("customresourcedefinitions",), _READ),
        *[_rule(group, ("*",), _READ) for group in _OURS],
        # Of those the status alone: what users have written is theirs.
        *[_rule(group, ("*/status",), ("patch", "update")) for group in _OURS],
        _rule("authentication.k8s.io", ("tokenreviews",), ("create",)),
        # The roots of the mesh, for every namespace. Who may create one thing of a kind may create any: names come later.
        _rule("", ("configmaps",), ("create",)),
        _rule("", ("configmaps",), ("patch", "update"), names=(pod.ROOT_CONFIG_MAP,)),
        _rule("admissionregistration.k8s.io", ("mutatingwebhookconfigurations",), _READ),
        _rule("admissionregistration.k8s.io", ("mutatingwebhookconfigurations",), ("patch",), names=INJECTORS),
        _rule("", ("events",), ("create", "patch")),
    ]
    for group, kinds in _FOR_GATEWAYS:
        rules.append(_rule(group, kinds, (*_READ, *_WRITE)))
    return rules


def _own_rules() -> list[Mapping[str, object]]:
    """Within its own namespace: who of the replicas leads, what each tells the leader, and the key of its authority."""
    changes = ("get", "patch", "update")
    return [
        _rule("", ("configmaps",), _WRITE),
        _rule("coordination.k8s.io", ("leases",), ("create", *changes)),
        _rule("", ("secrets",), ("create",)),
        _rule("", ("secrets",), changes, names=_AUTHORITY_SECRETS),
    ]


def _rule(group: str, kinds: Sequence[str], verbs: Sequence[str], names: Sequence[object] = ()) -> Mapping[str, object]:
    rule: dict[str, object] = {"apiGroups": [group], "resources": list(kinds)}
    if names:
        rule["resourceNames"] = list(names)
    return {**rule, "verbs": list(verbs)}


def _binding(role: str, *, namespaced: bool) -> Mapping[str, object]:
    return {
        **head(f"{_RBAC}/v1", f"{role}Binding", namespaced=namespaced),
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": CONTROL_NAME},
        "subjects": [{"kind": "ServiceAccount", "name": CONTROL_NAME, "namespace": NAMESPACE}],
    }
