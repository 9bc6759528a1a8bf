"""What the clusters at work of one configured cluster have in common: the one with its endpoints, or many.

Where connections go on to where they were going, each place has a cluster at work, with a pool of its own.
"""

from collections.abc import Callable
from typing import Final

from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.upstream.balance import LeastRequest
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.settings import ClusterSettings


class ClusterFactory:
    """Makes clusters at work that are counted under one name, and whose connections are made in one way."""

    def __init__(self, name: str, connector: Connector, meters: ClusterMeters, random: Callable[[], float]) -> None:
        self.settings: ClusterSettings = ClusterSettings()
        """Of those to come."""
        self._name: Final = name
        self._connector: Final = connector
        self._meters: Final = meters
        self._balancer: Final = LeastRequest(random)

    def new_cluster(self) -> UpstreamCluster:
        """A cluster without endpoints."""
        return UpstreamCluster(self._name, self._connector, self.settings, self._balancer, self._meters)
