"""Node."""

from typing import ClassVar, Final

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import IGNORED, Ignored

REGION_LABEL: Final = "topology.kubernetes.io/region"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
SUBZONE_LABEL: Final = "topology.istio.io/subzone"


class Node(Resource, frozen=True, kw_only=True):
    """A machine that pods run on; its labels tell region and zone."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Node"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    NAMESPACED: ClassVar[bool] = False

    spec: Ignored = IGNORED

    def locality(self) -> str:
        """`region/zone/sub-zone`, as far as the node says."""
        labels = self.metadata.labels
        return "/".join([labels.get(name, "") for name in (REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL)]).rstrip("/")
