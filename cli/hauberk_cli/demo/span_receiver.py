"""A small collector of OpenTelemetry's protocol over HTTP: what proxies export to a real one, kept to be looked at.

Exports are posted to /v1/traces, as to any collector. Whoever gets / is shown the latest traces, and whoever gets /TRACE_ID that
trace as a tree; both as text.
"""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from hauberk_cli.demo.received_span import ReceivedSpan
from hauberk_cli.demo.trace_tree import trace_list, trace_tree
from hauberk_cli.mesh.free_ports import LOOPBACK

PREFERRED_PORT: Final = 4318
"""Collectors' usual one."""
LARGEST_EXPORT: Final = 16 * 1024 * 1024
"""Octets, unpacked; a batch of proxies' spans has some hundred thousand."""
MOST_TRACES: Final = 200
"""Kept, the latest; the demo's own visitors begin one a second."""
MOST_SPANS: Final = 1000
"""Of one trace; those beyond are taken and forgotten. A page of the shop has some twenty."""
_KINDS: Final[dict[int, str]] = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}
_GZIP: Final = 16 + zlib.MAX_WBITS


class SpanReceiver:
    """Takes exports on a port of its own. Made by `span_receiver`."""

    def __init__(self, port: int) -> None:
        self._lock: Final = threading.Lock()
        self._traces: Final[OrderedDict[str, list[ReceivedSpan]]] = OrderedDict()
        self.server: Final = _Server(self, port)

    @property
    def url(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://{LOOPBACK}:{self.server.server_address[1]}"

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace that have come so far."""
        with self._lock:
            return list(self._traces.get(trace_id, ()))

    def page(self, path: str) -> str:
        """What is shown at a path; empty if there is nothing."""
        trace_id = path.strip("/").lower()
        if trace_id:
            return trace_tree(self.trace(trace_id))
        with self._lock:
            traces = [list(spans) for spans in reversed(self._traces.values())]
        return trace_list(traces, self.url)

    def take(self, export: ExportTraceServiceRequest) -> None:
        """One export came."""
        for group in export.resource_spans:
            service = _text(group.resource.attributes, "service.name")
            with self._lock:
                for scope in group.scope_spans:
                    for span in scope.spans:
                        self._keep(_read(span, service))

    def _keep(self, span: ReceivedSpan) -> None:
        spans = self._traces.setdefault(span.trace_id, [])
        if len(spans) < MOST_SPANS:
            spans.append(span)
        if len(self._traces) > MOST_TRACES:
            self._traces.popitem(last=False)


def _read(span: Span, service: str) -> ReceivedSpan:
    status = next((pair.value.int_value for pair in span.attributes if pair.key == "http.response.status_code"), 0)
    return ReceivedSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _KINDS.get(span.kind, ""),
        service,
        f"{span.name} {_text(span.attributes, 'url.path')}".strip(),
        status,
        _text(span.attributes, "error.type"),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


def _text(attributes: Iterable[KeyValue], key: str) -> str:
    return next((pair.value.string_value for pair in attributes if pair.key == key), "")


@contextmanager
def span_receiver(port: int = 0) -> Iterator[SpanReceiver]:
    """A receiver for as long as the context lasts.

    Args: port - where to listen if it is free; any free port otherwise.
    """
    try:
        receiver = SpanReceiver(port)
    except OSError:
        receiver = SpanReceiver(0)
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

    def __init__(self, receiver: SpanReceiver, port: int) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_GET(self) -> None:
        shown = self.server.receiver.page(self.path)
        text = shown or "there is no such trace here (yet: proxies send what they have every second)\n"
        self._answer(200 if shown else 404, text.encode(), "text/plain; charset=utf-8")

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
                body = _unpack(body)
            self.server.receiver.take(ExportTraceServiceRequest.FromString(body))
        except (DecodeError, zlib.error):
            self._answer(400)
            return
        self._answer(200)

    def _answer(self, status: int, body: bytes = b"", content_type: str = "application/x-protobuf") -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""


def _unpack(body: bytes) -> bytes:
    """Raises: zlib.error, also for what is not whole or would become too large."""
    unpacking = zlib.decompressobj(_GZIP)
    unpacked = unpacking.decompress(body, LARGEST_EXPORT)
    if not unpacking.eof:
        raise zlib.error("it is cut off, or too large")
    return unpacked
