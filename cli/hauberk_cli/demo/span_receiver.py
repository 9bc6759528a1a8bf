"""A small collector of OpenTelemetry's protocol over HTTP: what proxies export to a real one, kept to be looked at."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from hauberk_cli.mesh.free_ports import LOOPBACK

LARGEST_EXPORT: Final = 16 * 1024 * 1024
"""Octets; a batch of proxies' spans has some hundred thousand."""
MOST_SPANS: Final = 100_000
"""Kept; those beyond are taken and forgotten."""
_KINDS: Final[dict[int, str]] = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}


class ReceivedSpan(NamedTuple):
    """What a check asks for of one span; identifiers in hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    """`server`, `client`, or empty."""
    service: str
    """The resource's `service.name`."""


class SpanReceiver:
    """Takes exports on a port of its own. Made by `span_receiver`."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._spans: Final[list[ReceivedSpan]] = []
        self.server: Final = _Server(self)

    @property
    def url(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://{LOOPBACK}:{self.server.server_address[1]}"

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace that have come so far."""
        with self._lock:
            return [span for span in self._spans if span.trace_id == trace_id]

    def take(self, export: ExportTraceServiceRequest) -> None:
        """One export came."""
        for group in export.resource_spans:
            service = next((pair.value.string_value for pair in group.resource.attributes if pair.key == "service.name"), "")
            spans = [_read(span, service) for scope in group.scope_spans for span in scope.spans]
            with self._lock:
                self._spans.extend(spans[: MOST_SPANS - len(self._spans)])


def _read(span: Span, service: str) -> ReceivedSpan:
    return ReceivedSpan(span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), _KINDS.get(span.kind, ""), service)


@contextmanager
def span_receiver() -> Iterator[SpanReceiver]:
    """A receiver for as long as the context lasts."""
    receiver = SpanReceiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, receiver: SpanReceiver) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            length = -1
        if self.path != "/v1/traces" or not 0 <= length <= LARGEST_EXPORT:
            # What follows is no request that could be found.
            self.close_connection = True
            self._answer(404 if self.path != "/v1/traces" else 413)
            return
        body = self.rfile.read(length)
        try:
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            self.server.receiver.take(ExportTraceServiceRequest.FromString(body))
        except (DecodeError, OSError, EOFError):
            self._answer(400)
            return
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""
