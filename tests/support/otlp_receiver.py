"""A collector of OpenTelemetry's protocol over HTTP for tests: decodes what it is sent, keeps it, and answers as it is told."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from live_proxy import wait_until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

Value = str | int | float | bool


class ReceivedSpan(NamedTuple):
    """One span, with what a test asks for."""

    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    """`server` or `client`."""
    name: str
    service: str
    """The resource's `service.name`."""
    attributes: dict[str, Value]
    failed: bool
    message: str
    trace_state: str
    remote_parent: bool
    start: int
    end: int


class Answer(NamedTuple):
    """What the receiver says to one export."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    keep: bool = True
    """Whether it takes the spans."""


class OtlpReceiver:
    """Takes exports on a port of its own."""

    def __init__(self, port: int = 0) -> None:
        self.spans: Final[list[ReceivedSpan]] = []
        self.resources: Final[list[dict[str, Value]]] = []
        self.requests: Final[list[dict[str, str]]] = []
        """The header fields of each export, names in lower case."""
        self.answers: Final[list[Answer]] = []
        """For the next exports; then they are taken."""
        self._server: Final = _Server(self, port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def traces(self) -> dict[str, list[ReceivedSpan]]:
        """The spans by their traces.

        One that came twice is there once, as at any collector: an agent that ends while a batch is under way sends it again.
        """
        found: dict[str, list[ReceivedSpan]] = {}
        for span in {span.span_id: span for span in self.spans}.values():
            found.setdefault(span.trace_id, []).append(span)
        return found

    def wait_spans(self, count: int) -> list[ReceivedSpan]:
        """The spans, as soon as there are so many."""
        wait_until(lambda: len(self.spans) >= count, lambda: f"{len(self.spans)} spans of {count} came: {self.spans}")
        return list(self.spans)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """One export came."""
        assert path == "/v1/traces", path
        assert headers["content-type"] == "application/x-protobuf"
        self.requests.append(headers)
        answer = self.answers.pop(0) if self.answers else Answer()
        if not answer.keep or not 200 <= answer.status < 300:
            return answer
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _attributes(group.resource.attributes)
            self.resources.append(resource)
            for scope in group.scope_spans:
                self.spans.extend([_span(span, str(resource["service.name"])) for span in scope.spans])
        return answer


@contextmanager
def otlp_receiver(port: int = 0) -> Iterator[OtlpReceiver]:
    """A receiver for as long as the context lasts."""
    receiver = OtlpReceiver(port)
    try:
        yield receiver
    finally:
        receiver.close()


def partial_success(rejected: int, why: str) -> bytes:
    """The body of an answer that refuses some spans."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = why
    return response.SerializeToString()


def _span(span: Span, service: str) -> ReceivedSpan:
    kinds: dict[int, str] = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}
    return ReceivedSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        kinds[span.kind],
        span.name,
        service,
        _attributes(span.attributes),
        span.status.code == Status.STATUS_CODE_ERROR,
        span.status.message,
        span.trace_state,
        bool(span.flags & 0x200),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        assert kind is not None
        found[pair.key] = getattr(pair.value, kind)
    return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, receiver: OtlpReceiver, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.receiver.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""
