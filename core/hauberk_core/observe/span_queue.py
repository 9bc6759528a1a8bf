"""Finished spans of one worker on their way to its agent: bounded, never waiting; what finds no room is dropped and counted."""

from collections.abc import Callable
from typing import Final

# What one second's spans take in a worker that traces all of 4,000 requests (two spans each, about 400 octets). An agent that has
# not taken them by then does not keep up, and waiting for it would only take memory from the traffic.
QUEUED_OCTETS: Final = 4 * 1024 * 1024
# A span that bounds its texts is far smaller.
LONGEST_SPAN: Final = 64 * 1024
# Sent as soon as so many wait: as many as the agent exports at once.
SPANS_PER_BATCH: Final = 512


class SpanQueue:
    """Keeps encoded spans until they are taken, in their order."""

    __slots__ = ("_batch", "_dropped", "_limit", "_octets", "_spans", "_wake")

    def __init__(self, wake: Callable[[], None], limit: int = QUEUED_OCTETS, batch: int = SPANS_PER_BATCH) -> None:
        """Prepare.

        Args: wake - called each time that `batch` more spans wait; it must not block; limit - octets that may wait.
        """
        self._wake: Final = wake
        self._limit: Final = limit
        self._batch: Final = batch
        self._spans: list[bytes] = []
        self._octets = 0
        self._dropped = 0

    def put(self, span: bytes) -> bool:
        """Queue a span as `model.span.encode_span` wrote it. Returns: whether there was room; else it is dropped."""
        size = len(span)
        octets = self._octets + size
        if octets > self._limit or size > LONGEST_SPAN:
            self._dropped += 1
            return False
        self._octets = octets
        spans = self._spans
        spans.append(span)
        if len(spans) % self._batch == 0:
            self._wake()
        return True

    def take(self) -> list[bytes]:
        """Everything that waits; the queue is empty afterwards."""
        spans = self._spans
        self._spans = []
        self._octets = 0
        return spans

    def dropped(self) -> int:
        """Spans dropped since the worker's start."""
        return self._dropped
