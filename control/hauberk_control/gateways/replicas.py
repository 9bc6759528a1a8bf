"""How many pods a gateway has, where that is for somebody else to say: an autoscaler, or a person.

A field that server-side apply finds missing, and that was ours, goes; and a Deployment without a number of replicas has one pod.
So a number that is still ours is applied as it stands, until whoever scales has changed it: from then on it is theirs, and is
left out. Source: Kubernetes' Server-Side Apply, transferring ownership.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hauberk_control.kubernetes.objects import FIELD_MANAGER


class Reads(Protocol):
    """Whoever reads objects. All raise ApiError."""

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None: ...

    async def list(self, api_version: str, kind: str, label_selector: str) -> Sequence[Mapping[str, Any]]: ...


async def with_replicas_of_others(manifest: Mapping[str, Any], objects: Reads) -> Mapping[str, Any]:
    """A Deployment's manifest, so that applying it overrules nobody who scales it. Raises: ApiError."""
    if "replicas" in manifest["spec"] and not await _is_scaled(manifest, objects):
        return manifest
    metadata = manifest["metadata"]
    spec = {name: value for name, value in manifest["spec"].items() if name != "replicas"}
    live = await objects.get(manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"])
    if live is not None and "replicas" in live.get("spec", {}) and _are_ours(live):
        spec["replicas"] = live["spec"]["replicas"]
    return {**manifest, "spec": spec}


async def _is_scaled(manifest: Mapping[str, Any], objects: Reads) -> bool:
    """Whether an autoscaler looks after a Deployment."""
    metadata = manifest["metadata"]
    wanted = (metadata["namespace"], manifest["kind"], metadata["name"])
    for scaler in await objects.list("autoscaling/v2", "HorizontalPodAutoscaler", ""):
        target = scaler["spec"]["scaleTargetRef"]
        if (scaler["metadata"]["namespace"], target["kind"], target["name"]) == wanted:
            return True
    return False


def _are_ours(live: Mapping[str, Any]) -> bool:
    """Whether we are who set the number of replicas."""
    return any(
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in live["metadata"].get("managedFields", ())
    )
