"""Health checks in scenarios: who is asked, what the answers do, and that requests follow."""

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from http2_endpoint import Http2Connection
from plugin_fixtures import use

from hauberk_core.model import Duration, Endpoint, PluginConfig
from hauberk_core.model.health import EndpointHealth, decode_check, read_health
from hauberk_core.sim.peer import ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

BOTH = (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))
HTTP = {"http": {"path": "/healthz"}, "interval": "1s", "timeout": "500ms", "jitter_percent": 0}
BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def check(**config: Any) -> PluginConfig:
    return use("healthcheck", json.dumps(HTTP | config), phase="admission")


class Checked:
    """An endpoint that answers checks as it is told; requests are the script's."""

    def __init__(self, scenario: "Scenario", address: str, answer: bytes | None) -> None:
        self.endpoint: ScriptedEndpoint = scenario.serve(address)
        self.answer = answer
        """None: none."""
        self.checks: list[bytes] = []

    def work(self) -> None:
        """Answer what has come."""
        for peer in self.endpoint.connections():
            if not peer.is_open():
                continue
            data = peer.received()
            if b"hauberk-health-check" in data:
                self.checks.append(data)
                if self.answer is not None:
                    peer.send(self.answer)
            elif data:
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def advance(scenario: "Scenario", seconds: float, *endpoints: Checked) -> None:
    """Let time pass in small steps, in which endpoints answer."""
    for _ in range(int(seconds / 0.05)):
        scenario.advance(0.05)
        for endpoint in endpoints:
            endpoint.work()
    scenario.run()


def asked(scenario: "Scenario", times: int, *endpoints: Checked) -> set[str]:
    """Who answers so many requests; reasons where nobody does."""
    client = scenario.browser()
    found: set[str] = set()
    for _ in range(times):
        scenario.get(client)
        scenario.run()
        for endpoint in endpoints:
            endpoint.work()
        record = scenario.record()
        found.add(record.reason.code if record.reason is not None else record.upstream_host)
    return found


def health(scenario: "Scenario", address: str) -> EndpointHealth:
    """What is known of an endpoint."""
    record = scenario.plugins.services("healthcheck").shared(f"check books {address}", True)
    told = decode_check(record.text())
    assert told is not None
    return read_health(told, record.common.tolist(), int(scenario.clock.now() * 1e9))


def test_an_endpoint_that_fails_is_left_out_until_it_passes_again(build: "Build") -> None:
    scenario = build(cluster={"endpoints": BOTH, "plugins": (check(),)})
    books, other = Checked(scenario, scenario.books, scenario.ok), Checked(scenario, scenario.other, scenario.ok)
    advance(scenario, 3, books, other)
    assert b"GET /healthz HTTP/1.1\r\nHost: 192.0.2.20:9080\r\n" in books.checks[0]
    assert 2 <= len(books.checks) <= 4
    assert asked(scenario, 20, books, other) == {scenario.books, scenario.other}
    books.answer = BAD
    advance(scenario, 2, books, other)
    assert health(scenario, scenario.books).state == "healthy"
    advance(scenario, 2, books, other)
    told = health(scenario, scenario.books)
    assert (told.state, told.fault, told.check) == ("unhealthy", "it answered with the status 503", "HTTP GET /healthz")
    assert asked(scenario, 20, books, other) == {scenario.other}
    books.answer = scenario.ok
    advance(scenario, 3, books, other)
    assert health(scenario, scenario.books).changes == 3
    assert asked(scenario, 20, books, other) == {scenario.books, scenario.other}
    scenario.check()


def test_with_nobody_healthy_requests_are_refused_with_the_cause(build: "Build") -> None:
    scenario = build(cluster={"plugins": (check(unhealthy_threshold=1),)})
    books = Checked(scenario, scenario.books, BAD)
    advance(scenario, 2, books)
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: unhealthy" in client.received()
    assert "its health check (HTTP GET /healthz) fails: it answered with the status 503" in scenario.record().details


def test_in_panic_unhealthy_endpoints_get_requests(build: "Build") -> None:
    scenario = build(cluster={"endpoints": BOTH, "plugins": (check(unhealthy_threshold=1),), "panic_percent": 60})
    books, other = Checked(scenario, scenario.books, BAD), Checked(scenario, scenario.other, scenario.ok)
    advance(scenario, 2, books, other)
    assert health(scenario, scenario.books).state == "unhealthy"
    assert asked(scenario, 20, books, other) == {scenario.books, scenario.other}
    target = scenario.core.target("books")
    assert target is not None
    assert [endpoint.is_needed for endpoint in target.cluster.endpoints()] == [True, True]
    without = msgspec.structs.replace(scenario.snapshot.clusters["books"], plugins=())
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": without}))
    assert [endpoint.is_needed for endpoint in target.cluster.endpoints()] == [False, False]


@pytest.mark.parametrize("passes", [True, False])
def test_the_first_check_decides_where_that_is_asked(build: "Build", passes: bool) -> None:
    scenario = build(cluster={"plugins": (check(first_check_decides=True, interval="60s", timeout="2s"),)})
    books = Checked(scenario, scenario.books, scenario.ok if passes else BAD)
    assert asked(scenario, 1, books) == {"unhealthy"}
    advance(scenario, 0.7, books)
    assert asked(scenario, 3, books) == {scenario.books if passes else "unhealthy"}


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        ("silent", "it did not answer in time"),
        ("nobody", "connecting failed"),
        ("closes", "the endpoint closed the connection before it answered"),
        ("nonsense", "the endpoint's response"),
    ],
)
def test_what_is_wrong_is_told(build: "Build", trouble: str, fault: str) -> None:
    scenario = build(cluster={"plugins": (check(unhealthy_threshold=1),)})
    if trouble != "nobody":
        books = Checked(scenario, scenario.books, b"?\r\n\r\n" if trouble == "nonsense" else None)
        for _ in range(60):
            advance(scenario, 0.05, books)
            if trouble == "closes":
                for peer in books.endpoint.connections():
                    peer.close()
    else:
        scenario.advance(3)
    assert fault in health(scenario, scenario.books).fault
    assert health(scenario, scenario.books).state == "unhealthy"
    assert scenario.faults == []


def test_tcp_asks_for_a_connection_alone(build: "Build") -> None:
    config = json.dumps({"tcp": {}, "interval": "1s", "unhealthy_threshold": 1})
    scenario = build(cluster={"plugins": (use("healthcheck", config, phase="admission"),)})
    scenario.advance(3)
    assert health(scenario, scenario.books).state == "unhealthy"
    scenario.serve()
    scenario.advance(3)
    assert health(scenario, scenario.books).state == "healthy"
    assert scenario.core.exchanges() == 0


def test_what_is_known_outlives_a_change(build: "Build") -> None:
    scenario = build(cluster={"endpoints": BOTH, "plugins": (check(unhealthy_threshold=1),)})
    books, other = Checked(scenario, scenario.books, BAD), Checked(scenario, scenario.other, scenario.ok)
    advance(scenario, 2, books, other)
    changed = msgspec.structs.replace(
        scenario.snapshot.clusters["books"], plugins=(check(unhealthy_threshold=2, interval="60s"),)
    )
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": changed}))
    assert health(scenario, scenario.books).state == "unhealthy"
    assert asked(scenario, 10, books, other) == {scenario.other}
    without = msgspec.structs.replace(changed, plugins=())
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": without}))
    assert asked(scenario, 20, books, other) == {scenario.books, scenario.other}
    checks = len(books.checks)
    advance(scenario, 3, books, other)
    assert len(books.checks) == checks
    assert scenario.faults == []


def test_unhealthy_levels_are_passed_over(build: "Build") -> None:
    far = (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080", priority=1))
    scenario = build(cluster={"endpoints": far, "plugins": (check(unhealthy_threshold=1),), "idle_timeout": Duration(600)})
    books, other = Checked(scenario, scenario.books, scenario.ok), Checked(scenario, scenario.other, scenario.ok)
    advance(scenario, 2, books, other)
    assert asked(scenario, 10, books, other) == {scenario.books}
    books.answer = BAD
    advance(scenario, 2, books, other)
    assert asked(scenario, 10, books, other) == {scenario.other}


class Grpc:
    """An HTTP/2 endpoint that answers checks as it is told."""

    def __init__(self, scenario: "Scenario") -> None:
        self._endpoint = scenario.serve()
        self._known: dict[int, Http2Connection] = {}
        self.checks: list[tuple[str, str, bytes]] = []
        self.body = b""
        self.fields: list[tuple[str, str]] = [("content-type", "application/grpc")]
        self.trailers: list[tuple[str, str]] = [("grpc-status", "0")]

    def work(self) -> None:
        """Answer what has come."""
        for number, peer in enumerate(self._endpoint.connections()):
            connection = self._known.get(number)
            if connection is None:
                connection = self._known[number] = Http2Connection(peer)
                for stream, request in connection.requests().items():
                    self.checks.append((request.method, request.path, connection.body(stream)[0]))
                    connection.answer(stream, self.body, self.fields, self.trailers)


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    ("body", "fields", "trailers", "fault"),
    [
        (framed(b"\x08\x01"), [], [("grpc-status", "0")], ""),
        (framed(b"\x08\x02"), [], [("grpc-status", "0")], "it says that it is NOT_SERVING"),
        (framed(b"\x08\x03"), [], [("grpc-status", "0")], "it says that it is SERVICE_UNKNOWN"),
        (framed(b""), [], [("grpc-status", "0")], "it says that it is UNKNOWN"),
        (b"", [("grpc-status", "12")], [], "it does not serve grpc.health.v1 (UNIMPLEMENTED)"),
        (b"", [("grpc-status", "5")], [], "it does not know the service 'shop.Books' (NOT_FOUND)"),
        (framed(b"\x08\x01"), [], [("grpc-status", "14")], "it answered with the gRPC status 14"),
        (framed(b"\x08\x01"), [], [], "it answered with the gRPC status that it left out"),
        (framed(b"x" * 100), [], [("grpc-status", "0")], "its answer is longer than grpc.health.v1 has it"),
    ],
)
def test_grpc_is_asked_for_its_health(
    build: "Build", body: bytes, fields: list[tuple[str, str]], trailers: list[tuple[str, str]], fault: str
) -> None:
    config = json.dumps({"grpc": {"service": "shop.Books"}, "interval": "200ms", "timeout": "200ms", "unhealthy_threshold": 1})
    scenario = build(cluster={"plugins": (use("healthcheck", config, phase="admission"),)})
    server = Grpc(scenario)
    server.body = body
    server.fields += fields
    server.trailers = trailers
    for _ in range(10):
        scenario.advance(0.05)
        server.work()
    scenario.run()
    assert server.checks[0] == ("POST", "/grpc.health.v1.Health/Check", framed(b"\x0a\x0ashop.Books"))
    assert health(scenario, scenario.books).fault == fault
    assert health(scenario, scenario.books).state == ("unhealthy" if fault else "healthy")
    assert scenario.faults == []


def test_where_requests_go_by_http2_checks_do(build: "Build") -> None:
    scenario = build(cluster={"protocol": "http2", "plugins": (check(),)})
    server = Grpc(scenario)
    server.trailers = []
    for _ in range(40):
        scenario.advance(0.05)
        server.work()
    assert server.checks[0] == ("GET", "/healthz", b"")
    assert health(scenario, scenario.books).state == "healthy"


def test_checks_are_announced_where_connections_are(build: "Build") -> None:
    scenario = build(cluster={"proxy_protocol": "v1", "plugins": (check(),)})
    endpoint = scenario.serve()
    scenario.advance(1.2)
    assert endpoint.connection().received().startswith(b"PROXY UNKNOWN\r\nGET /healthz ")
