"""Labels and annotations decide as Istio's documentation says (Installing the sidecar: controlling the injection policy)."""

from typing import Any

import pytest

from hauberk_control.inject.decide import Namespace, reason_to_skip
from hauberk_control.inject.pod_view import view_pod
from hauberk_control.inject.settings import InjectionSettings

ENABLED = {"istio-injection": "enabled"}
DISABLED = {"istio-injection": "disabled"}


def reason(
    namespace: dict[str, str],
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    revision: str = "default",
    **more: Any,
) -> str | None:
    pod: dict[str, Any] = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "a"}], **more},
    }
    settings = InjectionSettings(tags=("stable",))
    return reason_to_skip(view_pod(pod), Namespace("shop", namespace, {}), revision, settings)


@pytest.mark.parametrize(
    ("namespace", "labels", "annotations"),
    [
        (ENABLED, {}, {}),
        (ENABLED, {"sidecar.istio.io/inject": "true"}, {}),
        (ENABLED, {"sidecar.istio.io/inject": "yes"}, {}),
        (ENABLED, {"sidecar.istio.io/inject": ""}, {}),
        (ENABLED, {}, {"sidecar.istio.io/inject": "true"}),
        # The label counts alone where both are there.
        (ENABLED, {"sidecar.istio.io/inject": "true"}, {"sidecar.istio.io/inject": "false"}),
        # istio-injection goes before istio.io/rev.
        ({**ENABLED, "istio.io/rev": "canary"}, {}, {}),
        ({"istio.io/rev": "default"}, {}, {}),
        ({"istio.io/rev": "stable"}, {}, {}),
        # A namespace's revision goes before a pod's.
        ({"istio.io/rev": "default"}, {"istio.io/rev": "canary"}, {}),
        ({}, {"sidecar.istio.io/inject": "true"}, {}),
        ({}, {"istio.io/rev": "default"}, {}),
        ({"hauberk.dev/injection": "enabled"}, {}, {}),
        ({**DISABLED, "hauberk.dev/injection": "enabled"}, {}, {}),
        ({}, {"hauberk.dev/inject": "true"}, {}),
        ({"hauberk.dev/rev": "default", "istio.io/rev": "canary"}, {}, {}),
    ],
)
def test_injected(namespace: dict[str, str], labels: dict[str, str], annotations: dict[str, str]) -> None:
    assert reason(namespace, labels, annotations) is None


@pytest.mark.parametrize(
    ("namespace", "labels", "annotations", "said"),
    [
        ({}, {}, {}, "neither the namespace shop nor the pod asks for it"),
        # Nobody would have called the webhook.
        ({}, {}, {"sidecar.istio.io/inject": "true"}, "neither"),
        (DISABLED, {}, {}, "'disabled'"),
        (DISABLED, {"sidecar.istio.io/inject": "true"}, {}, "'disabled'"),
        ({"istio-injection": "Enabled"}, {}, {}, "'Enabled'"),
        (ENABLED, {"sidecar.istio.io/inject": "false"}, {}, "label sidecar.istio.io/inject is false"),
        (ENABLED, {"sidecar.istio.io/inject": "no"}, {}, "'no'"),
        (ENABLED, {}, {"sidecar.istio.io/inject": "false"}, "annotation sidecar.istio.io/inject is 'false'"),
        (ENABLED, {"hauberk.dev/inject": "false", "sidecar.istio.io/inject": "true"}, {}, "hauberk.dev/inject is false"),
        ({"istio.io/rev": "canary"}, {}, {}, "the revision 'canary'"),
        ({"istio.io/rev": "canary"}, {"istio.io/rev": "default"}, {}, "of the namespace shop asks for the revision 'canary'"),
        ({}, {"istio.io/rev": "canary"}, {}, "of the pod asks for the revision 'canary'"),
        ({**ENABLED, "hauberk.dev/injection": "disabled"}, {}, {}, "hauberk.dev/injection"),
    ],
)
def test_left_alone(namespace: dict[str, str], labels: dict[str, str], annotations: dict[str, str], said: str) -> None:
    found = reason(namespace, labels, annotations)
    assert found is not None
    assert said in found


def test_another_revision_leaves_alone_what_asks_for_the_default() -> None:
    assert "and this is 'canary'" in str(reason(ENABLED, revision="canary"))
    assert reason({"istio.io/rev": "canary"}, revision="canary") is None


def test_what_is_never_injected() -> None:
    assert "hostNetwork" in str(reason(ENABLED, hostNetwork=True))
    assert "static pod" in str(reason(ENABLED, annotations={"kubernetes.io/config.mirror": "abc"}))
    assert "windows" in str(reason(ENABLED, os={"name": "windows"}))
    assert reason(ENABLED, os={"name": "linux"}) is None
    pod = view_pod({"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}, "spec": {"containers": []}})
    for name in ("hauberk-system", "kube-system", "kube-public", "kube-node-lease"):
        found = reason_to_skip(pod, Namespace(name, ENABLED, {}), "default", InjectionSettings())
        assert found == f"pods of the namespace {name} are never injected"
