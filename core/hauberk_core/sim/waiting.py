"""Asynchronous filters on virtual time: their calls go on when the script, or the clock, says so."""

from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Final

from hauberk_core.net.loop import Loop
from hauberk_core.net.wheel import NEVER
from hauberk_core.plugin.waiting import AsyncCall, Waiting
from hauberk_core.sim.clock import VirtualClock


class Gate:
    """What a filter under test awaits in place of a socket: closed until the script opens it."""

    def __init__(self) -> None:
        self.is_open = False

    def open(self) -> None:
        """Let everybody through."""
        self.is_open = True

    def __await__(self) -> Generator["Gate", None, None]:
        while not self.is_open:
            yield self


class ScriptedWaiting(Waiting):
    """Drives each call's coroutine by hand. It may await `Gate`s and nothing else."""

    def __init__(self, loop: Loop, clock: VirtualClock) -> None:
        self._loop: Final = loop
        self._clock: Final = clock
        self._tasks: Final[list[_Task]] = []
        self.most = 1_000_000
        """Calls that may be under way."""

    def running(self) -> int:
        """Calls under way."""
        return len(self._tasks)

    def start(self, call: AsyncCall) -> None:
        if len(self._tasks) >= self.most:
            raise OverflowError("the script allows no more calls")
        task = _Task(call, self._clock.now() + call.seconds)
        call.cancel_task = task.cancel
        self._tasks.append(task)

    def next_due(self) -> float:
        """When the first call's time is up."""
        return min([task.deadline for task in self._tasks], default=NEVER)

    def act(self) -> bool:
        """Let every call go on as far as it can. Returns whether anything ended."""
        ended = False
        for task in list(self._tasks):
            if task.step(self._clock.now()):
                ended = True
                self._tasks.remove(task)
                self._loop.call_soon(partial(task.call.over, task.result, task.error))
        return ended


class _Task:
    def __init__(self, call: AsyncCall, deadline: float) -> None:
        self.call: Final = call
        self.deadline: Final = deadline
        self.result: object = None
        self.error: Exception | None = None
        self._coroutine: Coroutine[Any, Any, object] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def step(self, now: float) -> bool:
        """Go on. Returns whether it has ended."""
        try:
            if self._coroutine is None:
                begun = self.call.begin()
                if not isinstance(begun, Coroutine):
                    raise TypeError(f"object {type(begun).__name__} can't be used in 'await' expression")
                self._coroutine = begun
            if self._cancelled or now >= self.deadline:
                self._coroutine.close()
                self.error = TimeoutError(f"it took longer than {self.call.seconds} s")
                return True
            self._coroutine.send(None)
        except StopIteration as stop:
            self.result = stop.value
            return True
        except Exception as error:
            self.error = error
            return True
        return False
