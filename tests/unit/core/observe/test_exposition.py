from collections.abc import Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from hauberk_core.model.reason import Reason
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.cells_reader import CellsReader, Reading
from hauberk_core.observe.exposition import render
from hauberk_core.observe.folded import FoldedCells
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.metrics import GROUPS, HISTOGRAM

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def reading(cells_file: int) -> Reading:
    meters = ProxyMeters(Cells(cells_file))
    cluster = meters.cluster_meters('re"vi\\e\nws', {})
    cluster.finished(200, -1, "-", "", "", 0, 3, 0.0005)
    cluster.finished(200, -1, "-", "", "", 0, 70, 0.0251)
    cluster.finished(200, -1, "-", "", "", 9, 4_000_000, 7200.0)
    cluster.connection_opened()
    meters.local_answer(Reason.NO_ROUTE)
    return CellsReader(cells_file).read()


def _samples(families: Iterable[Metric], name: str) -> dict[tuple[str, ...], float]:
    shown = ("destination_service", "cluster", "reason", "le")
    return {
        tuple(sample.labels[label] for label in shown if label in sample.labels): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.parametrize("accept", ["", _OPENMETRICS])
def test_what_was_counted_can_be_parsed_back(reading: Reading, accept: str) -> None:
    body, content_type = render([reading], accept)
    assert ("openmetrics" in content_type) == bool(accept)
    families = list((parse_openmetrics if accept else parse_text)(body.decode()))
    name = 're"vi\\e\nws'
    assert _samples(families, "istio_requests_total") == {(name,): 3}
    buckets = _samples(families, "istio_request_duration_milliseconds_bucket")
    assert buckets[name, "0.5"] == 1
    bounds = ("25.0", "50.0", "3600000.0") if accept else ("25", "50", "3600000")
    assert [buckets[name, bound] for bound in bounds] == [1, 2, 2]
    assert buckets[name, "+Inf"] == 3
    assert _samples(families, "istio_request_duration_milliseconds_count") == {(name,): 3}
    assert _samples(families, "istio_request_duration_milliseconds_sum")[name,] == pytest.approx(7_200_025.6)
    assert _samples(families, "istio_request_bytes_sum") == {(name,): 9}
    assert _samples(families, "istio_response_bytes_sum") == {(name,): 4_000_073}
    assert _samples(families, "hauberk_upstream_connections_active") == {("",): 0, (name,): 1}
    assert _samples(families, "hauberk_local_answers_total")["no_route",] == 1


def test_every_metric_of_the_list_is_described(reading: Reading) -> None:
    families = {family.name: family for family in parse_text(render([reading])[0].decode())}
    for group in GROUPS:
        for metric in group.metrics:
            family = families[metric.name.removesuffix("_total")]
            assert family.documentation == metric.description
            assert (family.type == "histogram") == (metric.kind == HISTOGRAM)


def test_living_and_dead_workers_are_added_up(reading: Reading) -> None:
    dead = FoldedCells()
    dead.fold(reading)
    families = list(parse_text(render([dead.read(), reading])[0].decode()))
    assert _samples(families, "istio_requests_total") == {('re"vi\\e\nws',): 6}
    assert _samples(families, "hauberk_upstream_connections_total")['re"vi\\e\nws',] == 2
    assert _samples(families, "hauberk_upstream_connections_active")['re"vi\\e\nws',] == 1


def test_refused_series_are_told_and_unused_overflows_are_not(reading: Reading) -> None:
    body = render([reading._replace(refused=4)])[0].decode()
    assert "hauberk_metrics_series_refused_total 4.0" in body
    assert '"other"' not in body
