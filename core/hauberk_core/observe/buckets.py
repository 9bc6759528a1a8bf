"""Which bucket of a histogram a value falls into."""

from bisect import bisect_left
from typing import Final


class Buckets:
    """Upper bounds of a histogram's buckets (inclusive, as Prometheus' `le`), and a table that answers for small values.

    Most bodies are below 10,000 octets and most answers faster than 100 ms: for those one look into a table of octets replaces
    a binary search.
    """

    __slots__ = ("_step", "_table", "_table_end", "bounds")

    def __init__(self, bounds: tuple[int, ...], step: int, table_end: int) -> None:
        """Prepare the table.

        Args: bounds - strictly growing, without infinity; step - a common divisor of all bounds below `table_end`;
            table_end - the last value that the table answers for, a multiple of `step`.
        """
        self.bounds: Final = bounds
        self._step: Final = step
        self._table_end: Final = table_end
        self._table: Final = bytes([bisect_left(bounds, edge) for edge in range(0, table_end + 1, step)])

    def index(self, value: int) -> int:
        """The bucket of `value` (not negative): 0 to len(bounds), where the last is everything above the last bound."""
        if value <= self._table_end:
            return self._table[(value + self._step - 1) // self._step]
        return bisect_left(self.bounds, value)
