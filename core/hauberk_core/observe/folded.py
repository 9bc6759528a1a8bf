"""Sums over workers, and the memory of those that have died."""

from collections.abc import Iterable
from typing import Final

from hauberk_core.observe.cells_reader import Reading, Series
from hauberk_core.observe.metrics import GAUGE, MetricGroup


def add_up(readings: Iterable[Reading]) -> Reading:
    """One reading with the sums of all."""
    sums: dict[tuple[str, tuple[str, ...]], Series] = {}
    refused = 0
    for reading in readings:
        refused += reading.refused
        for series in reading.series:
            key = (series.group.name, series.labels)
            known = sums.get(key)
            if known is None:
                sums[key] = Series(series.group, series.labels, list(series.values))
            else:
                for index, value in enumerate(series.values):
                    known.values[index] += value
    return Reading(list(sums.values()), refused)


class FoldedCells:
    """What dead workers have counted, so that counters never go back when a worker is replaced. Their gauges died with them."""

    __slots__ = ("_sum",)

    def __init__(self) -> None:
        self._sum = Reading([], 0)

    def fold(self, reading: Reading) -> None:
        """Add the last reading of a worker that has ended."""
        counted = [Series(series.group, series.labels, _without_gauges(series.group, series.values)) for series in reading.series]
        self._sum = add_up([self._sum, Reading(counted, reading.refused)])

    def read(self) -> Reading:
        """The sums so far."""
        return self._sum


def _without_gauges(group: MetricGroup, values: list[int]) -> list[int]:
    counted: Final = list(values)
    position = 0
    for metric in group.metrics:
        if metric.kind == GAUGE:
            counted[position] = 0
        position += metric.width
    return counted
