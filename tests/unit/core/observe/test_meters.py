import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.reason import Reason
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.cells_reader import CellsReader
from hauberk_core.observe.meters import DESTINATION, OUTCOMES_PER_CLUSTER, ProxyMeters
from hauberk_core.observe.metrics import (
    CLUSTER,
    DURATION,
    DURATION_SUM,
    HTTP,
    LISTENER,
    LOCAL_ANSWER,
    REQUEST_SIZE,
    REQUEST_SIZE_SUM,
    REQUESTS,
    RESPONSE_SIZE,
    RESPONSE_SIZE_SUM,
    WORKER,
    MetricGroup,
)

CALLER = "spiffe://cluster.local/ns/a/sa/caller"
CALLEE = "spiffe://cluster.local/ns/a/sa/callee"


def _values(descriptor: int, group: MetricGroup, **labels: str) -> list[int]:
    for series in CellsReader(descriptor).read().series:
        if series.group is group and all(series.labels[group.labels.index(name)] == value for name, value in labels.items()):
            return series.values
    raise AssertionError(f"no series of {group.name} with {labels}")


def test_an_exchange_is_counted_with_istios_labels(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file))
    reviews = meters.cluster_meters(
        "reviews-v2", {"destination_service_name": "reviews", "destination_version": "v2", "colour": "red"}
    )
    reviews.finished(200, -1, "-", "", "", 100, 2000, 0.0101)
    found = [s for s in CellsReader(cells_file).read().series if s.group is HTTP and s.values[REQUESTS]]
    assert len(found) == 1
    labels = dict(zip(HTTP.labels, found[0].labels, strict=True))
    assert {name: value for name, value in labels.items() if value != "unknown"} == {
        "reporter": "source",
        "destination_service": "reviews-v2",
        "destination_service_name": "reviews",
        "destination_version": "v2",
        "request_protocol": "http",
        "response_code": "200",
        "grpc_response_status": "",
        "response_flags": "-",
    }
    values = found[0].values
    assert values[DURATION_SUM] == 10_100
    assert values[REQUEST_SIZE_SUM] == 100
    assert values[RESPONSE_SIZE_SUM] == 2000


def test_a_call_of_grpc_is_counted_by_its_status(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file)).cluster_meters("a", {})
    for grpc_status in (0, 14, 14, -1):
        meters.finished(200, grpc_status, "-", "", "", 0, 0, 0.0)
    counted = {
        (labels["request_protocol"], labels["response_code"], labels["grpc_response_status"]): series.values[REQUESTS]
        for series in CellsReader(cells_file).read().series
        if series.group is HTTP and series.values[REQUESTS]
        for labels in [dict(zip(HTTP.labels, series.labels, strict=True))]
    }
    assert counted == {("grpc", "200", "0"): 1, ("grpc", "200", "14"): 2, ("http", "200", ""): 1}


def test_a_destination_says_how_secure_the_request_was(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file), DESTINATION).cluster_meters("a", {})
    meters.finished(200, -1, "-", CALLER, "", 0, 0, 0.0)
    meters.finished(200, -1, "-", CALLER, "", 0, 0, 0.0)
    meters.finished(200, -1, "-", "", CALLEE, 0, 0, 0.0)
    secure = _values(cells_file, HTTP, connection_security_policy="mutual_tls", source_principal=CALLER)
    assert secure[REQUESTS] == 2
    assert _values(cells_file, HTTP, connection_security_policy="none", source_principal="unknown")[REQUESTS] == 1


def test_a_source_says_who_answered_and_leaves_security_to_the_destination(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file)).cluster_meters("a", {})
    meters.finished(200, -1, "-", CALLER, CALLEE, 0, 0, 0.0)
    meters.finished(503, -1, "UF", CALLER, "", 0, 0, 0.0)
    answered = _values(cells_file, HTTP, destination_principal=CALLEE)
    assert answered == _values(cells_file, HTTP, connection_security_policy="unknown", source_principal="unknown")
    assert answered[REQUESTS] == 1
    assert _values(cells_file, HTTP, response_flags="UF", destination_principal="unknown")[REQUESTS] == 1


def test_a_cluster_of_the_proxys_own_workload_reports_as_destination(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file)).cluster_meters("inbound", {"reporter": DESTINATION})
    meters.finished(503, -1, "UF", CALLER, "", 0, 0, 0.0)
    meters.finished(503, -1, "UF", "", "", 0, 0, 0.0)
    assert _values(cells_file, HTTP, reporter="destination", source_principal=CALLER)[REQUESTS] == 1
    assert _values(cells_file, HTTP, reporter="destination", connection_security_policy="none")[REQUESTS] == 1


def test_many_callers_share_the_last_series(cells_file: int) -> None:
    cells = Cells(cells_file)
    meters = ProxyMeters(cells, DESTINATION).cluster_meters("a", {})
    for number in range(2 * OUTCOMES_PER_CLUSTER):
        meters.finished(200, -1, "-", f"spiffe://cluster.local/ns/a/sa/caller-{number}", "", 0, 0, 0.0)
    assert _values(cells_file, HTTP, reporter="destination", source_principal="other")[REQUESTS] == OUTCOMES_PER_CLUSTER
    assert cells.refused() == 0


_OUTCOMES = st.tuples(
    st.sampled_from([0, 200, 404, 503]),
    st.sampled_from(["-", "NR", "UF"]),
    st.integers(min_value=0, max_value=1 << 40),
    st.integers(min_value=0, max_value=1 << 40),
    st.floats(min_value=0, max_value=10_000),
)


@given(st.lists(_OUTCOMES))
def test_buckets_and_sums_hold_everything_once(outcomes: list[tuple[int, str, int, int, float]]) -> None:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno())
        meters = ProxyMeters(Cells(file.fileno())).cluster_meters("a", {})
        for status, flags, received, sent, duration in outcomes:
            meters.finished(status, -1, flags, "", "", received, sent, duration)
        reading = CellsReader(file.fileno()).read()
    code_place = HTTP.labels.index("response_code")
    flags_place = HTTP.labels.index("response_flags")
    for series in reading.series:
        if series.group is not HTTP:
            continue
        mine = [o for o in outcomes if (str(o[0]), o[1]) == (series.labels[code_place], series.labels[flags_place])]
        values = series.values
        assert values[REQUESTS] == len(mine)
        assert sum(values[DURATION:DURATION_SUM]) == len(mine)
        assert sum(values[REQUEST_SIZE:REQUEST_SIZE_SUM]) == len(mine)
        assert sum(values[RESPONSE_SIZE:RESPONSE_SIZE_SUM]) == len(mine)
        assert values[REQUEST_SIZE_SUM] == sum(o[2] for o in mine)
        assert values[RESPONSE_SIZE_SUM] == sum(o[3] for o in mine)
        assert values[DURATION_SUM] == sum(int(o[4] * 1e6) for o in mine)


def test_a_cluster_that_makes_up_statuses_uses_up_only_its_own_share(cells_file: int) -> None:
    cells = Cells(cells_file)
    meters = ProxyMeters(cells).cluster_meters("odd", {})
    for status in range(100, 1000):
        meters.finished(status, -1, "-", "", "", 0, 1, 0.001)
    assert cells.refused() == 0
    place = HTTP.labels.index("destination_service_name")
    mine = [s for s in CellsReader(cells_file).read().series if s.group is HTTP and s.labels[place] == "odd"]
    assert len(mine) == OUTCOMES_PER_CLUSTER + 1
    assert sum(series.values[REQUESTS] for series in mine) == 900
    rest = _values(cells_file, HTTP, destination_service_name="odd", response_code="other")
    assert rest[REQUESTS] == 900 - OUTCOMES_PER_CLUSTER


def test_meters_outlive_a_snapshot(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file))
    assert meters.cluster_meters("a", {"destination_app": "x"}) is meters.cluster_meters("a", {"destination_app": "x"})
    assert meters.cluster_meters("a", {"destination_app": "x"}) is not meters.cluster_meters("a", {"destination_app": "y"})
    assert meters.listener_meters("http") is meters.listener_meters("http")


def test_connections_of_a_listener(cells_file: int) -> None:
    listener = ProxyMeters(Cells(cells_file)).listener_meters("http")
    listener.connection_opened()
    listener.connection_opened()
    listener.connection_closed()
    listener.handshake_failed()
    listener.accept_failed()
    listener.misled()
    listener.excused()
    assert _values(cells_file, LISTENER, listener="http") == [2, 1, 1, 1, 1, 1]


def test_connections_to_a_cluster(cells_file: int) -> None:
    cluster = ProxyMeters(Cells(cells_file)).cluster_meters("reviews", {})
    cluster.connection_opened()
    cluster.connection_opened()
    cluster.connection_closed()
    cluster.connect_failed()
    cluster.wait_began()
    cluster.wait_began()
    cluster.wait_ended()
    cluster.overflowed()
    for _ in range(4):
        cluster.retried()
    cluster.retry_succeeded()
    for _ in range(3):
        cluster.retries_exhausted()
    cluster.retry_overflowed()
    assert _values(cells_file, CLUSTER, cluster="reviews") == [2, 1, 1, 1, 1, 0, 4, 1, 3, 1]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_counted(cells_file: int, reason: Reason) -> None:
    ProxyMeters(Cells(cells_file)).local_answer(reason)
    assert _values(cells_file, LOCAL_ANSWER, reason=reason.code) == [1]


def test_what_the_worker_says_of_itself(cells_file: int) -> None:
    meters = ProxyMeters(Cells(cells_file))
    meters.requests_active(7)
    meters.requests_active(5)
    meters.access_log_dropped(12)
    meters.config_updated()
    meters.config_updated()
    assert _values(cells_file, WORKER) == [5, 12, 2]
