"""What the proxy answers itself, and what it changes about what it forwards."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hauberk_core.model import (
    Cluster,
    Endpoint,
    HeaderModifier,
    HttpLimits,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    WeightedCluster,
)

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

HOST = b"Host: a.test\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 101\r\n\r\n", 413, "body_too_large"),
        (b"GET /" + b"x" * 1000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "line_too_long"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: tea\r\n\r\n", 417, "expectation_failed"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 1000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 20 + b"\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "version_not_supported"),
    ],
)
def test_broken_requests_are_refused_and_reach_nobody(build: "Build", request_: bytes, status: int, reason: str) -> None:
    scenario = build(chain={"limits": HttpLimits(head_bytes=1024, request_line_bytes=512, header_count=10, body_bytes=100)})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(request_)
    answer = client.received()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"hauberk-reason: {reason}\r\n".encode() in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert client.saw_end()
    assert not client.saw_reset()
    assert scenario.log() == [(status, reason)]
    assert endpoint.connections() == []
    scenario.advance(3)
    assert scenario.core.active() == 0


def test_chunked_body_beyond_the_limit_is_refused_on_the_way(build: "Build") -> None:
    scenario = build(chain={"limits": HttpLimits(body_bytes=100)})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + b"x" * 64 + b"\r\n")
    assert endpoint.connection().received()
    client.send(b"40\r\n" + b"x" * 64 + b"\r\n0\r\n\r\n")
    assert b"hauberk-reason: body_too_large" in client.received()
    assert scenario.log() == [(413, "body_too_large")]
    # Nothing may pass for the end of the body.
    assert not endpoint.connection().is_connected()


def test_refused_request_behind_a_good_one_waits_for_its_answer(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    client.send(b"nonsense\r\n\r\n")
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    assert answer.index(b"200 OK") < answer.index(b"400 Bad Request")
    assert scenario.log() == [(200, ""), (400, "bad_request")]


@pytest.mark.parametrize("rest", [b"nonsense\r\n", None])
def test_bad_rest_of_an_answered_request_ends_the_connection_behind_the_answer(scenario: "Scenario", rest: bytes | None) -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n")
    if rest is not None:
        client = scenario.browser()
        client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    scenario.run()
    endpoint.connection().send(scenario.ok)
    scenario.run()
    client.send(rest or b"")
    if rest is None:
        client.half_close()
    assert client.received().endswith(b"ok")
    assert client.saw_end()
    # It got its answer.
    assert scenario.log() == [(200, "")]


@pytest.mark.parametrize(
    ("route", "status", "reason"),
    [
        ({"matches": (Match(path=PathMatch(value="/elsewhere")),)}, 404, "no_route"),
        ({"backends": ()}, 500, "no_backend"),
        ({"backends": (WeightedCluster(cluster="nowhere"),)}, 500, "no_backend"),
    ],
)
def test_requests_that_lead_nowhere(build: "Build", route: dict[str, Any], status: int, reason: str) -> None:
    scenario = build(route=route)
    client = scenario.browser()
    for _ in range(2):
        scenario.get(client)
        answer = client.received()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert f"hauberk-reason: {reason}\r\n".encode() in answer
    client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
    head, _, body = client.received().partition(b"\r\n\r\n")
    assert b"content-length: " in head
    assert body == b""
    assert scenario.log() == [(status, reason)] * 3
    assert client.is_connected()


def test_cluster_without_endpoints(build: "Build") -> None:
    scenario = build(cluster={"endpoints": ()})
    client = scenario.browser()
    scenario.get(client)
    answer = client.received()
    assert b"hauberk-reason: no_endpoint" in answer
    assert b"retry-after: 1" in answer
    assert scenario.log() == [(503, "no_endpoint")]


@pytest.mark.parametrize("size", [1000, 100_000])
def test_body_of_a_refused_request_is_dropped_or_the_connection_ends(build: "Build", size: int) -> None:
    scenario = build(route={"backends": ()})
    client = scenario.browser()
    client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
    assert b"no_backend" in client.received()
    if size == 1000:
        scenario.get(client)
        assert b"no_backend" in client.received()
    else:
        assert client.saw_end()
        assert not client.saw_reset()


def test_redirect(build: "Build") -> None:
    scenario = build(
        route={
            "backends": (),
            "redirect": Redirect(scheme="https", host="b.test", path="/new", status=301),
            "response_headers": HeaderModifier(set=(("x-moved", "yes"),)),
        }
    )
    client = scenario.browser()
    scenario.get(client, "/old?page=1")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 301 Moved Permanently\r\n")
    assert b"location: https://b.test/new?page=1\r\n" in answer
    assert b"x-moved: yes\r\n" in answer
    record = scenario.record()
    assert (record.status, record.reason) == (301, None)
    assert client.is_connected()


def test_redirect_names_the_listeners_port(build: "Build") -> None:
    scenario = build(route={"backends": (), "redirect": Redirect(path="/new")})
    client = scenario.browser()
    scenario.get(client)
    assert b"location: http://a.test:8080/new\r\n" in client.received()


def test_rewrite_and_header_modifiers(build: "Build") -> None:
    scenario = build(
        route={
            "matches": (Match(path=PathMatch(value="/shop")),),
            "rewrite": Rewrite(host="inside.test", prefix="/v2"),
            "request_headers": HeaderModifier(remove=("x-drop",), set=(("x-set", "new"),), add=(("x-add", "more"),)),
            "response_headers": HeaderModifier(remove=("server",), add=(("x-from", "us"),)),
        }
    )
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/shop/books?x=1", "X-Drop: me", "X-Set: old", "X-Add: one")
    request = endpoint.connection().received().decode()
    assert request.startswith("GET /v2/books?x=1 HTTP/1.1\r\n")
    assert "Host: inside.test\r\n" in request
    assert "X-Drop" not in request
    assert "x-set: new\r\n" in request
    assert request.lower().count("x-add: ") == 2
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n")
    answer = client.received()
    assert b"Server" not in answer
    assert b"x-from: us\r\n" in answer
    record = scenario.record()
    # The log tells what the client asked for.
    assert (record.path, record.authority, record.route) == ("/shop/books?x=1", "a.test", "all")


def test_weights_are_kept(build: "Build") -> None:
    scenario = build(
        route={"backends": (WeightedCluster(cluster="books", weight=90), WeightedCluster(cluster="next", weight=10))}
    )
    clusters = scenario.snapshot.clusters | {"next": Cluster(endpoints=(Endpoint(address=scenario.other),))}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters=clusters))
    endpoints = [scenario.serve(), scenario.serve(scenario.other)]
    client = scenario.browser()
    asked = [0, 0]
    for _ in range(200):
        scenario.get(client)
        for number, endpoint in enumerate(endpoints):
            if endpoint.connections() and endpoint.connection().received():
                asked[number] += 1
                endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
    assert abs(asked[1] - 20) <= 2
    assert sum(asked) == 200


def test_hop_by_hop_fields_stay_behind(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client, "/", "Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5")
    request = endpoint.connection().received()
    assert b"X-Hop" not in request
    assert b"Keep-Alive" not in request
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nConnection: X-Back\r\nX-Back: 1\r\nContent-Length: 0\r\n\r\n")
    assert b"X-Back" not in client.received()


def test_a_redirect_names_the_port_that_clients_know(build: "Build") -> None:
    scenario = build(route={"backends": (), "redirect": Redirect(path="/there")})
    snapshot = scenario.snapshot
    client = scenario.browser()
    for public, location in ((0, "http://a.test:8080/there"), (80, "http://a.test/there"), (81, "http://a.test:81/there")):
        listener = msgspec.structs.replace(snapshot.listeners["web"], public_port=public)
        scenario.apply(msgspec.structs.replace(snapshot, listeners={"web": listener}))
        scenario.get(client)
        assert f"location: {location}\r\n".encode() in client.received()
