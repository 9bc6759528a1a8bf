"""Which requests are traced. A pure function of what a request carries, so that every hop of a trace comes to the same answer.

The measure is the randomness of a request: the low 56 bits of its trace id, where W3C's level 2 and OpenTelemetry put it. A hop
samples if the randomness is not below its threshold, so that a hop with a larger ratio samples all that one with a smaller does.

A request that nobody traces yet has no trace id, and gets none unless it is sampled: an identifier that we sent on without
exporting its span would leave holes in other people's trees. Its request id, which all hops share, stands in, and the trace id of
a request that is sampled then begins its randomness with what the request id says.
"""

from collections.abc import Callable
from typing import Final
from zlib import crc32

from hauberk_tracing.context import DEFERRED, SAMPLED, TraceContext

_RANDOM_BITS: Final = 56
# Of the trace id's 32 digits, those before its randomness.
_RANDOM_FROM: Final = 18
_CHECKSUM_BITS: Final = 32
# How many values of the randomness share one checksum.
_PER_CHECKSUM: Final = 1 << (_RANDOM_BITS - _CHECKSUM_BITS)


class Sampler:
    """One of OpenTelemetry's samplers: a ratio, and whether the decision of the hop before us counts more."""

    __slots__ = ("_checksum", "_least_checksum", "_parent_based", "_threshold")

    def __init__(self, ratio: float, parent_based: bool) -> None:
        """Prepare.

        Args: ratio - between 0 and 1: the share of requests that is sampled; parent_based - keep a decision that came.
        """
        self._threshold: Final = (1 << _RANDOM_BITS) - int(ratio * (1 << _RANDOM_BITS))
        self._least_checksum: Final = -(-self._threshold // _PER_CHECKSUM)
        """The first checksum whose randomness, with zeros behind it, reaches the threshold."""
        self._parent_based: Final = parent_based
        # Looked up once: every request without a context asks for it.
        self._checksum: Final[Callable[[bytes], int]] = crc32

    def samples(self, context: TraceContext | None, request_id: str) -> bool:
        """Whether to trace a request.

        Args: context - what came with it; request_id - the same at every hop; any text.
        """
        if context is not None:
            if self._parent_based and context.decision != DEFERRED:
                return context.decision == SAMPLED
            if context.trace_id:
                return int(context.trace_id[_RANDOM_FROM:], 16) >= self._threshold
        return self._checksum(request_id.encode()) >= self._least_checksum


def new_trace_id(request_id: str, digits: str) -> str:
    """A trace id for a request that carried none, whose randomness begins with what its request id gave the sampler.

    Args: digits - 24 random hexadecimal digits.
    """
    checksum = crc32(request_id.encode()).to_bytes(4, "big").hex()
    return digits[:_RANDOM_FROM] + checksum + digits[_RANDOM_FROM:]
