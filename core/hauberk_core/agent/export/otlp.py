"""Spans as OpenTelemetry's protocol has them. The one module that knows its messages.

Source: https://opentelemetry.io/docs/specs/otlp/ and the messages of opentelemetry-proto, trace/v1.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from hauberk_core.model.span import Attribute, Span, decode_span

CONTENT_TYPE: Final = "application/x-protobuf"
_SCOPE: Final = "hauberk"
# SpanFlags: the W3C flags in the low octet (only sampled spans come here); whether it is known that the parent is remote; whether
# it is.
_SAMPLED: Final = 0x001
_KNOWS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200


class Encoded:
    """A request's body, and of how many spans it is made."""

    __slots__ = ("body", "spans", "unreadable")

    def __init__(self, body: bytes, spans: int, unreadable: int) -> None:
        self.body: Final = body
        self.spans: Final = spans
        self.unreadable: Final = unreadable
        """Spans that were left out because they are none."""


def encode_request(spans: Sequence[bytes], resource: Mapping[str, str], version: str) -> Encoded:
    """One export request.

    Args: spans - as `model.span.encode_span` writes them; resource - what they are from; version - ours.
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for name, value in resource.items():
        group.resource.attributes.append(KeyValue(key=name, value=AnyValue(string_value=value)))
    scope = group.scope_spans.add()
    scope.scope.name = _SCOPE
    scope.scope.version = version
    unreadable = 0
    for data in spans:
        try:
            scope.spans.append(_span(decode_span(data)))
        except (ValueError, msgspec.MsgspecError):
            unreadable += 1
    return Encoded(request.SerializeToString(), len(scope.spans), unreadable)


def rejected_spans(body: bytes) -> tuple[int, str]:
    """How many spans a collector has refused of those that it took, and why; what cannot be read refuses none."""
    try:
        response = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        return 0, ""
    partial = response.partial_success
    return max(partial.rejected_spans, 0), partial.error_message


def _span(span: Span) -> trace_pb2.Span:
    """Raises: ValueError if an identifier is not hexadecimal, or a number too large."""
    made = trace_pb2.Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id),
        trace_state=span.trace_state,
        flags=_SAMPLED | _KNOWS_REMOTE | (_IS_REMOTE if span.remote_parent else 0),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        attributes=[_attribute(name, value) for name, value in span.attributes.items()],
    )
    for event in span.events:
        made.events.append(
            trace_pb2.Span.Event(
                time_unix_nano=event.time,
                name=event.name,
                attributes=[_attribute(name, value) for name, value in event.attributes.items()],
            )
        )
    if span.error is not None:
        made.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        made.status.message = span.error
    return made


def _attribute(name: str, value: Attribute) -> KeyValue:
    match value:
        case bool():
            content = AnyValue(bool_value=value)
        case int():
            content = AnyValue(int_value=value)
        case float():
            content = AnyValue(double_value=value)
        case _:
            content = AnyValue(string_value=value)
    return KeyValue(key=name, value=content)
