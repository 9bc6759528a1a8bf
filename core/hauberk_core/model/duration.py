"""Durations as people write them: `300ms`, `15s`, `1m30s`, `2h`."""

import re
from typing import Final

_UNIT_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)")
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

        Raises: ValueError, with a sentence for a person, if it is no duration or longer than 36 hours.
        """
        position = 0
        seconds = 0.0
        while position < len(text):
            part = _PART.match(text, position)
            if part is None:
                break
            seconds += float(part[1]) * _UNIT_SECONDS[part[2]]
            position = part.end()
        if not text or position != len(text):
            raise ValueError(f"{text!r} is not a duration; write a number and a unit (h, m, s, ms), for example '15s' or '1m30s'")
        if seconds > LONGEST_SECONDS:
            raise ValueError(f"{text!r} is longer than the 36 h a duration may last")
        return cls(seconds)

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
