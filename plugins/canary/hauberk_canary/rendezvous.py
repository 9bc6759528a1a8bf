"""Which backend a user belongs to: weighted rendezvous hashing.

Each backend scores each user by a hash of the two, stretched by its weight, and the highest score wins. A user's scores do not
depend on other users or other backends, so that when one weight grows, users move to that backend and to no other, no more of
them than the weight asks for, and nobody moves who need not; when a backend goes, only its own users do.

Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998); with weights as in Schindelhauer and
Schomaker, "Weighted distributed hash tables" (2005).
"""

import math
from hashlib import blake2b
from typing import Final

from hauberk_core.plugin.data import Backend

_DIGEST_OCTETS: Final = 8
# Of the digest's 64 bits so many are used: with one half added they still fit a float exactly.
_BITS: Final = 52
_RANGE: Final = float(1 << _BITS)


def score(key: bytes, backend: str, weight: float) -> float:
    """How much the user `key` belongs to a backend, above 0; 0 where the backend has no weight.

    Args: weight - in any unit: only the proportion to others counts.
    """
    if weight <= 0.0:
        return 0.0
    hashed = int.from_bytes(blake2b(key, digest_size=_DIGEST_OCTETS, key=_seed(backend)).digest(), "big")
    # In (0, 1): neither end has a logarithm that can be divided by.
    point = (float(hashed >> (8 * _DIGEST_OCTETS - _BITS)) + 0.5) / _RANGE
    return weight / -math.log(point)


def choose(key: bytes, backends: tuple[Backend, ...]) -> Backend | None:
    """The backend that a user belongs to; None if none has any weight. The order of `backends` does not matter."""
    best: Backend | None = None
    best_score = 0.0
    for backend in backends:
        own = score(key, backend.cluster, backend.share)
        if own > best_score:
            best = backend
            best_score = own
    return best


def _seed(backend: str) -> bytes:
    """A key for the hash: as long as it may be, so that a longer name is hashed first."""
    name = backend.encode()
    return name if len(name) <= 64 else blake2b(name, digest_size=64).digest()
