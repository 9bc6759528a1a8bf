"""How long tests of endurance last: a moment in the quick suite, their full time under `make endure`."""

import os
from typing import Final

FULL_PART: Final = "HAUBERK_ENDURE"
"""The part of its full time, from 0 to 1, that each such test lasts. Not given: as little as it needs to mean anything."""


def lasting(full: float, least: float) -> float:
    """How much of `full`, seconds or a number of times, is asked for; at least `least`."""
    return max(least, full * float(os.environ.get(FULL_PART) or 0))
