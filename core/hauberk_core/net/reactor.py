"""The only module of the data path that knows trio: one task that drives the loop.

The task waits until the poller's own descriptor is readable, then runs a few rounds of the loop: a wait through trio costs about
as much as serving a request, so it is spread over all the work that has come in meanwhile. A second task sleeps until the timer
wheel's next deadline.
"""

import math
from typing import Final

import trio

from hauberk_core.net.loop import Loop
from hauberk_core.net.wheel import NEVER, AlarmOwner

# Rounds before the other tasks of the process get their turn. While requests keep coming, answers to the first round's have come
# by the second; beyond a handful nothing more is gained, and slow-path tasks would wait longer.
ROUNDS_PER_WAKE: Final = 8


async def run_reactor(loop: Loop) -> None:
    """Serve `loop` until cancelled.

    Cancellation: takes effect between batches, never inside one; every descriptor is left registered and open.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_Ticker(loop).run)
        await _dispatch(loop)


@trio.lowlevel.enable_ki_protection
async def _dispatch(loop: Loop) -> None:
    descriptor = loop.poller.fileno()
    while True:
        await trio.lowlevel.wait_readable(descriptor)
        for _ in range(ROUNDS_PER_WAKE):
            if not loop.run_ready():
                break


class _Ticker(AlarmOwner):
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._sleep = trio.CancelScope()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        while True:
            with trio.CancelScope() as self._sleep:
                self._sleep.deadline = self._trio_time(self._loop.wheel.next_due(self))
                await trio.sleep_forever()
            self._loop.run_timers()

    def due_earlier(self, deadline: float) -> None:
        self._sleep.deadline = self._trio_time(deadline)

    def _trio_time(self, deadline: float) -> float:
        if deadline >= NEVER:
            return math.inf
        return trio.current_time() + deadline - self._loop.clock.now()
