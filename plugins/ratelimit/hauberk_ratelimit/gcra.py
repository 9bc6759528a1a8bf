"""The generic cell rate algorithm: a limit that keeps one number for each key.

The number is the theoretical arrival time (TAT): when the allowance will be whole again. Each request moves it on by one
interval; one that would move it further ahead of now than the burst lasts is refused. It is what a leaky bucket does, without a
bucket that somebody has to empty. A key whose TAT has passed is as good as one that was never seen, which makes forgetting easy.

Times are nanoseconds of a clock that never goes back. Source: ITU-T I.371, annex A.
"""

from typing import Final

NANOSECONDS: Final = 1_000_000_000


class Rate:
    """One request an interval, and so many at once."""

    __slots__ = ("burst", "interval", "lasting")

    def __init__(self, requests: int, period: int, burst: int) -> None:
        """Args: period - nanoseconds in which there may be `requests`, at least one nanosecond for each."""
        self.interval: Final[int] = period // requests
        self.burst: Final = burst
        self.lasting: Final[int] = self.interval * burst
        """Of a whole burst."""

    def after(self, tat: int, now: int) -> int:
        """The TAT behind one more request at `now`, or -1 if it is refused."""
        moved = (tat if tat > now else now) + self.interval
        return -1 if moved - now > self.lasting else moved

    def left(self, tat: int, now: int) -> int:
        """How many requests may come at `now`."""
        ahead = tat - now
        if ahead <= 0:
            return self.burst
        return 0 if ahead >= self.lasting else (self.lasting - ahead) // self.interval

    def wait(self, tat: int, now: int) -> int:
        """Nanoseconds until a request that was refused at `now` may come."""
        wait = tat + self.interval - self.lasting - now
        return wait if wait > 0 else 0
