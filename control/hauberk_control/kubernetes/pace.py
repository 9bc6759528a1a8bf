"""How fast we write: the API server has other things to do."""

from typing import Final

import trio


class Pace:
    """Lets `per_second` pass on average and `at_once` in a burst; who comes too early waits."""

    def __init__(self, per_second: float, at_once: int) -> None:
        self._between: Final = 1 / per_second
        self._burst: Final = (at_once - 1) / per_second
        self._due = 0.0
        """When the next one would pass if all came evenly (the generic cell rate algorithm)."""

    async def wait(self) -> None:
        """Return when it is our turn. Cancellation: the turn is given up."""
        now = trio.current_time()
        due = max(self._due, now)
        self._due = due + self._between
        await trio.sleep(max(0.0, due - self._burst - now))
