"""Where captured connections go on to where they were going: a cluster of one endpoint for each place, made when it is first met.

Each has its own pool, because a kept connection may only carry requests for the same place. What nobody uses is forgotten.
"""

from collections.abc import Iterable
from typing import Final

from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.cluster_factory import ClusterFactory
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.succession import Succession

# A workload that looks at every address of a network must not fill the memory; an honest one talks to some hundred at a time.
MOST_DESTINATIONS: Final = 4096
# Below so many nobody looks for those that are not used any more.
_FIRST_SWEEP: Final = 64


class OriginalDestinations:
    """The places that connections go on to."""

    __slots__ = ("_clusters", "_factory", "_retired", "_sources", "_sweep_at")

    def __init__(self, factory: ClusterFactory, sources: Iterable[str]) -> None:
        """Args: sources - addresses of this machine that connections come from, one of each family; none: any."""
        self._factory: Final = factory
        self._sources: Final = list(sources)
        self._clusters: Final[dict[str, UpstreamCluster]] = {}
        self._sweep_at = _FIRST_SWEEP
        self._retired = False

    def at(self, host: str, port: int) -> UpstreamCluster | None:
        """The cluster of one place; None: there are too many.

        Args: host - numeric, IPv6 without brackets.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        known = self._clusters.get(address)
        if known is not None:
            return known
        if len(self._clusters) >= self._sweep_at:
            self._sweep()
            if len(self._clusters) >= MOST_DESTINATIONS:
                return None
        endpoint = UpstreamEndpoint(host, port, address, host)
        endpoint.source = source_for(host, self._sources)
        cluster = self._factory.new_cluster()
        cluster.place = endpoint
        cluster.set_endpoints([endpoint], False)
        if self._retired:
            # For a request that was sent here before.
            cluster.retire(None)
        self._clusters[address] = cluster
        return cluster

    def clusters(self) -> list[UpstreamCluster]:
        """Those that there are."""
        return list(self._clusters.values())

    def retire(self, succession: Succession) -> None:
        """Others are in the places of these, or none: as `UpstreamCluster.retire`."""
        self._retired = True
        for cluster in self.clusters():
            cluster.retire(succession)

    def _sweep(self) -> None:
        for address, cluster in list(self._clusters.items()):
            if not cluster.open_connections() and not cluster.waiting():
                cluster.retire(None)
                del self._clusters[address]
        self._sweep_at = min(max(_FIRST_SWEEP, 2 * len(self._clusters)), MOST_DESTINATIONS)


def source_for(host: str, sources: Iterable[str]) -> str:
    """The one of `sources` that is of the family of `host`, or empty."""
    is_six = ":" in host
    for source in sources:
        if (":" in source) == is_six:
            return source
    return ""
