"""Whether a pod is injected: labels and annotations, read as Istio reads them.

Istio asks its webhooks' selectors first and then the pod itself; here both are one decision, so that it is the same offline. Ours
win where both APIs speak.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_control.inject.pod_view import PodView, system_of
from hauberk_control.inject.settings import InjectionSettings
from hauberk_core.model.errors import quote
from hauberk_core.pod import DEFAULT_REVISION

ISTIO_PROXY: Final = "istio-proxy"
AUTO_IMAGE: Final = "auto"
"""In a container that only says what is to be different from ours."""


class Marks(NamedTuple):
    """A label or annotation under our name and under Istio's."""

    ours: str
    istio: str

    def of(self, marks: Mapping[str, str]) -> tuple[str, str] | None:
        """Name and value of the one that counts."""
        for name in self:
            if name in marks:
                return name, marks[name]
        return None


NAMESPACE_INJECTION: Final = Marks("hauberk.dev/injection", "istio-injection")
REVISION: Final = Marks("hauberk.dev/rev", "istio.io/rev")
POD_INJECT: Final = Marks("hauberk.dev/inject", "sidecar.istio.io/inject")

# On what a kubelet shows of its static pods. These may refer to no token, so that the API server refuses an injected one.
_MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"

_TRUE: Final = frozenset(("true", "yes", "y", "on"))
_FALSE: Final = frozenset(("false", "no", "n", "off", ""))


class Namespace(NamedTuple):
    """What is known of a pod's namespace."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def reason_to_skip(pod: PodView, namespace: Namespace, revision: str, settings: InjectionSettings) -> str | None:
    """Why this pod stays as it is, in a sentence for a person; None: it is injected.

    Args: revision - control's own; it injects what asks for it, under this name or one of its tags.
    """
    impossible = _why_impossible(pod, namespace, settings)
    if impossible is not None:
        return impossible
    label = POD_INJECT.of(pod.labels)
    if label is not None and label[1] == "false":
        return f"its label {label[0]} is false"
    wanted = _revision_wanted(pod, namespace, label)
    if not isinstance(wanted, _Revision):
        return wanted
    if wanted.name not in {revision, *settings.tags}:
        return f"{wanted.said_by} asks for the revision {quote(wanted.name)}, and this is {quote(revision)}"
    # The label is the newer of the two and counts alone where both are there.
    said = label or POD_INJECT.of(pod.annotations)
    if said is not None and said[1] and said[1].lower() not in _TRUE:
        return f"its {'label' if label else 'annotation'} {said[0]} is {quote(said[1])}"
    return None


def asked_in_vain(pod: PodView, namespace: Namespace, settings: InjectionSettings) -> str | None:
    """What its author should know of a pod that is skipped, though it speaks of injection itself; None: nothing."""
    said = POD_INJECT.of(pod.labels) or POD_INJECT.of(pod.annotations)
    if said is not None and said[1].lower() not in _TRUE | _FALSE:
        return f"{said[0]} is {quote(said[1])}, which is taken for false: write true or false"
    asks = REVISION.of(pod.labels) is not None if said is None else said[1].lower() in _TRUE
    reason = _why_impossible(pod, namespace, settings) if asks else None
    return None if reason is None else f"this pod asks for a sidecar and gets none: {reason}"


def _why_impossible(pod: PodView, namespace: Namespace, settings: InjectionSettings) -> str | None:
    if pod.spec.host_network:
        return "it uses the node's network (hostNetwork), where capture would take the whole node's traffic"
    if _MIRROR_ANNOTATION in pod.annotations:
        return "the kubelet runs it from a file on its node and only shows it here, where changes have no effect (a static pod)"
    if namespace.name in settings.never_in:
        return f"pods of the namespace {namespace.name} are never injected"
    if system_of(pod) != "linux":
        return f"it is for {system_of(pod)}; the proxy runs on Linux"
    foreign = [*pod.containers, *pod.init_containers]
    if any(container.name == ISTIO_PROXY and container.image not in {None, "", AUTO_IMAGE} for container in foreign):
        return f"it has Istio's sidecar already, the container {ISTIO_PROXY}"
    return None


class _Revision(NamedTuple):
    name: str
    said_by: str


def _revision_wanted(pod: PodView, namespace: Namespace, label: tuple[str, str] | None) -> _Revision | str:
    """The revision that is to inject the pod, or why none is."""
    injection = NAMESPACE_INJECTION.of(namespace.labels)
    if injection is not None:
        if injection[1] == "enabled":
            return _Revision(DEFAULT_REVISION, f"the namespace's label {injection[0]}")
        return f"the label {injection[0]} of the namespace {namespace.name} is {quote(injection[1])}"
    for what, marks in ((f"the namespace {namespace.name}", namespace.labels), ("the pod", pod.labels)):
        revision = REVISION.of(marks)
        if revision is not None:
            return _Revision(revision[1], f"the label {revision[0]} of {what}")
    if label is not None and label[1] == "true":
        return _Revision(DEFAULT_REVISION, f"the pod's label {label[0]}")
    return (
        f"neither the namespace {namespace.name} nor the pod asks for it: "
        f"label the namespace {NAMESPACE_INJECTION.ours}=enabled, or the pod {POD_INJECT.ours}=true"
    )
