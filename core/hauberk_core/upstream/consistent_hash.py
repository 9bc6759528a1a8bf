"""Requests that have something in common go to one endpoint, and a change of endpoints moves few of them."""

from collections.abc import Callable
from typing import Final, Literal

from hauberk_core.model.cluster import HashBy
from hauberk_core.upstream.balance import Balancer
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.hash_table import HashTable, MaglevTable, RingTable
from hauberk_core.upstream.hashing import HASH_BITS, NOTHING_TO_HASH

STEPS_AT_ONCE: Final = 4096
"""Of making a table: about a millisecond, or two in plain Python."""
# Places looked at for an endpoint that may be taken. Beyond, nearly all of them cannot be, and any other is as good.
_MOST_PLACES: Final = 256


class ConsistentHash(Balancer):
    """Finds each request's endpoint in a table of the current endpoints, and the next one there where that may not be taken."""

    def __init__(self, kind: Literal["ring_hash", "maglev"], size: int, by: HashBy, random: Callable[[], float]) -> None:
        """Args: size - of the table; random - for requests that have nothing to go by."""
        super().__init__()
        self.by = by
        self.kind: Final = kind
        self.table_size: Final = size
        self._random: Final = random
        self._table: HashTable | None = None
        self._coming: HashTable | None = None

    def learn(self, endpoints: list[UpstreamEndpoint]) -> bool:
        known = self._coming or self._table
        if known is not None and _is_of(known, endpoints):
            return self._coming is None
        self._coming = None
        if not endpoints:
            self._table = None
            return True
        self._coming = MaglevTable(endpoints, self.table_size) if self.kind == "maglev" else RingTable(endpoints, self.table_size)
        return False

    def advance(self) -> bool:
        coming = self._coming
        if coming is None:
            return True
        if coming.advance(STEPS_AT_ONCE):
            self._table = coming
            self._coming = None
            return True
        return False

    def pick(self, endpoints: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        return self.pick_by(NOTHING_TO_HASH, endpoints, False)

    def pick_by(self, number: int, endpoints: list[UpstreamEndpoint], are_all: bool) -> UpstreamEndpoint:
        if number == NOTHING_TO_HASH:
            number = int(self._random() * (1 << HASH_BITS))
        if self._table is None:
            # The first request has come before the first table was whole.
            while not self.advance():
                pass
        table = self._table
        if table is not None:
            size = table.size()
            place = table.place(number)
            for _ in range(min(size, _MOST_PLACES)):
                endpoint = table.at(place)
                if not endpoint.retired and (are_all or endpoint in endpoints):
                    return endpoint
                place = place + 1 if place + 1 < size else 0
        return endpoints[number % len(endpoints)]


def _is_of(table: HashTable, endpoints: list[UpstreamEndpoint]) -> bool:
    """Whether a table was made of these endpoints, with the weights that they have."""
    if len(table.endpoints) != len(endpoints):
        return False
    known = {endpoint.address: endpoint for endpoint in endpoints}
    for index in range(len(table.endpoints)):
        endpoint = table.endpoints[index]
        if known.get(endpoint.address) is not endpoint or endpoint.weight != table.weights[index]:
            return False
    return True
