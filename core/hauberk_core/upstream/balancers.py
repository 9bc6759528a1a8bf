"""Which balancer a cluster's configuration asks for."""

from collections.abc import Callable
from typing import Final, Literal

from hauberk_core.model.cluster import DEFAULT_HASH_RING, LARGEST_HASH_TABLE, Cluster, HashBy
from hauberk_core.upstream.balance import (
    Balancer,
    LeastRequest,
    RandomChoice,
    RoundRobin,
    WeightedLeastRequest,
    WeightedRoundRobin,
)
from hauberk_core.upstream.consistent_hash import ConsistentHash
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.levels import BalancerFactory


class ConfiguredBalancers(BalancerFactory):
    """Makes what one configuration says."""

    def __init__(self, config: Cluster, random: Callable[[], float]) -> None:
        self._config: Final = config
        self._random: Final = random

    def balancer_for(self, endpoints: list[UpstreamEndpoint], known: Balancer | None) -> Balancer:
        return self.for_weights({endpoint.weight for endpoint in endpoints}, len(endpoints), known)

    def for_weights(self, weights: set[int], count: int, known: Balancer | None) -> Balancer:
        """What chooses among `count` endpoints of these weights. Args: known - what did before, for its tables were work."""
        by = self._config.hash_by
        if by is not None:
            return self._hashing(by, known)
        if self._config.load_balancing == "random":
            return RandomChoice(self._random)
        in_turn = self._config.load_balancing == "round_robin"
        if len(weights) > 1:
            return WeightedRoundRobin(self._random) if in_turn else WeightedLeastRequest(self._random)
        if in_turn:
            # Workers begin at different places, so that few requests do not all meet the first endpoint.
            return RoundRobin(int(self._random() * (count or 1)))
        return LeastRequest(self._random)

    def _hashing(self, by: HashBy, known: Balancer | None) -> Balancer:
        """What goes by a part of requests: the one that there is, if it is to go on as it does."""
        kind: Literal["ring_hash", "maglev"] = "maglev" if self._config.load_balancing == "maglev" else "ring_hash"
        size = self._config.hash_table_size or (LARGEST_HASH_TABLE if kind == "maglev" else DEFAULT_HASH_RING)
        if isinstance(known, ConsistentHash) and (known.kind, known.table_size, known.by) == (kind, size, by):
            return known
        return ConsistentHash(kind, size, by, self._random)
