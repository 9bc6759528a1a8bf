"""Counts what becomes of spans, in whatever process it happens: the sums are the proxy's."""

from typing import Final

from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import DROPPED_SPANS, SPANS

# Where spans are lost.
WORKER: Final = "worker"
QUEUE: Final = "queue"
EXPORT: Final = "export"
COLLECTOR: Final = "collector"


class SpanMeters:
    """Counters about spans; made only where spans are, so that other proxies do not show them."""

    __slots__ = ("_dropped", "_spans")

    def __init__(self, cells: Cells) -> None:
        self._spans: Final = cells.view(SPANS, ())
        self._dropped: Final = {where: cells.view(DROPPED_SPANS, (where,)) for where in (WORKER, QUEUE, EXPORT, COLLECTOR)}

    def exported(self, count: int) -> None:
        """The collector has taken so many."""
        self._spans[0] += count

    def export_failed(self) -> None:
        """An attempt to hand a batch over failed; it may be tried again."""
        self._spans[1] += 1

    def dropped(self, where: str, count: int) -> None:
        """So many are lost. Args: where - WORKER, QUEUE, EXPORT or COLLECTOR."""
        self._dropped[where][0] += count

    def exported_total(self) -> int:
        """Spans that the collector has taken so far."""
        return self._spans[0]

    def dropped_total(self, where: str) -> int:
        """Spans lost there so far."""
        return self._dropped[where][0]
