"""The worker's end of its spans' way to the agent."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from hauberk_core.agent.wire import Spans
from hauberk_core.observe.span_meters import WORKER, SpanMeters
from hauberk_core.observe.span_queue import SpanQueue

# How old a span may get before it is sent.
SEND_SECONDS: Final = 1.0
# For the last spans of a worker that ends, to an agent that does not take them at once.
LAST_SPANS_SECONDS: Final = 0.5


class SpanSender:
    """Sends what the queue holds: every second, or as soon as a batch has come together."""

    def __init__(self, send: Callable[[Spans], Awaitable[None]], meters: SpanMeters) -> None:
        """Prepare. Args: send - may wait for the agent; the queue is bounded meanwhile."""
        self.queue: Final = SpanQueue(self._batch_waits)
        self._send: Final = send
        self._meters: Final = meters
        self._batch: trio.Event = trio.Event()
        self._counted = 0

    def _batch_waits(self) -> None:
        self._batch.set()

    async def run(self) -> None:
        """Send until cancelled, or until the agent is gone, of which the link's reader tells."""
        try:
            while True:
                with trio.move_on_after(SEND_SECONDS):
                    await self._batch.wait()
                self._batch = trio.Event()
                await self._flush()
        except OSError:
            return

    async def finish(self) -> None:
        """Send the last spans; called when nobody makes any more."""
        with trio.move_on_after(LAST_SPANS_SECONDS):
            try:
                await self._flush()
            except OSError:
                return

    async def _flush(self) -> None:
        dropped = self.queue.dropped()
        if dropped != self._counted:
            self._meters.dropped(WORKER, dropped - self._counted)
            self._counted = dropped
        spans = self.queue.take()
        if spans:
            await self._send(Spans(spans))
