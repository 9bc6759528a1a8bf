"""The collector of the demo's check, by the octets that a proxy's agent sends."""

import gzip
import http.client
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from hauberk_cli.demo.span_receiver import LARGEST_EXPORT, ReceivedSpan, SpanReceiver, span_receiver

_TRACE, _SPAN, _PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))


@pytest.fixture
def receiver() -> Iterator[SpanReceiver]:
    with span_receiver() as receiving:
        yield receiving


def _export() -> bytes:
    span = Span(trace_id=_TRACE, span_id=_SPAN, parent_span_id=_PARENT, kind=Span.SPAN_KIND_SERVER)
    name = KeyValue(key="service.name", value=AnyValue(string_value="details"))
    group = ResourceSpans(resource=Resource(attributes=[name]), scope_spans=[ScopeSpans(spans=[span])])
    return ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()


def _post(receiver: SpanReceiver, body: bytes, path: str = "/v1/traces", **headers: str) -> int:
    connection = http.client.HTTPConnection(receiver.url.removeprefix("http://"), timeout=10)
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
    assert receiver.trace(_TRACE.hex()) == [ReceivedSpan(_TRACE.hex(), _SPAN.hex(), _PARENT.hex(), "server", "details")]
    assert receiver.trace("00" * 16) == []


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a"])
def test_what_is_no_export_is_refused(receiver: SpanReceiver, body: bytes) -> None:
    assert _post(receiver, body) == 400
    assert _post(receiver, b"no gzip", content_encoding="gzip") == 400


def test_other_paths_and_too_much_are_refused_unread(receiver: SpanReceiver) -> None:
    assert _post(receiver, _export(), "/v1/metrics") == 404
    assert _post(receiver, b"", content_length=str(LARGEST_EXPORT + 1)) == 413
    assert _post(receiver, b"", content_length="many") == 413
