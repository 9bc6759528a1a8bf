"""Circuits over connections that requests share: limits count requests and not connections, and a stream is judged by itself."""

from typing import TYPE_CHECKING, Any

import pytest
from circuit_steps import TIMEOUT, Circuits, with_breaker
from h2_browser import Browser
from http2_endpoint import Http2Connection, Http2Endpoint

from hauberk_core.http.h2.codes import CANCEL, INTERNAL_ERROR
from hauberk_core.model import Endpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


def shared(build: "Build", config: dict[str, Any], **cluster: Any) -> "Scenario":
    return with_breaker(build, config, protocol="http2", **cluster)


def ask(client: Browser, count: int) -> list[int]:
    """So many requests, whose paths are their numbers. Returns: their streams."""
    return [client.ask(path=f"/{number}") for number in range(count)]


def paths(connection: Http2Connection) -> list[str]:
    """Of the requests that have come on a connection, in their order."""
    return [request.path for _, request in sorted(connection.requests().items())]


def status(connection: Http2Connection, stream: int, code: int) -> None:
    """Answer with a status."""
    connection.head(stream, code)
    connection.end(stream)


def refusal(client: Browser, stream: int) -> tuple[int, str, bytes]:
    """Status, reason and explanation of an answer of the proxy's own."""
    code, fields, body, _ = client.answer(stream)
    return code, fields.get("hauberk-reason", ""), body


# Limits.


@pytest.mark.parametrize("how", ["answered", "reset", "left", "timed out"])
def test_the_limit_of_requests_holds_on_a_connection_that_has_room(build: "Build", how: str) -> None:
    scenario = shared(build, {"max_requests": 3})
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    first, *_, late = ask(client, 4)
    connection = endpoint.connection()
    assert paths(connection) == ["/0", "/1", "/2"]
    code, reason, told = refusal(client, late)
    assert (code, reason) == (503, "overflow")
    assert b"http2MaxRequests" in told
    shown = Circuits(scenario).cluster()
    assert (shown.requests, shown.connections, shown.waiting, shown.request_overflows) == (3, 1, 0, 1)
    match how:
        case "answered":
            connection.answer(first)
        case "reset":
            connection.reset(first, INTERNAL_ERROR)
        case "left":
            client.machine.reset(first, CANCEL)
            client.talk()
        case "timed out":
            scenario.advance(TIMEOUT + 0.1)
    scenario.run()
    left = 0 if how == "timed out" else 2
    assert Circuits(scenario).cluster().requests == left
    for _ in range(3 - left):
        client.ask(path="/again")
    assert paths(endpoint.connection()).count("/again") == 3 - left
    assert refusal(client, client.ask())[1] == "overflow"


def test_requests_that_wait_for_a_connection_to_share_are_pending(build: "Build") -> None:
    scenario = shared(build, {"max_pending": 2})
    endpoint = Http2Endpoint(scenario.serve())
    clients = [scenario.browser() for _ in range(5)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert len(endpoint.connection().requests()) == 3, "one has it opened, two wait"
    assert scenario.log() == [(503, "overflow")] * 2
    assert Circuits(scenario).cluster().waiting_overflows == 2
    for stream in endpoint.connection().requests():
        endpoint.connection().answer(stream)
    shown = Circuits(scenario).cluster()
    assert (shown.requests, shown.waiting, shown.connections) == (0, 0, 1)


def test_at_the_limit_of_connections_requests_wait_for_a_stream(build: "Build") -> None:
    scenario = shared(build, {"max_connections": 1, "max_pending": 1}, max_concurrent_streams=2)
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    streams = ask(client, 4)
    connection = endpoint.connection()
    assert paths(connection) == ["/0", "/1"]
    assert refusal(client, streams[3])[1] == "overflow"
    shown = Circuits(scenario).cluster()
    assert (shown.requests, shown.connections, shown.waiting, shown.connection_overflows) == (2, 1, 1, 2)
    connection.answer(1)
    assert paths(connection) == ["/0", "/1", "/2"]
    assert len(endpoint.connections()) == 1


@pytest.mark.parametrize("how", ["stream", "connection", "last of a connection", "given up", "answered"])
def test_what_has_failed_is_not_in_the_way_of_who_waits(build: "Build", how: str) -> None:
    """Whoever takes a place is counted when the one whose place it was counts no more."""
    both = (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))
    scenario = shared(build, {"max_requests": 4}, endpoints=both, max_connections=2, load_balancing="round_robin")
    endpoints = [Http2Endpoint(scenario.serve(address.address)) for address in both]
    client = Browser(scenario.browser())
    ask(client, 2)
    narrow, wide = sorted([endpoint.connection() for endpoint in endpoints], key=paths)
    narrow.allow(1)
    waits = client.ask(path="/waits")
    for _ in range(3):
        client.ask(path="/more")
    assert (paths(narrow), paths(wide)) == (["/0"], ["/1", "/more", "/more"]), "by turns"
    assert Circuits(scenario).cluster().requests == 4
    if how == "stream":
        narrow.reset(1, INTERNAL_ERROR)
    elif how == "connection":
        narrow.peer.reset()
    else:
        narrow.go_away(1)
        if how == "given up":
            client.machine.reset(1, CANCEL)
            client.talk()
        elif how == "answered":
            narrow.answer(1)
        else:
            narrow.reset(1, INTERNAL_ERROR)
    assert client.answer(waits)[0] == 0, "it is not refused"
    assert "/waits" in [path for endpoint in endpoints for connection in endpoint.connections() for path in paths(connection)]


# Endpoints that fail.


def test_each_stream_is_an_answer_of_its_own(build: "Build") -> None:
    scenario = shared(build, {"outliers": {"consecutive_5xx": 2, "base_ejection": "4s"}})
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    streams = ask(client, 5)
    connection = endpoint.connection()
    circuits = Circuits(scenario)
    for stream, code in zip(streams[:3], (500, 200, 503), strict=True):
        status(connection, stream, code)
    assert circuits.endpoint(scenario.books).state == "closed", "they were not in a row"
    status(connection, streams[3], 500)
    assert circuits.endpoint(scenario.books).state == "open"
    assert refusal(client, client.ask())[:2] == (503, "circuit_open")
    status(connection, streams[4], 200)
    assert client.answer(streams[4])[0] == 200, "what is under way goes on"
    shown = circuits.endpoint(scenario.books)
    assert (shown.state, shown.ejections) == ("open", 1), "and says nothing any more"

    scenario.advance(4.1)
    first, second = client.ask(path="/tries"), client.ask(path="/late")
    assert paths(connection)[5:] == ["/tries"], "one at a time, on the connection that was kept"
    assert b"another request is trying it" in refusal(client, second)[2]
    status(connection, 11, 200)
    assert client.answer(first)[0] == 200
    assert circuits.endpoint(scenario.books).state == "closed"
    assert len(endpoint.connections()) == 1


@pytest.mark.parametrize("outliers", [{"consecutive_5xx": 3}, {"split": True, "consecutive_local": 3}])
def test_a_connection_that_breaks_has_failed_each_of_its_requests(build: "Build", outliers: dict[str, Any]) -> None:
    scenario = shared(build, {"outliers": outliers})
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    streams = [client.ask("POST", path=f"/{number}", body=b"x") for number in range(4)]
    endpoint.connection().peer.reset()
    assert [refusal(client, stream)[:2] for stream in streams] == [(502, "upstream_reset")] * 4
    shown = Circuits(scenario).endpoint(scenario.books)
    assert (shown.state, shown.ejections) == ("open", 1)
    assert Circuits(scenario).cluster().requests == 0


@pytest.mark.parametrize("how", ["goodbye", "refused"])
def test_what_an_endpoint_did_not_look_at_is_no_failure(build: "Build", how: str) -> None:
    scenario = shared(build, {"outliers": {"consecutive_5xx": 1}}, connect_attempts=3)
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    streams = ask(client, 4)
    first = endpoint.connection()
    assert len(first.requests()) == 4
    if how == "goodbye":
        first.go_away(1)
    else:
        for stream in (3, 5, 7):
            first.reset(stream)
    first.answer(1)
    again = endpoint.connection()
    assert (again is first) == (how == "refused")
    for stream, request in again.requests().items():
        if request.path != "/0" and again.machine.is_open(stream):
            again.answer(stream)
    assert [client.answer(stream)[0] for stream in streams] == [200] * 4
    shown = Circuits(scenario).endpoint(scenario.books)
    assert (shown.state, shown.ejections) == ("closed", 0)


def test_the_request_that_tries_an_endpoint_may_be_turned_away(build: "Build") -> None:
    """It is none other than it was: asked again, it still is the one that tries."""
    scenario = shared(build, {"outliers": {"consecutive_5xx": 1, "base_ejection": "1s"}}, connect_attempts=3)
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    client.ask()
    before = endpoint.connection()
    status(before, 1, 500)
    scenario.advance(1.1)
    stream = client.ask(path="/tries")
    assert paths(before) == ["/", "/tries"]
    before.go_away(1)
    after = endpoint.connection()
    assert (after is not before, paths(after)) == (True, ["/tries"])
    assert Circuits(scenario).endpoint(scenario.books).state == "half-open"
    after.answer(1)
    assert client.answer(stream)[0] == 200
    assert Circuits(scenario).endpoint(scenario.books).state == "closed"


def test_a_server_that_says_goodbye_behind_each_few_requests_loses_none(build: "Build") -> None:
    """nginx' `keepalive_requests`: more are under way than a connection serves, so that some are turned away again and again."""
    scenario = shared(build, {"outliers": {"consecutive_5xx": 1}}, connect_attempts=3)
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    streams = ask(client, 30)
    for _ in range(10):
        connection = endpoint.connection()
        taken = sorted(connection.requests())[:3]
        connection.go_away(taken[-1])
        for stream in taken:
            connection.answer(stream)
    assert [client.answer(stream)[0] for stream in streams] == [200] * 30
    assert len(endpoint.connections()) == 10


def test_goodbyes_come_to_an_end(build: "Build") -> None:
    scenario = shared(build, {})
    endpoint = Http2Endpoint(scenario.serve())
    client = Browser(scenario.browser())
    stream = client.ask()
    while not client.answer(stream)[0]:
        endpoint.connection().go_away(0)
        assert len(endpoint.connections()) < 100
    assert refusal(client, stream)[:2] == (503, "upstream_refused")
