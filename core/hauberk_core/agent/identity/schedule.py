"""When to renew a certificate, and when to try again: numbers in, numbers out.

`dice`, everywhere, is a number from 0 up to 1, drawn evenly. It spreads what many agents do over time, so that those that started
together do not come back together.
"""

from typing import Final

# Renewal falls within this part of a life to either side of its half.
_SPREAD: Final = 0.1
# An agent that starts with a certificate overdue waits up to this long, or up to this part of what is left.
_OVERDUE_SECONDS: Final = 5.0
_OVERDUE_PART: Final = 0.1
_FIRST_RETRY_SECONDS: Final = 0.25
# Control that comes back after hours is found within half a minute.
_LONGEST_RETRY_SECONDS: Final = 30.0
# Before a certificate ends, there is time for that many tries at least, if there is any time.
_TRIES_LEFT: Final = 8


def renewal_time(obtained: float, not_after: float, now: float, dice: float) -> float:
    """When to renew, by the clock that the arguments are from: around half of the life, or soon where that has passed."""
    due = obtained + (not_after - obtained) * (0.5 + _SPREAD * (2 * dice - 1))
    if due > now:
        return due
    return now + dice * min(_OVERDUE_SECONDS, max(0.0, not_after - now) * _OVERDUE_PART)


def retry_delay(failures: int, left: float, dice: float) -> float:
    """How long to wait after `failures` attempts in a row, at least one. Doubles, with half of it left to chance.

    Args: left - seconds until the certificate in use ends; infinite where there is none, zero or less where it has ended.
    """
    delay: float = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16))
    if left > 0:
        delay = min(delay, max(_FIRST_RETRY_SECONDS, left / _TRIES_LEFT))
    return delay * (0.5 + 0.5 * dice)
