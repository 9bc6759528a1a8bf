"""One bound, and how its number is written."""

from typing import NamedTuple


class Bound(NamedTuple):
    """A row of the page."""

    what: str
    number: str
    setting: str
    """Empty: there is none."""
    beyond: str
    """What happens there."""


def octets(number: int) -> str:
    """In the largest unit of which there is a whole number."""
    for power, unit in ((20, "MiB"), (10, "KiB")):
        if number >= 1 << power and number % (1 << power) == 0:
            return f"{number >> power} {unit}"
    return f"{number} octets"


def duration(seconds: float) -> str:
    """In the largest unit of which there is a whole number."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
