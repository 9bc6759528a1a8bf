"""Durations as people write them: `300ms`, `15s`, `1m30s`, `2h`."""

import re
from typing import Final

from hauberk_core.model.errors import quote

_UNIT_MILLISECONDS: Final = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_PART: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(ms|h|m|s)")
# A day and a half is longer than any proxied exchange should last, and keeps the timer wheel's arithmetic small.
LONGEST_SECONDS: Final = 36.0 * 3600.0


class Duration:
    """A span of time, read from Go's and Gateway API's notation (GEP-2257) and kept in seconds.

    `0s` means "no limit" wherever a field says that it does.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds: Final = seconds

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read `text`.

        Raises: ValueError, with a sentence for a person, if it is no duration, longer than 36 hours, or finer than a
            millisecond (which would otherwise be written back as `0s`, and that means "no limit").
        """
        position = 0
        milliseconds = 0
        whole = True
        while position < len(text):
            part = _PART.match(text, position)
            if part is None:
                break
            fraction = part[2] or ""
            scaled = int(part[1] + fraction) * _UNIT_MILLISECONDS[part[3]]
            divisor = 10 ** len(fraction)
            whole = whole and scaled % divisor == 0
            milliseconds += scaled // divisor
            position = part.end()
        if not text or position != len(text):
            raise ValueError(
                f"{quote(text)} is not a duration; write number and unit (h, m, s, ms), for example '15s' or '1m30s'"
            )
        if not whole:
            raise ValueError(f"{quote(text)} is finer than a millisecond; round it to whole milliseconds, for example '5ms'")
        if milliseconds > LONGEST_SECONDS * 1000.0:
            raise ValueError(f"{quote(text)} is longer than the 36 h a duration may last; write a shorter one")
        return cls(milliseconds / 1000)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.seconds == other.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)

    def __str__(self) -> str:
        milliseconds = round(self.seconds * 1000)
        if milliseconds % 1000:
            return f"{milliseconds}ms"
        return f"{milliseconds // 1000}s"

    def __repr__(self) -> str:
        return f"Duration({self})"
