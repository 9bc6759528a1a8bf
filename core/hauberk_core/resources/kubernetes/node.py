"""Node."""

from typing import ClassVar

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import IGNORED, Ignored


class Node(Resource, frozen=True, kw_only=True):
    """A machine that pods run on; its labels tell region and zone."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Node"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    NAMESPACED: ClassVar[bool] = False

    spec: Ignored = IGNORED

    def region(self) -> str:
        """Empty where the node does not say."""
        return self.metadata.labels.get("topology.kubernetes.io/region", "")

    def zone(self) -> str:
        """Empty where the node does not say."""
        return self.metadata.labels.get("topology.kubernetes.io/zone", "")
