"""Objects that were made for Gateways, as the API server has them: enough to see that one is gone, or was changed, or that it
cannot have its pods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from hauberk_control.gateways.names import MANAGED_BY, MANAGED_LABEL, REVISION_LABEL
from hauberk_control.kubernetes.endpoints import METADATA_LIST_ONLY, METADATA_ONLY, Endpoint
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.follow import Collection, Event
from hauberk_core.pod import GATEWAY_NAME_LABEL
from hauberk_core.resources import Gateway

KINDS: Final = (
    Endpoint("v1", "ServiceAccount", "serviceaccounts", namespaced=True),
    Endpoint("v1", "Service", "services", namespaced=True),
    Endpoint("apps/v1", "Deployment", "deployments", namespaced=True),
    Endpoint("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", namespaced=True),
    Endpoint("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced=True),
)
"""Everything that is made for a Gateway."""
_WITH_PODS: Final = "Deployment"
# What Kubernetes writes into a Deployment whose pods are refused: by a quota, by Pod Security, by an admission webhook.
_PODS_REFUSED: Final = "ReplicaFailure"
_LONGEST_FAILURE: Final = 500


class OwnedKey(NamedTuple):
    """What an object is called."""

    kind: str
    namespace: str
    name: str


class Owned(NamedTuple):
    """An object as it is."""

    name: str
    namespace: str
    uid: str
    state: str
    """Another one whenever what it asks for has changed; where the API server does not count that, whenever anything has."""
    is_gateways: bool
    """Whether a Gateway is its controller: a copy that somebody has made is not ours to remove."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owners: frozenset[str]
    """The uids of those that it belongs to."""
    failure: str = ""
    """Of a Deployment: what keeps its pods from being made, in the API server's words."""

    def is_marked_as(self, manifest: Mapping[str, Any]) -> bool:
        """Whether labels, annotations and owners stand as they were applied; what others add is theirs.

        A generation does not count these.
        """
        metadata = manifest["metadata"]
        return (
            metadata["labels"].items() <= self.labels.items()
            and metadata.get("annotations", {}).items() <= self.annotations.items()
            and {owner["uid"] for owner in metadata["ownerReferences"]} <= self.owners
        )


class _Owner(msgspec.Struct):
    kind: str
    uid: str = ""
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[_Owner] = []


class _Condition(msgspec.Struct):
    type: str
    status: str
    message: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] = []


class _Object(msgspec.Struct):
    metadata: _Metadata
    status: _Status = msgspec.field(default_factory=_Status)


def state_of(manifest: Mapping[str, object]) -> str:
    """The state of an object that the API server has answered with."""
    return _state(msgspec.convert(manifest, _Object, strict=False).metadata)


class OwnedObjects:
    """The objects of one kind; `changed` is called when there is something to look at."""

    def __init__(self, endpoint: Endpoint, revision: str, changed: Callable[[], None]) -> None:
        self.endpoint: Final = endpoint
        self.listed = False
        """Everything was told once."""
        self.objects: Final[dict[OwnedKey, Owned]] = {}
        self._changed: Final = changed
        self._selector: Final = f"{MANAGED_LABEL}={MANAGED_BY},{REVISION_LABEL}={revision},{GATEWAY_NAME_LABEL}"

    @property
    def collection(self) -> Collection:
        """What to follow: of these objects the metadata alone, but for Deployments, which tell of their pods."""
        selectors = (("labelSelector", self._selector),)
        if self.endpoint.kind == _WITH_PODS:
            return Collection(self.endpoint.collection(), selectors)
        return Collection(self.endpoint.collection(), selectors, METADATA_LIST_ONLY, METADATA_ONLY)

    # Sink.

    def decode(self, data: bytes) -> Owned:
        found = msgspec.json.decode(data, type=_Object)
        metadata = found.metadata
        is_gateways = any(owner.controller and owner.kind == Gateway.KIND for owner in metadata.owner_references)
        return Owned(
            metadata.name,
            metadata.namespace,
            metadata.uid,
            _state(metadata),
            is_gateways,
            metadata.labels,
            metadata.annotations,
            frozenset([owner.uid for owner in metadata.owner_references]),
            _failure(found.status),
        )

    def replace(self, items: Sequence[Owned]) -> None:
        self.objects.clear()
        self.objects.update({self._key(item): item for item in items})
        self.listed = True
        self._changed()

    def apply(self, events: Sequence[Event[Owned]]) -> None:
        for event in events:
            if event.deleted:
                self.objects.pop(self._key(event.item), None)
            else:
                self.objects[self._key(event.item)] = event.item
        self._changed()

    def trouble(self, error: ApiError | None) -> None:
        """The follower has told it."""

    def _key(self, item: Owned) -> OwnedKey:
        return OwnedKey(self.endpoint.kind, item.namespace, item.name)


def _failure(status: _Status) -> str:
    refused = [one.message for one in status.conditions if (one.type, one.status) == (_PODS_REFUSED, "True")]
    return refused[0][:_LONGEST_FAILURE] if refused else ""


def _state(metadata: _Metadata) -> str:
    return f"{metadata.uid} {metadata.generation or metadata.resource_version}"
