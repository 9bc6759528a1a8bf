"""The text that Prometheus scrapes, rendered by prometheus-client in the agent. Workers never import this module."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hauberk_core.observe.cells_reader import Reading, Series
from hauberk_core.observe.folded import add_up
from hauberk_core.observe.metrics import COUNTER, GROUPS, HISTOGRAM, OTHER, Metric


class _CellsCollector(Collector):
    """Gives prometheus-client the sums of some readings as metric families."""

    def __init__(self, reading: Reading, canonical: bool) -> None:
        self._reading = reading
        self._canonical = canonical

    def collect(self) -> Iterator[Family]:
        for group in GROUPS:
            shown = [series for series in self._reading.series if series.group is group and not _is_unused_overflow(series)]
            position = 0
            for metric in group.metrics:
                yield _family(metric, group.labels, position, shown, self._canonical)
                position += metric.width
        yield CounterMetricFamily(
            "hauberk_metrics_series_refused",
            "Times that a label combination found no room of its own and was counted under 'other'.",
            value=self._reading.refused,
        )


def render(readings: Iterable[Reading], accept: str = "") -> tuple[bytes, str]:
    """Add up what workers, living and folded, have counted.

    Args: accept - the scraper's Accept header, which chooses between Prometheus' text format and OpenMetrics.
    Returns: the body and its Content-Type.
    """
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_CellsCollector(add_up(readings), "openmetrics" in content_type))
    return encode(registry), content_type


def _family(metric: Metric, labels: tuple[str, ...], position: int, shown: list[Series], canonical: bool) -> Family:
    if metric.kind == HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.description, labels=labels)
        for series in shown:
            values = series.values[position : position + metric.width]
            histogram.add_metric(series.labels, _cumulative(metric, values, canonical), values[-1] * metric.scale)
        return histogram
    if metric.kind == COUNTER:
        counter = CounterMetricFamily(metric.name, metric.description, labels=labels)
        for series in shown:
            counter.add_metric(series.labels, series.values[position])
        return counter
    gauge = GaugeMetricFamily(metric.name, metric.description, labels=labels)
    for series in shown:
        gauge.add_metric(series.labels, series.values[position])
    return gauge


def _cumulative(metric: Metric, values: list[int], canonical: bool) -> list[tuple[str, float]]:
    """Prometheus' buckets count everything up to their bound; the last one, infinity, is the number of observations.

    OpenMetrics demands canonical bounds (`5.0`). Prometheus' text has them as Envoy writes them (`5`), so that buckets of our
    proxies and of Envoys are the same series to a query.
    """
    buckets: list[tuple[str, float]] = []
    total = 0
    for index, bound in enumerate(metric.bounds):
        total += values[index]
        buckets.append((repr(bound) if canonical else repr(bound).removesuffix(".0"), total))
    buckets.append(("+Inf", total + values[len(metric.bounds)]))
    return buckets


def _is_unused_overflow(series: Series) -> bool:
    return bool(series.labels) and not any(series.values) and all(label == OTHER for label in series.labels)
