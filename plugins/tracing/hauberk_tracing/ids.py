"""Random hexadecimal digits for identifiers, drawn from the entropy source in batches."""

from collections.abc import Callable
from typing import Final

# A sampled request takes 28 octets at most: enough for 146 of them.
_BATCH_OCTETS: Final = 4096


class RandomDigits:
    """Gives digits that were given to nobody else."""

    __slots__ = ("_digits", "_entropy", "_position")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy: Final = entropy
        self._digits = ""
        self._position = 0

    def take(self, count: int) -> str:
        """`count` digits in lower case; at most 8192."""
        start = self._position
        if start + count > len(self._digits):
            self._digits = self._entropy(_BATCH_OCTETS).hex()
            start = 0
        end = start + count
        self._position = end
        return self._digits[start:end]
