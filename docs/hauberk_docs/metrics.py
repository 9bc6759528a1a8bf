"""The metrics of proxies."""

from typing import Final

from hauberk_core.observe.metrics import COUNTER, GAUGE, GROUPS, HISTOGRAM, MetricGroup
from hauberk_docs.markdown import code, page, table

_KINDS: Final = {COUNTER: "counter", GAUGE: "gauge", HISTOGRAM: "histogram"}
_BEFORE: Final = """
What the agent of a proxy shows at `/stats/prometheus`, in Prometheus' text format or, where the scraper asks for it, OpenMetrics.
It is the sum over all workers, those included that have ended. Names, labels and buckets that begin with `istio_` are Istio's, so
that its dashboards and Kiali draw this mesh; a label that nobody set says `unknown` there.
"""
_AFTER: Final = """
How many series one worker may have is bounded. A combination of labels that finds no room is counted under `other`, and
`hauberk_metrics_series_refused_total` counts how often that happened.
"""


def metrics_page() -> str:
    """The page, from the groups that workers count in."""
    return page("Metrics", _BEFORE, *[_group(group) for group in GROUPS], _AFTER)


def _group(group: MetricGroup) -> str:
    rows = [(code(metric.name), _KINDS[metric.kind], metric.description) for metric in group.metrics]
    labels = ", ".join([code(label) for label in group.labels]) or "none"
    return table(("metric", "kind", "what it counts"), rows) + f"\n\nLabels: {labels}."
