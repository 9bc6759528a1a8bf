"""Objects that were made for Gateways, as the API server has them: enough to see that one is gone, or was changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

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


class _Owner(msgspec.Struct):
    kind: str
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    owner_references: list[_Owner] = []


class _Object(msgspec.Struct):
    metadata: _Metadata


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
        """What to follow: of these objects the metadata alone."""
        selectors = (("labelSelector", self._selector),)
        return Collection(self.endpoint.collection(), selectors, METADATA_LIST_ONLY, METADATA_ONLY)

    # Sink.

    def decode(self, data: bytes) -> Owned:
        metadata = msgspec.json.decode(data, type=_Object).metadata
        is_gateways = any(owner.controller and owner.kind == Gateway.KIND for owner in metadata.owner_references)
        return Owned(metadata.name, metadata.namespace, metadata.uid, _state(metadata), is_gateways)

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


def _state(metadata: _Metadata) -> str:
    return f"{metadata.uid} {metadata.generation or metadata.resource_version}"
