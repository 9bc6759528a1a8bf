"""How late this process is served by its machine: what a measurement of milliseconds must be read against."""

from typing import Final

import trio

PAUSE: Final = 0.005


class Lateness:
    """Sleeps a short while again and again, and keeps how much longer that took, at most, since the last `take`."""

    def __init__(self) -> None:
        self._most = 0.0
        self._due = 0.0

    def take(self) -> float:
        """The greatest lateness since the last call, in seconds; one that is still growing counts as far as it has come."""
        most = max(self._most, trio.current_time() - self._due if self._due else 0.0)
        self._most = 0.0
        return most

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = trio.current_time() + PAUSE
            await trio.sleep_until(self._due)
            self._most = max(self._most, trio.current_time() - self._due)
