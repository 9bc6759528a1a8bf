"""Whether pods get their sidecars, and these their traffic."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hauberk_cli.check.api import Asks, ObjectApi
from hauberk_cli.check.checks import Check
from hauberk_cli.check.settings import ControlSettings
from hauberk_cli.check.told import named
from hauberk_control.inject.decide import NAMESPACE_INJECTION, REVISION
from hauberk_control.inject.warnings import POD_SECURITY, WITHOUT_NET_ADMIN
from hauberk_core import pod

_AGENTS: Final = ("kube-system", "hauberk-cni")
_TRIED_IN: Final = "default"


class InjectionChecks:
    """The checks of webhook and capture."""

    def __init__(self, client: Asks, objects: ObjectApi, settings: ControlSettings) -> None:
        self._client: Final = client
        self._objects: Final = objects
        self._settings: Final = settings

    def works(self) -> Check:
        """The webhook, as the API server finds it: reached, trusted, and with a certificate that is good now."""
        return Check("a pod that asks for a sidecar gets one", "the webhook's log: control's", self._injects)

    def captures(self) -> Check:
        """Who sets up capture can do so wherever pods are injected."""
        return Check(
            "capture can be set up wherever pods are injected",
            "docs/reference/capture.md: inject.capture=cni and cni.enabled=true, or interception mode NONE",
            self._can_capture,
            warns=True,
        )

    async def _injects(self) -> str:
        settings = await self._settings.get()
        container = {"name": "main", "image": "none", "securityContext": _RESTRICTED}
        tried = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": "hauberk-check-",
                "labels": {REVISION.ours: settings.revision},
                "annotations": {"hauberk.dev/interception-mode": "NONE"},
            },
            "spec": {"containers": [container]},
        }
        path = f"/api/v1/namespaces/{_TRIED_IN}/pods"
        made = msgspec.json.decode(await self._client.request("POST", path, {"dryRun": "All"}, msgspec.json.encode(tried)))
        names = [one["name"] for one in [*made["spec"].get("initContainers", ()), *made["spec"]["containers"]]]
        return "" if pod.PROXY_CONTAINER in names else f"a trial in the namespace {_TRIED_IN} got none"

    async def _can_capture(self) -> str:
        settings = await self._settings.get()
        if settings.inject.capture == "cni":
            namespace, name = _AGENTS
            agents = await self._objects.get("apps/v1", "DaemonSet", namespace, name)
            if agents is None:
                return f"the node is to do it, and there is no DaemonSet {namespace}/{name}"
            wanted, ready = [agents.get("status", {}).get(one, 0) for one in ("desiredNumberScheduled", "numberReady")]
            return "" if ready >= wanted else f"{ready} of {wanted} nodes are ready for it"
        namespaces = await self._objects.list("v1", "Namespace", "")
        strict = [one for one in namespaces if _is_injected(one) and _labels(one).get(POD_SECURITY) in WITHOUT_NET_ADMIN]
        return named(strict, "Pod Security forbids NET_ADMIN")


_RESTRICTED: Final[Mapping[str, object]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _labels(namespace: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = namespace["metadata"].get("labels", {})
    return labels


def _is_injected(namespace: Mapping[str, Any]) -> bool:
    wish = NAMESPACE_INJECTION.of(_labels(namespace))
    return wish[1] == "enabled" if wish is not None else REVISION.of(_labels(namespace)) is not None


def proxy_of(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A pod's proxy container."""
    spec = manifest["spec"]
    everything: list[Mapping[str, Any]] = [*spec.get("initContainers", ()), *spec["containers"]]
    return next((one for one in everything if one["name"] == pod.PROXY_CONTAINER), None)
