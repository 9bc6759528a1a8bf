"""Definitions of custom resources: which are installed, by name, and of which version Gateway API's are."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from hauberk_control.kubernetes.endpoints import METADATA_LIST_ONLY, METADATA_ONLY
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.follow import Collection, Event
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP

DEFINITIONS: Final = Collection("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", (), METADATA_LIST_ONLY, METADATA_ONLY)
"""All of them, without the schemas, which are large."""
_BUNDLE_VERSION: Final = f"{GATEWAY_GROUP}/bundle-version"


class DefinitionName(msgspec.Struct):
    """What is read of a definition."""

    name: str
    annotations: dict[str, str] = {}


class _Definition(msgspec.Struct):
    metadata: DefinitionName


class Definitions:
    """Definitions of custom resources, by name: `<plural>.<group>`."""

    def __init__(self, groups: Iterable[str], look: Callable[[], None]) -> None:
        """Args: look - to be called when one of these groups may be served otherwise than before."""
        self._groups: Final = frozenset(groups)
        self._look: Final = look
        self.names: Final[set[str]] = set()
        """Of all that are installed."""
        self.gateway_api: Final[dict[str, str]] = {}
        """The version of Gateway API that each of its definitions is of; empty: it has none."""

    def decode(self, data: bytes) -> DefinitionName:
        return msgspec.json.decode(data, type=_Definition).metadata

    def replace(self, items: Sequence[DefinitionName]) -> None:
        self.names.clear()
        self.names.update([item.name for item in items])
        self.gateway_api.clear()
        self.gateway_api.update({item.name: _bundle(item) for item in items if _group(item) == GATEWAY_GROUP})
        self._look()

    def apply(self, events: Sequence[Event[DefinitionName]]) -> None:
        for event in events:
            if event.deleted:
                self.names.discard(event.item.name)
            else:
                self.names.add(event.item.name)
            if _group(event.item) == GATEWAY_GROUP:
                self.gateway_api.pop(event.item.name, None)
                if not event.deleted:
                    self.gateway_api[event.item.name] = _bundle(event.item)
        if any(_group(event.item) in self._groups for event in events):
            self._look()

    def trouble(self, error: ApiError | None) -> None:
        """What is served is asked from time to time all the same."""


def _group(definition: DefinitionName) -> str:
    return definition.name.partition(".")[2]


def _bundle(definition: DefinitionName) -> str:
    return definition.annotations.get(_BUNDLE_VERSION, "")
