"""Where requests go on whose cluster was replaced, or removed, while they were on their way to it."""

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from hauberk_core.upstream.cluster import UpstreamCluster


@mypyc_attr(allow_interpreted_subclasses=True)
class Succession:
    """Knows which clusters have taken the places of others."""

    def successor(self, retired: "UpstreamCluster") -> "UpstreamCluster | None":
        """The one that is in the place of `retired` now; None: none is."""
        raise NotImplementedError
