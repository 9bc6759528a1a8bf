"""What requests are told apart by where those of one kind go to one endpoint, and as which number."""

from hashlib import blake2b
from typing import Final

HASH_BITS: Final = 46
"""Of every number here. With an endpoint's place of 16 bits behind it, it is still one machine word."""
MOST_ENDPOINTS: Final = 1 << 16
"""That tables tell apart; the others get nothing. No service has as many."""
NOTHING_TO_HASH: Final = -1
"""In place of the number of a request that lacks what it would be told apart by."""
_OCTETS: Final = 6
_SURPLUS: Final = 8 * _OCTETS - HASH_BITS


def hash_of(text: str) -> int:
    """A number for a text: the same in every process, on every machine, in every version, so that all proxies agree.

    Args: text - latin-1, or anything else that has UTF-8 octets.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_OCTETS).digest()
    return int.from_bytes(digest, "big") >> _SURPLUS
