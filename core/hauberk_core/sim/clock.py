"""Time that passes when it is told to."""

from hauberk_core.net.clock import Clock

# 2026-01-01 00:00:00 UTC: any moment will do, as long as it is always the same.
_BEGINNING_OF_TIME = 1_767_225_600.0


class VirtualClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return _BEGINNING_OF_TIME + self._now

    def move_to(self, moment: float) -> None:
        """Let it be `moment`, in the seconds of `now`. Raises: ValueError if that has passed."""
        if moment < self._now:
            raise ValueError(f"time does not go back from {self._now} to {moment}")
        self._now = moment
