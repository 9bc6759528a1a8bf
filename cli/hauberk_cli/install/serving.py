"""Whether an object that was applied has become what it is for."""

from collections.abc import Callable, Mapping
from typing import Any, Final


def serves(kind: str, found: Mapping[str, Any]) -> bool:
    """Whether there is nothing to wait for. Args: found - the object as the API server has it; empty: it does not."""
    serves_ = _SERVES.get(kind)
    return serves_ is None or (bool(found) and serves_(found))


def _is_rolled_out(deployment: Mapping[str, Any]) -> bool:
    status = deployment.get("status", {})
    new, ready, all_ = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    return _is_observed(deployment) and new == all_ == deployment["spec"]["replicas"] <= ready


def _is_on_every_node(daemon_set: Mapping[str, Any]) -> bool:
    status = daemon_set.get("status", {})
    wanted, new, ready = [status.get(name, 0) for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")]
    return _is_observed(daemon_set) and new == wanted <= ready


def _is_observed(manifest: Mapping[str, Any]) -> bool:
    """Whether the status tells of the object as it is now."""
    observed: int = manifest.get("status", {}).get("observedGeneration", 0)
    return observed >= int(manifest["metadata"]["generation"])


def _is_trusted(configuration: Mapping[str, Any]) -> bool:
    """Whether control has told the API server by whose certificate it is known as a webhook."""
    return all(one["clientConfig"].get("caBundle") for one in configuration["webhooks"])


_SERVES: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "Deployment": _is_rolled_out,
    "DaemonSet": _is_on_every_node,
    "MutatingWebhookConfiguration": _is_trusted,
}
