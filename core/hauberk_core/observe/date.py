"""Wall clock seconds as text, made once a second at most and by no locale."""

import time
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TWO_DIGITS: Final = [f"{number:02}" for number in range(100)]
_MILLISECONDS: Final = [f".{number:03}Z" for number in range(1000)]


class HttpDate:
    """The value of a `Date` field (IMF-fixdate, RFC 9110 section 5.6.7)."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def at(self, wall: float) -> str:
        """The text for `wall`, seconds since 1970."""
        second = int(wall)
        if second != self._second:
            moment = time.gmtime(second)
            clock = _TWO_DIGITS[moment.tm_hour] + ":" + _TWO_DIGITS[moment.tm_min] + ":" + _TWO_DIGITS[moment.tm_sec]
            day = _DAYS[moment.tm_wday] + ", " + _TWO_DIGITS[moment.tm_mday] + " " + _MONTHS[moment.tm_mon - 1]
            self._text = f"{day} {moment.tm_year:04} {clock} GMT"
            self._second = second
        return self._text


class LogDate:
    """A moment with milliseconds, as access logs show it: `2020-11-25T21:26:18.409Z` (RFC 3339)."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def at(self, wall: float) -> str:
        """The text for `wall`, seconds since 1970, to the nearest millisecond."""
        milliseconds = int(wall * 1000.0 + 0.5)
        second = milliseconds // 1000
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return self._text + _MILLISECONDS[milliseconds - second * 1000]
