"""The filter and the observer together: what goes to the next hop, and what is exported."""

import pytest
from keeping_services import KeepingServices

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason
from hauberk_core.model.span import CLIENT, SERVER
from hauberk_core.observe.record import Record
from hauberk_core.plugin.data import Exchange
from hauberk_tracing.context import parse_traceparent
from hauberk_tracing.data import TracingFilter, TracingObserver
from hauberk_tracing.plugin import hauberk_observer, hauberk_request_filter

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"

Tracing = tuple[TracingFilter, TracingObserver]


def make_exchange(*lines: str, method: str = "GET", path: str = "/books?secret=1") -> Exchange:
    """An exchange as the chain's first filter sees it."""
    headers = Headers()
    for line in ("Host: books.test:8080", *lines):
        name, _, value = line.partition(": ")
        headers.add(name, value)
    request_path, mark, query = path.partition("?")
    request = Request(method, "books.test:8080", request_path, mark + query, 11, headers)
    record = Record()
    record.method = method
    record.path = path
    record.authority = request.authority
    record.protocol = "HTTP/1.1"
    record.start = 1_700_000_000.0
    record.request_id = "a2b1c0d9-0000-4000-8000-000000000000"
    record.user_agent = "curl/8"
    record.x_forwarded_for = "198.51.100.1, 10.0.0.1"
    record.downstream_remote = "[2001:db8::1]:4711"
    return Exchange(request, record, "")


def answer(exchange: Exchange, status: int = 200, upstream: str = "10.0.0.9:9080") -> Record:
    """The endpoint answers."""
    record = exchange.record
    record.status = status
    record.route = "all"
    record.cluster = "books"
    record.upstream_host = upstream
    record.upstream_duration = 0.01 if upstream else -1.0
    record.duration = 0.25
    return record


@pytest.fixture
def tracing(services: KeepingServices) -> Tracing:
    """The two, as the plugin makes them."""
    filter_made, observer = hauberk_request_filter({}, services), hauberk_observer(services)
    assert isinstance(filter_made, TracingFilter)
    assert isinstance(observer, TracingObserver)
    return filter_made, observer


def test_a_new_trace(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange()
    services.time += 0.001
    assert tracing[0].request(exchange) is None
    tracing[1].finished(answer(exchange))
    server, client = services.spans()
    assert (server.kind, server.name, server.parent_id, server.error, server.remote_parent) == (SERVER, "GET", "", None, False)
    assert (client.kind, client.name, client.parent_id, client.error) == (CLIENT, "GET", server.span_id, None)
    assert client.trace_id == server.trace_id
    sent = exchange.headers.get("traceparent")
    assert sent == f"00-{server.trace_id}-{client.span_id}-01"
    assert (server.start, server.end) == (1_700_000_000_000_000_000, 1_700_000_000_250_000_000)
    assert server.start < client.start < client.end == server.end
    assert server.attributes == {
        "http.request.method": "GET",
        "network.protocol.version": "1.1",
        "url.path": "/books",
        "url.scheme": "http",
        "server.address": "books.test",
        "server.port": 8080,
        "network.peer.address": "2001:db8::1",
        "network.peer.port": 4711,
        "client.address": "198.51.100.1",
        "user_agent.original": "curl/8",
        "hauberk.route": "all",
        "hauberk.cluster": "books",
        "hauberk.request_id": "a2b1c0d9-0000-4000-8000-000000000000",
        "http.request.body.size": 0,
        "http.response.body.size": 0,
        "http.response.status_code": 200,
    }
    assert client.attributes == {
        "http.request.method": "GET",
        "network.protocol.version": "1.1",
        "server.address": "10.0.0.9",
        "server.port": 9080,
        "network.peer.address": "10.0.0.9",
        "network.peer.port": 9080,
        "hauberk.cluster": "books",
        "url.path": "/books",
        "http.response.status_code": 200,
    }


def test_a_trace_that_goes_on(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange(f"TraceParent: {PARENT}", "tracestate: a=1", "Tracestate: b=2", "baggage: user=7")
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange))
    server, client = services.spans()
    assert (server.trace_id, server.parent_id, server.remote_parent) == (TRACE, SPAN, True)
    assert (server.trace_state, client.trace_state) == ("a=1,b=2", "a=1,b=2")
    assert exchange.headers.get_all("tracestate") == ["a=1,b=2"]
    assert exchange.headers.get_all("traceparent") == [f"00-{TRACE}-{client.span_id}-01"]
    assert exchange.headers.get("baggage") == "user=7"


@pytest.mark.parametrize(
    "lines",
    [
        (f"traceparent: 00-{TRACE}-{SPAN}-00", "tracestate: a=1"),
        (f"b3: {TRACE}-{SPAN}-0",),
        ("b3: 0",),
        ("x-b3-sampled: 0",),
    ],
)
def test_what_is_not_sampled_passes_unchanged(services: KeepingServices, tracing: Tracing, lines: tuple[str, ...]) -> None:
    exchange = make_exchange(*lines)
    before = exchange.headers.items()
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange))
    assert exchange.headers.items() == before
    assert services.spans() == []
    assert exchange.record.attributes is None


def test_an_unsampled_root_sends_no_parent_that_nobody_exports(services: KeepingServices) -> None:
    off = hauberk_request_filter({"sampler": "parentbased_always_off"}, services)
    exchange = make_exchange()
    off.request(exchange)
    assert exchange.headers.get("traceparent") is None


@pytest.mark.parametrize("parent", ["nonsense", PARENT.upper(), "00-" + "0" * 32 + f"-{SPAN}-01", "\xe9" * 9000])
def test_garbage_begins_a_new_trace(services: KeepingServices, tracing: Tracing, parent: str) -> None:
    exchange = make_exchange(f"traceparent: {parent}", "tracestate: theirs=1")
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange))
    server, _ = services.spans()
    assert server.parent_id == ""
    [sent] = exchange.headers.get_all("traceparent")
    context = parse_traceparent(sent)
    assert context is not None
    assert context.trace_id == server.trace_id
    assert exchange.headers.get("tracestate") is None
    assert server.trace_state == ""


def test_b3_is_read_left_as_it_is_and_answered_in_w3c(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange(f"b3: {TRACE}-{SPAN}-1")
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange))
    server, client = services.spans()
    assert (server.trace_id, server.parent_id) == (TRACE, SPAN)
    assert exchange.headers.get("b3") == f"{TRACE}-{SPAN}-1"
    assert exchange.headers.get("traceparent") == f"00-{TRACE}-{client.span_id}-01"


def test_an_answer_of_our_own_has_no_client_span(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = exchange.record
    record.status = 404
    record.reason = Reason.NO_ROUTE
    tracing[1].finished(record)
    [server] = services.spans()
    assert server.attributes["error.type"] == "no_route"
    assert server.attributes["http.response.status_code"] == 404
    # The client's fault: OpenTelemetry leaves a server's status unset for 4xx.
    assert server.error is None


def test_an_endpoint_that_cannot_be_reached(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = answer(exchange, 503, upstream="")
    record.reason = Reason.CONNECT_FAILED
    record.details = "10.0.0.9:9080 refused"
    record.upstream_failure = "10.0.0.9:9080 refused"
    record.upstream_tried = "10.0.0.7:9080,10.0.0.8:9080"
    tracing[1].finished(record)
    server, client = services.spans()
    assert (server.attributes["error.type"], server.error) == ("connect_failed", "10.0.0.9:9080 refused")
    assert (client.attributes["error.type"], client.error) == ("connect_failed", "10.0.0.9:9080 refused")
    assert client.attributes["hauberk.upstream_failure"] == "10.0.0.9:9080 refused"
    assert client.attributes["hauberk.upstream_tried"] == "10.0.0.7:9080,10.0.0.8:9080"
    assert "http.response.status_code" not in client.attributes


@pytest.mark.parametrize(
    ("status", "server_failed", "client_failed"), [(302, False, False), (404, False, True), (500, True, True)]
)
def test_whose_fault_a_status_is(
    services: KeepingServices,
    tracing: Tracing,
    status: int,
    server_failed: bool,
    client_failed: bool,
) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange, status))
    server, client = services.spans()
    assert (server.error is not None, client.error is not None) == (server_failed, client_failed)
    assert client.attributes.get("error.type") == (str(status) if client_failed else None)


@pytest.mark.parametrize(
    ("grpc_status", "server_failed", "client_failed"), [(0, False, False), (5, False, True), (13, True, True), (14, True, True)]
)
def test_a_call_of_grpc_tells_what_was_called_and_how_it_ended(
    services: KeepingServices, tracing: Tracing, grpc_status: int, server_failed: bool, client_failed: bool
) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = answer(exchange, 200)
    record.path, record.grpc_type, record.grpc_status = "/books.Reviews/Get", "application/grpc", grpc_status
    tracing[1].finished(record)
    for span, failed in zip(services.spans(), (server_failed, client_failed), strict=True):
        assert (span.error is not None) == failed
        assert span.attributes["rpc.system"] == "grpc"
        assert (span.attributes["rpc.service"], span.attributes["rpc.method"]) == ("books.Reviews", "Get")
        assert span.attributes["rpc.grpc.status_code"] == grpc_status
        assert span.attributes["http.response.status_code"] == 200


def test_a_response_that_was_cut_is_an_error_whatever_its_status(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = answer(exchange)
    record.reason = Reason.UPSTREAM_RESET
    tracing[1].finished(record)
    server, client = services.spans()
    assert server.error == client.error == Reason.UPSTREAM_RESET.meaning
    assert client.attributes["http.response.status_code"] == 200


def test_what_clients_make_up_is_bounded(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange(method="BREW", path="/" + "x" * 30_000)
    exchange.record.user_agent = "caf\xc3\xa9 \xff" * 1000
    tracing[0].request(exchange)
    tracing[1].finished(answer(exchange))
    server, _ = services.spans()
    assert server.name == "HTTP"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "BREW"
    assert len(str(server.attributes["url.path"])) == 1024
    agent = str(server.attributes["user_agent.original"])
    assert agent.startswith("café \ufffd")
    assert len(agent) <= 1024


def test_both_peers_of_a_mesh_are_named(services: KeepingServices, tracing: Tracing) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = answer(exchange)
    record.peer_identity = "spiffe://cluster.local/ns/shop/sa/front"
    record.upstream_identity = "spiffe://cluster.local/ns/shop/sa/books"
    tracing[1].finished(record)
    server, client = services.spans()
    assert server.attributes["hauberk.peer_identity"] == "spiffe://cluster.local/ns/shop/sa/front"
    assert client.attributes["hauberk.peer_identity"] == "spiffe://cluster.local/ns/shop/sa/books"


@pytest.mark.parametrize(("status", "failed", "error_type"), [(200, False, None), (403, False, "plugin_answered")])
def test_an_answer_of_a_plugin_is_no_failure_of_ours(
    services: KeepingServices, tracing: Tracing, status: int, failed: bool, error_type: str | None
) -> None:
    exchange = make_exchange()
    tracing[0].request(exchange)
    record = exchange.record
    record.status = status
    record.reason = Reason.PLUGIN_ANSWERED
    tracing[1].finished(record)
    [server] = services.spans()
    assert (server.error is not None) == failed
    assert server.attributes.get("error.type") == error_type
