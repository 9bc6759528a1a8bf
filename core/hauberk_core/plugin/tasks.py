"""Asynchronous filters' calls as trio tasks beside the loop."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

from hauberk_core.net.loop import Loop
from hauberk_core.plugin.waiting import AsyncCall, Waiting

# Calls under way in one worker. Each holds an exchange with its connection; beyond so many their service does not keep up.
MOST_CALLS: Final = 4096


class TaskWaiting(Waiting):
    """Starts a task for each call."""

    def __init__(self, loop: Loop, start: Callable[..., Any], most: int = MOST_CALLS) -> None:
        """Args: start - `nursery.start_soon` of a nursery that lives as long as the loop."""
        self._loop: Final = loop
        self._start: Final = start
        self._most: Final = most
        self._running = 0

    def running(self) -> int:
        """Calls under way."""
        return self._running

    def start(self, call: AsyncCall) -> None:
        if self._running >= self._most:
            raise OverflowError(f"{self._running} calls are under way")
        self._running += 1
        scope = trio.CancelScope()
        call.cancel_task = scope.cancel
        self._start(self._run, call, scope)

    async def _run(self, call: AsyncCall, scope: trio.CancelScope) -> None:
        result: object = None
        error: Exception | None = None
        try:
            with scope:
                scope.deadline = trio.current_time() + call.seconds
                try:
                    result = await call.begin()
                except Exception as raised:
                    # A stranger's code; what it means for the exchange is the chain's to say.
                    error = raised
            if scope.cancelled_caught:
                error = TimeoutError(f"it took longer than its timeout of {call.seconds} s")
        finally:
            self._running -= 1
        self._loop.call_soon(partial(call.over, result, error))
