"""The first of the loop's three seams: time."""

import time

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Clock:
    """Time as the loop sees it."""

    def now(self) -> float:
        """Seconds that only ever grow, from an arbitrary beginning."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, for people: logs and Date. May jump."""
        return time.time()
