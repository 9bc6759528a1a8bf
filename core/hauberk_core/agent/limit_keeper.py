"""Tells a worker's core, a few times a second, what it uses of its limits; and its watchdog that the loop moves."""

from typing import Final, Protocol

import trio

from hauberk_core.agent.cgroup import OwnMemory, memory_group
from hauberk_core.agent.limits import WorkerLimits
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.watchdog import Watchdog
from hauberk_core.net.loop import Loop
from hauberk_core.net.probe import LoopProbe
from hauberk_core.proxy.core import ProxyCore

# While anybody is connected. Between two looks a worker takes in some MiB: connections and buffers are limited besides.
LOOK_SECONDS: Final = 1 / 8
# While nobody is: gauges are still to be right.
IDLE_SECONDS: Final = 1.0


class _Memory(Protocol):
    def used(self) -> int: ...


class LimitKeeper:
    """Looks at memory and at the loop's delay; connections and streams count themselves."""

    def __init__(self, core: ProxyCore, limits: WorkerLimits, workers: int) -> None:
        """Put the limits into force. Args: workers - of this proxy, which share its memory."""
        self._core: Final = core
        self._loop: Final[Loop] = core.loop
        self._arrival = trio.Event()
        """Somebody has connected."""
        self._memory: Final[_Memory] = memory_group() or OwnMemory(workers)
        core.meters.overload.shared_by(workers)
        core.pressure.limit(limits.connections, limits.streams, limits.memory, limits.loop_delay)
        core.pressure.wake(self._woken)
        if limits.buffers:
            core.loop.most_buffered = limits.buffers

    async def run(self, watchdog: Watchdog) -> None:
        """Look until cancelled."""
        probe = LoopProbe(self._loop)
        watchdog.start()
        try:
            while True:
                is_idle = self._core.pressure.connections == 0
                pause = IDLE_SECONDS if is_idle else LOOK_SECONDS
                due = self._loop.clock.now() + pause
                watchdog.beat(due, is_idle)
                with trio.move_on_after(pause):
                    if is_idle:
                        self._arrival = trio.Event()
                        await self._arrival.wait()
                    else:
                        await trio.sleep_forever()
                self._core.look(self._used(), 0.0 if is_idle else probe.look(due))
        finally:
            probe.close()

    def _woken(self) -> None:
        self._arrival.set()

    def _used(self) -> int:
        try:
            return self._memory.used()
        except OSError as error:
            LOG.warning("how much memory is used cannot be read: %s", error)
            return 0
