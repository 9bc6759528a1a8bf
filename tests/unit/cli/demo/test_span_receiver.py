"""The collector of the demo's check, by the octets that a proxy's agent sends."""

import gzip
import http.client
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from hauberk_cli.demo.span_receiver import LARGEST_EXPORT, MOST_SPANS, MOST_TRACES, SpanReceiver, span_receiver

_TRACE, _SPAN, _PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))


@pytest.fixture
def receiver() -> Iterator[SpanReceiver]:
    with span_receiver() as receiving:
        yield receiving


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _export(*traces: bytes) -> bytes:
    spans = [
        Span(
            trace_id=trace,
            span_id=_SPAN,
            parent_span_id=_PARENT,
            kind=Span.SPAN_KIND_SERVER,
            name="GET",
            start_time_unix_nano=1_000_000_000,
            end_time_unix_nano=1_002_500_000,
            attributes=[
                _text("url.path", "/details/0"),
                _text("error.type", "no_route"),
                KeyValue(key="http.response.status_code", value=AnyValue(int_value=404)),
            ],
        )
        for trace in traces or (_TRACE,)
    ]
    group = ResourceSpans(resource=Resource(attributes=[_text("service.name", "details")]), scope_spans=[ScopeSpans(spans=spans)])
    return ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()


def _post(receiver: SpanReceiver, body: bytes, path: str = "/v1/traces", **headers: str) -> int:
    connection = http.client.HTTPConnection(receiver.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("compressed", [False, True])
def test_spans_are_kept_by_their_trace(receiver: SpanReceiver, compressed: bool) -> None:
    if compressed:
        assert _post(receiver, gzip.compress(_export()), content_encoding="gzip") == 200
    else:
        assert _post(receiver, _export()) == 200
    [span] = receiver.trace(_TRACE.hex())
    assert span[:5] == (_TRACE.hex(), _SPAN.hex(), _PARENT.hex(), "server", "details")
    assert span[5:] == ("GET /details/0", 404, "no_route", 1_000_000_000, 1_002_500_000)
    assert receiver.trace("00" * 16) == []


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a"])
def test_what_is_no_export_is_refused(receiver: SpanReceiver, body: bytes) -> None:
    assert _post(receiver, body) == 400
    assert _post(receiver, b"no gzip", content_encoding="gzip") == 400


def test_a_small_body_that_unpacks_to_much_is_refused(receiver: SpanReceiver) -> None:
    assert _post(receiver, gzip.compress(b"\0" * (LARGEST_EXPORT + 1)), content_encoding="gzip") == 400
    assert _post(receiver, gzip.compress(_export())[:-4], content_encoding="gzip") == 400


def test_the_latest_traces_are_kept_and_only_so_many_spans_of_each(receiver: SpanReceiver) -> None:
    first, *others = [number.to_bytes(16) for number in range(1, MOST_TRACES + 2)]
    assert _post(receiver, _export(first, *others)) == 200
    assert receiver.trace(first.hex()) == []
    assert _post(receiver, _export(*([others[-1]] * MOST_SPANS))) == 200
    assert len(receiver.trace(others[-1].hex())) == MOST_SPANS


def _get(receiver: SpanReceiver, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(receiver.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_traces_are_shown_to_people(receiver: SpanReceiver) -> None:
    assert _get(receiver, f"/{_TRACE.hex()}")[0] == 404
    _post(receiver, _export())
    status, text = _get(receiver, "/")
    assert status == 200
    assert f"{receiver.url}/{_TRACE.hex()}  GET /details/0, 2.5 ms; spans: 1, proxies: 1" in text
    status, text = _get(receiver, f"/{_TRACE.hex()}")
    assert status == 200
    assert text.endswith("      0.0       2.5  details server GET /details/0 404 (no_route)\n")


def test_a_port_that_is_taken_is_no_obstacle(receiver: SpanReceiver) -> None:
    taken = int(receiver.url.rpartition(":")[2])
    with span_receiver(taken) as other:
        assert other.url != receiver.url


def test_other_paths_and_too_much_are_refused_unread(receiver: SpanReceiver) -> None:
    assert _post(receiver, _export(), "/v1/metrics") == 404
    assert _post(receiver, b"", content_length=str(LARGEST_EXPORT + 1)) == 413
    assert _post(receiver, b"", content_length="many") == 413
