"""The two spans of one hop, as OpenTelemetry's semantic conventions for HTTP and gRPC name them.

Queries are left out, because careless applications put secrets there; the access log has them.
Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
"""

from typing import Final

from hauberk_core.model.span import CLIENT, SERVER, Attribute, Span
from hauberk_core.observe.record import Record
from hauberk_tracing.trace import Trace

# A span is a few hundred octets; a client must not make it 32 KiB by its path.
LONGEST_TEXT: Final = 1024
_NANOSECONDS: Final = 1_000_000_000.0
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_OTHER_METHOD: Final = "_OTHER"
_UNKNOWN_METHOD_NAME: Final = "HTTP"


def server_span(trace: Trace, record: Record) -> Span:
    """The span of the client's request to us. It has failed where the fault lies on this side: 5xx, or no whole answer."""
    attributes = _common(record)
    attributes["url.path"] = _text(_without_query(record.path))
    attributes["url.scheme"] = trace.scheme
    _set_place(attributes, "server.address", "server.port", record.authority)
    _set_place(attributes, "network.peer.address", "network.peer.port", record.downstream_remote)
    forwarded_for = record.x_forwarded_for
    if forwarded_for:
        attributes["client.address"] = _text(forwarded_for[: forwarded_for.find(",")] if "," in forwarded_for else forwarded_for)
    if record.user_agent:
        attributes["user_agent.original"] = _text(record.user_agent)
    if record.route:
        attributes["hauberk.route"] = record.route
    if record.cluster:
        attributes["hauberk.cluster"] = record.cluster
    if record.peer_identity:
        attributes["hauberk.peer_identity"] = record.peer_identity
    if record.request_id:
        attributes["hauberk.request_id"] = _text(record.request_id)
    attributes["http.request.body.size"] = record.bytes_received
    attributes["http.response.body.size"] = record.bytes_sent
    if record.status:
        attributes["http.response.status_code"] = record.status
    status = record.judged_status()
    reason = record.reason
    # The endpoint's answer had begun and was then cut; or there was none at all.
    cut = reason is not None and (record.upstream_duration >= 0 or not status)
    error: str | None = None
    if status >= 500 or cut:
        error = "" if reason is None else _text(record.details or reason.meaning)
    if reason is not None and (status >= 400 or cut):
        attributes["error.type"] = reason.code
    elif error is not None:
        attributes["error.type"] = str(status)
    start = int(record.start * _NANOSECONDS)
    return Span(
        trace.trace_id,
        trace.server_id,
        trace.parent_id,
        SERVER,
        _name(record.method),
        start,
        start + int(record.duration * _NANOSECONDS),
        attributes,
        [],
        trace.state,
        bool(trace.parent_id),
        error,
    )


def client_span(trace: Trace, record: Record) -> Span | None:
    """The span of our request to the endpoint, or None where no endpoint was asked.

    It has failed with 4xx too: the caller's fault is ours. It covers the wait for a connection, as the conventions want it.
    """
    if not record.upstream_host and not record.upstream_failure:
        return None
    attributes = _common(record)
    _set_place(attributes, "server.address", "server.port", record.upstream_host)
    if record.upstream_host:
        _set_place(attributes, "network.peer.address", "network.peer.port", record.upstream_host)
    attributes["hauberk.cluster"] = record.cluster
    attributes["url.path"] = _text(_without_query(record.path))
    if record.upstream_identity:
        attributes["hauberk.peer_identity"] = record.upstream_identity
    if record.upstream_tried:
        attributes["hauberk.upstream_tried"] = _text(record.upstream_tried)
    if record.upstream_failure:
        attributes["hauberk.upstream_failure"] = _text(record.upstream_failure)
    answered = record.upstream_duration >= 0
    status = record.judged_status() if answered else 0
    if answered:
        attributes["http.response.status_code"] = record.status
    error: str | None = None
    reason = record.reason
    if reason is not None:
        attributes["error.type"] = reason.code
        error = _text(record.details or reason.meaning)
    elif status >= 400:
        attributes["error.type"] = str(status)
        error = ""
    start = int(record.start * _NANOSECONDS)
    end = start + int(record.duration * _NANOSECONDS)
    # Between the two the wall clock may have been set back, or forward.
    began = min(max(int(trace.client_start * _NANOSECONDS), start), end)
    return Span(
        trace.trace_id,
        trace.client_id,
        trace.server_id,
        CLIENT,
        _name(record.method),
        began,
        end,
        attributes,
        [],
        trace.state,
        False,
        error,
    )


def _common(record: Record) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {}
    method = record.method
    if method in _METHODS:
        attributes["http.request.method"] = method
    else:
        attributes["http.request.method"] = _OTHER_METHOD
        attributes["http.request.method_original"] = _text(method)
    attributes["network.protocol.version"] = record.protocol[5:]
    if record.grpc_type:
        service, _, called = _without_query(record.path).removeprefix("/").partition("/")
        attributes["rpc.system"] = "grpc"
        attributes["rpc.service"] = _text(service)
        attributes["rpc.method"] = _text(called)
        attributes["rpc.grpc.status_code"] = record.grpc_status
    return attributes


def _name(method: str) -> str:
    """Few different names: a method that a client made up is none of them."""
    return method if method in _METHODS else _UNKNOWN_METHOD_NAME


def _without_query(path: str) -> str:
    query = path.find("?")
    return path if query < 0 else path[:query]


def _set_place(attributes: dict[str, Attribute], host_key: str, port_key: str, authority: str) -> None:
    """Split `host[:port]`, where the host of IPv6 stands in brackets."""
    colon = authority.rfind(":")
    port = authority[colon + 1 :]
    host = authority
    if colon >= 0 and authority.find("]", colon) < 0 and port.isdecimal() and port.isascii() and len(port) <= 5:
        host = authority[:colon]
        attributes[port_key] = int(port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if host:
        attributes[host_key] = _text(host)


def _text(octets: str) -> str:
    """Text of at most LONGEST_TEXT octets, from one character for each octet: UTF-8 where it is that."""
    if len(octets) > LONGEST_TEXT:
        octets = octets[:LONGEST_TEXT]
    return octets if octets.isascii() else octets.encode("latin-1", "replace").decode("utf-8", "replace")
