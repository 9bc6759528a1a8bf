"""Tables that lead each number to one endpoint, so that a change of endpoints moves few numbers.

A table is made in steps, because a large one takes longer than a loop may be held; until it is whole the one before serves.
Endpoints are taken in the order of their addresses, so that every proxy makes the same table of the same endpoints.
"""

from array import array
from bisect import bisect_left
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.hashing import HASH_BITS, MOST_ENDPOINTS, hash_of

_INDEX_BITS: Final = 16
_STEPS_OF_A_NODE: Final = 4
_EMPTY: Final = MOST_ENDPOINTS - 1


def _in_order(endpoints: list[UpstreamEndpoint]) -> list[UpstreamEndpoint]:
    by_address = {endpoint.address: endpoint for endpoint in endpoints}
    return [by_address[address] for address in sorted(by_address)][: MOST_ENDPOINTS - 1]


@mypyc_attr(allow_interpreted_subclasses=True)
class HashTable:
    """Endpoints by numbers."""

    def __init__(self, endpoints: list[UpstreamEndpoint]) -> None:
        """Args: endpoints - not empty."""
        self.endpoints: Final = _in_order(endpoints)
        self.weights: Final = [endpoint.weight for endpoint in self.endpoints]

    def advance(self, steps: int) -> bool:
        """Do about so many steps of making it. Returns: whether it is whole."""
        raise NotImplementedError

    def size(self) -> int:
        """Places, once it is whole."""
        raise NotImplementedError

    def place(self, number: int) -> int:
        """Where a number's search begins, once the table is whole."""
        raise NotImplementedError

    def at(self, place: int) -> UpstreamEndpoint:
        """The endpoint of a place."""
        raise NotImplementedError


class MaglevTable(HashTable):
    """Each endpoint has its own order of all places, and takes the first free one in its turn, as often as it weighs.

    Looking up is one step. Source: Maglev, section 3.4, with weights as Envoy has them.
    """

    def __init__(self, endpoints: list[UpstreamEndpoint], entries: int) -> None:
        """Args: entries - a prime."""
        super().__init__(endpoints)
        self._entries: Final = entries
        self._table: Final = array("H", [_EMPTY]) * entries
        self._next: Final[list[int]] = []
        self._skips: Final[list[int]] = []
        for endpoint in self.endpoints:
            self._next.append(hash_of(endpoint.address) % entries)
            self._skips.append(hash_of(endpoint.address + "#skip") % (entries - 1) + 1)
        self._claims: Final = [0] * len(self.endpoints)
        self._heaviest: Final = max(self.weights)
        self._turn = 0
        self._filled = 0

    def advance(self, steps: int) -> bool:
        table = self._table
        entries = self._entries
        count = len(self.endpoints)
        while self._filled < entries:
            if steps <= 0:
                return False
            index = self._turn
            self._turn = (index + 1) % count
            steps -= 1
            self._claims[index] += self.weights[index]
            if self._claims[index] < self._heaviest:
                continue
            self._claims[index] -= self._heaviest
            place = self._next[index]
            skip = self._skips[index]
            while table[place] != _EMPTY:
                place = (place + skip) % entries
                steps -= 1
            table[place] = index
            self._next[index] = (place + skip) % entries
            self._filled += 1
        return True

    def size(self) -> int:
        return self._entries

    def place(self, number: int) -> int:
        return number % self._entries

    def at(self, place: int) -> UpstreamEndpoint:
        return self.endpoints[self._table[place]]


class RingTable(HashTable):
    """Each endpoint stands at several places of a ring, as many as it weighs; a number belongs to the first place behind it.

    Looking up is a search by halves. Source: Karger et al., "Consistent Hashing and Random Trees" (1997).
    """

    def __init__(self, endpoints: list[UpstreamEndpoint], nodes: int) -> None:
        """Args: nodes - of all endpoints together, at least; there are up to twice as many, and each endpoint has one or more."""
        super().__init__(endpoints)
        # By powers of two, so that those who stay keep just the nodes that they have, unless the whole ring becomes finer.
        self._finer = 1
        self._coarser = 1
        total = sum(self.weights)
        while total * self._finer < nodes:
            self._finer *= 2
        while total > 2 * nodes * self._coarser:
            self._coarser *= 2
        self._ring: list[int] = []
        """Where each virtual node stands, with its endpoint's place in the last bits; sorted once all are there."""
        self._index = 0
        self._copy = 0

    def advance(self, steps: int) -> bool:
        while self._index < len(self.endpoints):
            if steps <= 0:
                return False
            index = self._index
            number = hash_of(self.endpoints[index].address + "#" + str(self._copy))
            self._ring.append((number << _INDEX_BITS) | index)
            self._copy += 1
            if self._copy * self._coarser >= self._finer * self.weights[index]:
                self._index = index + 1
                self._copy = 0
                if self._index == len(self.endpoints):
                    self._ring.sort()
            # One costs as much as several of the other table's.
            steps -= _STEPS_OF_A_NODE
        return True

    def size(self) -> int:
        return len(self._ring)

    def place(self, number: int) -> int:
        place = bisect_left(self._ring, (number & ((1 << HASH_BITS) - 1)) << _INDEX_BITS)
        return place if place < len(self._ring) else 0

    def at(self, place: int) -> UpstreamEndpoint:
        return self.endpoints[self._ring[place] & (MOST_ENDPOINTS - 1)]
