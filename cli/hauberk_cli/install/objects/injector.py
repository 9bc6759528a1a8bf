"""The webhook that gives pods their sidecars.

Whom it is asked about is said by labels, once under Istio's names and once under ours, and chosen by selectors, so that the API
server asks about no other pod. A pod may be asked about several times: the patch is the same.
"""

from collections.abc import Mapping
from typing import Final

from hauberk_cli.install.expressions import Equal, Every, Expression, Text, Value
from hauberk_cli.install.objects.naming import CONTROL_NAME, NAMESPACE, REVISION, SUFFIX, Part, head
from hauberk_core import pod

INJECTOR: Final = "hauberk-injector"
INJECTORS: Final = (Text(INJECTOR, SUFFIX), f"{INJECTOR}-unnamed")
"""The names of both configurations."""
_PATH: Final = "/inject"
_TIMEOUT_SECONDS: Final = 10
# Without their pods there would be no cluster, and no control.
_SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease")

# For each family of labels: a namespace's wish, its revision, a pod's wish, a pod's revision.
_FAMILIES: Final = {
    "istio": ("istio-injection", "istio.io/rev", "sidecar.istio.io/inject", "istio.io/rev"),
    "hauberk": ("hauberk.dev/injection", "hauberk.dev/rev", "hauberk.dev/inject", "hauberk.dev/rev"),
}

_Requirement = Mapping[str, object]


def injector_parts() -> list[Part]:
    """Two configurations: whoever names a revision asks that one; whoever names none asks the default one."""
    named: list[object] = []
    unnamed: list[object] = []
    for family, (wish, revision, pod_wish, pod_revision) in _FAMILIES.items():
        not_refused = _is_not(pod_wish, "false")
        by_namespace = [_is(revision, REVISION), _absent(wish)]
        named.append(_webhook(f"namespace-revision.{family}", by_namespace, [not_refused]))
        by_pod = [_is(pod_revision, REVISION), not_refused]
        named.append(_webhook(f"pod-revision.{family}", [_absent(wish), _absent(revision)], by_pod))
        unnamed.append(_webhook(f"namespace.{family}", [_is(wish, "enabled")], [not_refused]))
        asking = [_is(pod_wish, "true"), _absent(pod_revision)]
        unnamed.append(_webhook(f"pod.{family}", [_absent(wish), _absent(revision)], asking))
    enabled = Value("webhook.enabled")
    by_default = Every(enabled, Equal(REVISION, pod.DEFAULT_REVISION))
    return [_configuration(INJECTORS[0], named, enabled), _configuration(INJECTORS[1], unnamed, by_default)]


def _configuration(name: object, webhooks: list[object], condition: Expression) -> Part:
    manifest = head("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", name, namespaced=False)
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    # Control knows by this label whom to give the authority of its certificate.
    labelled = {**metadata, "labels": {**metadata["labels"], "app": INJECTOR}}
    return Part({**manifest, "metadata": labelled, "webhooks": webhooks}, condition)


def _webhook(name: str, namespaces: list[_Requirement], pods: list[_Requirement]) -> Mapping[str, object]:
    never: _Requirement = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": [*_SYSTEM_NAMESPACES, NAMESPACE],
    }
    service = {"name": CONTROL_NAME, "namespace": NAMESPACE, "path": _PATH, "port": pod.WEBHOOK_PORT}
    return {
        "name": f"{name}.hauberk.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "failurePolicy": Value("webhook.failurePolicy"),
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [*namespaces, never]},
        "objectSelector": {"matchExpressions": pods},
        "reinvocationPolicy": "IfNeeded",
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "Namespaced"}
        ],
        "sideEffects": "None",
        "timeoutSeconds": _TIMEOUT_SECONDS,
    }


def _is(label: str, value: object) -> _Requirement:
    return {"key": label, "operator": "In", "values": [value]}


def _is_not(label: str, value: str) -> _Requirement:
    return {"key": label, "operator": "NotIn", "values": [value]}


def _absent(label: str) -> _Requirement:
    return {"key": label, "operator": "DoesNotExist"}
