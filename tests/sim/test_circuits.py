"""Circuits in scenarios: every criterion of outlier detection and every limit, as steps on virtual time."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from circuit_steps import Ask, Circuits, State, Step, Wait, play, with_breaker
from plugin_fixtures import use

from hauberk_core.model import Duration, Endpoint, JsonObject

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

OPEN = Ask("nobody", 503, "circuit_open")
RESET = Ask("reset", 502, "upstream_reset")
SILENT = Ask("silent", 504, "upstream_timeout")
NO_CONNECT = Ask("no connect", 503, "connect_failed")
LEAVE = Ask("leave", 499, "client_gone")


@pytest.mark.parametrize(
    ("outliers", "steps"),
    [
        pytest.param({}, [*[Ask(500)] * 5, State("open", 1), OPEN], id="five answers of 5xx in a row by default"),
        pytest.param(
            {"consecutive_5xx": 2}, [Ask(500), Ask(200), Ask(500), State("closed"), Ask(503), State("open", 1)], id="row"
        ),
        pytest.param({"consecutive_5xx": 2}, [Ask(404), Ask(429), Ask(499), State("closed")], id="4xx is the client's fault"),
        pytest.param({"consecutive_5xx": 0}, [Ask(500)] * 9 + [State("closed")], id="0 switches it off"),
        pytest.param(
            {"consecutive_5xx": 2}, [Ask(500), LEAVE, Ask(500), State("open", 1)], id="a client that leaves says nothing"
        ),
        pytest.param({"consecutive_5xx": 3}, [RESET, SILENT, NO_CONNECT, State("open", 1)], id="failures count as 5xx"),
        pytest.param(
            {"consecutive_5xx": 0, "consecutive_gateway": 2},
            [Ask(502), Ask(500), Ask(503), Ask(504), State("open", 1)],
            id="gateway errors in a row, which another 5xx breaks",
        ),
        pytest.param(
            {"consecutive_5xx": 0, "consecutive_gateway": 3},
            [SILENT, RESET, NO_CONNECT, State("open", 1)],
            id="as gateway errors",
        ),
        pytest.param(
            {"split": True, "consecutive_local": 2, "consecutive_5xx": 3},
            [NO_CONNECT, Ask(500), NO_CONNECT, Ask(500), State("closed"), NO_CONNECT, NO_CONNECT, State("open", 1)],
            id="told apart, an answer of any kind breaks failures of local origin",
        ),
        pytest.param(
            {"split": True, "consecutive_5xx": 1}, [NO_CONNECT, RESET, SILENT, State("closed")], id="told apart, they are no 5xx"
        ),
        pytest.param({"split": True}, [NO_CONNECT] * 5 + [State("open", 1)], id="five of local origin by default"),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "4s"},
            [Ask(500), Wait(3.9), OPEN, Wait(0.2), State("half-open", 1), Ask(200), State("closed", 1), Ask(200)],
            id="after the base time a request tries it, and a good answer closes",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "4s"},
            [
                Ask(500),
                Wait(4),
                Ask(503),
                State("open", 2),
                Wait(7.9),
                OPEN,
                Wait(0.2),
                Ask(500),
                Wait(11.9),
                OPEN,
                Wait(0.2),
                Ask(200),
            ],
            id="a bad answer opens again, each time for one base time more",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "4s"},
            [Ask(500), Wait(4), LEAVE, State("half-open", 1), Ask(200), State("closed", 1)],
            id="who leaves has not tried it",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "4s", "interval": "10s"},
            [Ask(500), Wait(4), Ask(500), Wait(8), Ask(200), Wait(9), Ask(500), Wait(11.9), OPEN],
            id="it is longer for whom has not been well for an interval",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "4s", "interval": "10s"},
            [Ask(500), Wait(4), Ask(500), Wait(8), Ask(200), Wait(20.1), Ask(500), Wait(3.9), OPEN, Wait(0.2), Ask(200)],
            id="each interval in service takes one base time off",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "base_ejection": "200s"},
            [Ask(500), Wait(200), Ask(500), Wait(299), OPEN, Wait(1.1), Ask(200)],
            id="five minutes are the longest",
        ),
        pytest.param(
            {"consecutive_5xx": 1, "min_health_percent": 50}, [Ask(500), State("open", 1), Ask(200), Ask(500)], id="panic"
        ),
        pytest.param({"consecutive_5xx": 1, "max_ejection_percent": 0}, [Ask(500), State("open", 1)], id="one is always ejected"),
        pytest.param(
            {"consecutive_5xx": 1, "consecutive_gateway": 0, "base_ejection": "4s"},
            [Ask(502), Wait(4), NO_CONNECT, State("open", 2)],
            id="an endpoint that cannot be reached has failed its trial",
        ),
    ],
)
def test_outlier_detection(build: "Build", outliers: dict[str, Any], steps: list[Step]) -> None:
    play(with_breaker(build, {"outliers": outliers}), steps)


def test_people_are_told_which_request_tripped_it(build: "Build") -> None:
    scenario = with_breaker(build, {"outliers": {"consecutive_5xx": 1}})
    endpoint = scenario.serve()
    client = scenario.browser()
    trace = "0af7651916cd43dd8448eb211c80319c"
    scenario.get(client, "/buy?it=1", "X-Request-Id: abc", f"Traceparent: 00-{trace}-b7ad6b7169203331-01")
    endpoint.connection().send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 503")
    tripped = Circuits(scenario).endpoint(scenario.books).tripped
    assert tripped is not None
    assert (tripped.method, tripped.path, tripped.status, tripped.reason) == ("GET", "/buy?it=1", 503, "")
    assert (tripped.request_id, tripped.trace_id) == ("abc", trace)
    assert "consecutive5xxErrors" in tripped.why
    assert tripped.at == pytest.approx(scenario.clock.wall())


def test_others_take_what_an_ejected_endpoint_would_have_had_and_no_more_than_the_share_is_ejected(build: "Build") -> None:
    scenario = with_breaker(build, {"outliers": {"consecutive_5xx": 1, "max_ejection_percent": 50}}, endpoints=())
    endpoints = tuple([Endpoint(address=f"192.0.2.{number}:80") for number in range(30, 34)])
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=endpoints)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    servers = {endpoint.address: scenario.serve(endpoint.address) for endpoint in endpoints}
    client = scenario.browser()
    for _ in range(40):
        scenario.get(client)
        scenario.run()
        [asked] = [server for server in servers.values() for peer in server.connections() if peer.received()]
        asked.connection().send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
        assert client.received()
    shown = [Circuits(scenario).endpoint(endpoint.address).state for endpoint in endpoints]
    assert sorted(shown) == ["closed", "closed", "open", "open"]
    assert Circuits(scenario).cluster().ejection_overflows > 0
    assert {status for status, _ in scenario.log()} == {500}


def test_while_one_request_tries_a_half_open_endpoint_others_are_refused(build: "Build") -> None:
    scenario = with_breaker(build, {"outliers": {"consecutive_5xx": 1, "base_ejection": "1s"}})
    endpoint = scenario.serve()
    first, second = scenario.browser(), scenario.browser()
    scenario.get(first)
    endpoint.connection().send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
    assert first.received()
    scenario.advance(1.1)
    scenario.get(first)
    scenario.get(second)
    answer = second.received()
    assert b"hauberk-reason: circuit_open" in answer
    assert b"another request is trying it" in answer
    # The head of a good answer is enough: it may go on for hours.
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
    assert first.received()
    assert Circuits(scenario).endpoint(scenario.books).state == "closed"
    endpoint.connection().send(b"x" * 95)
    assert first.received()


def hold(scenario: "Scenario", count: int) -> list[Any]:
    """So many requests that nobody answers."""
    clients = [scenario.browser() for _ in range(count)]
    for client in clients:
        scenario.get(client)
        scenario.run()
    return clients


@pytest.mark.parametrize(
    ("limits", "fits", "what"),
    [
        ({"max_requests": 3}, 3, "http2MaxRequests"),
        ({"max_connections": 2, "max_pending": 3}, 5, "http1MaxPendingRequests"),
        ({"max_connections": 1, "max_pending": 0}, 1, "http1MaxPendingRequests"),
    ],
)
def test_limits(build: "Build", limits: dict[str, int], fits: int, what: str) -> None:
    scenario = with_breaker(build, limits)
    endpoint = scenario.serve()
    clients = hold(scenario, fits)
    assert scenario.log() == []
    late = scenario.browser()
    scenario.get(late, "/late")
    answer = late.received()
    assert b"hauberk-reason: overflow" in answer
    assert what.encode() in answer
    tripped = Circuits(scenario).cluster().tripped
    assert tripped is not None
    assert (tripped.path, tripped.reason) == ("/late", "overflow")
    scenario.log()
    served = 0
    while served < fits:
        for peer in endpoint.connections():
            if peer.is_connected() and peer.received():
                peer.send(scenario.ok)
                served += 1
    assert all(client.received().endswith(b"ok") for client in clients)
    shown = Circuits(scenario).cluster()
    assert (shown.requests, shown.waiting) == (0, 0)
    scenario.get(late)
    scenario.run()
    [asked] = [peer for peer in endpoint.connections() if peer.received()]
    asked.send(scenario.ok)
    assert late.received().endswith(b"ok")


def test_the_limit_on_connections_is_counted_as_it_is(build: "Build") -> None:
    scenario = with_breaker(build, {"max_connections": 2, "max_pending": 1})
    scenario.serve()
    clients = hold(scenario, 3)
    shown = Circuits(scenario).cluster()
    assert (shown.connections, shown.waiting, shown.requests) == (2, 1, 2)
    assert shown.connection_overflows == 1
    assert shown.limits.connections == 2
    for client in clients:
        client.close()
    # One was opened for the request that waited, whose client then left too: it is kept for the next.
    assert scenario.upstream_connections() == 1
    assert Circuits(scenario).cluster().connections == 1


def test_a_retry_beyond_the_limit_is_not_made(build: "Build") -> None:
    scenario = with_breaker(build, {"max_retries": 0}, connect_attempts=3, endpoints=())
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    client = scenario.browser()
    scenario.get(client)
    assert b"maxRetries" in client.received()
    assert scenario.record().upstream_tried.count(",") == 0
    assert Circuits(scenario).cluster().retry_overflows == 1


def test_a_connection_carries_so_many_requests(build: "Build") -> None:
    scenario = build(cluster={"max_requests_per_connection": 2})
    endpoint = scenario.serve()
    client = scenario.browser()
    for _ in range(5):
        assert scenario.exchange(client, endpoint).endswith(b"ok")
    assert len(endpoint.connections()) == 3


def test_a_connection_serves_for_so_long(build: "Build") -> None:
    scenario = build(cluster={"max_connection_duration": Duration(10.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.advance(9)
    scenario.exchange(client, endpoint)
    assert len(endpoint.connections()) == 1
    scenario.advance(1.1)
    assert scenario.upstream_connections() == 0
    scenario.get(client)
    endpoint.connection().received()
    scenario.advance(11)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert scenario.upstream_connections() == 0
    assert len(endpoint.connections()) == 2


def test_circuits_outlive_a_change_of_their_rules_and_end_with_the_breaker(build: "Build") -> None:
    scenario = with_breaker(build, {"outliers": {"consecutive_5xx": 1}})
    play(scenario, [Ask(500), OPEN])

    def change(*plugins: Any) -> None:
        cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], plugins=plugins)
        scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))

    change(use("circuitbreaker", JsonObject.of({"outliers": {"consecutive_5xx": 7}}).text))
    client = scenario.browser()
    scenario.get(client)
    assert b"circuit_open" in client.received()
    change()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    assert scenario.plugins.services("circuitbreaker").state("circuits", dict) == {}
    client.close()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"max_connections": 0}, "max_connections"),
        ({"outliers": {"interval": "0s"}}, "outliers.interval"),
        ({"outliers": {"interval": "soon"}}, "soon"),
        ({"outliers": {"max_ejection_percent": 101}}, "max_ejection_percent"),
        ({"max_conections": 1}, "max_conections"),
    ],
)
def test_a_wrong_configuration_is_refused(build: "Build", config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        with_breaker(build, config)
