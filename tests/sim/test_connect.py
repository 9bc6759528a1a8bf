"""CONNECT: a tunnel where a route names the method, and nowhere else."""

from typing import TYPE_CHECKING

import pytest
from h2_browser import Browser

from hauberk_core.model import Duration, Match, Redirect, Rewrite
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

CONNECT = b"CONNECT db.test:5432 HTTP/1.1\r\nHost: db.test:5432\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
TUNNELS = {"matches": (Match(method="CONNECT"),)}
BODY = bytes(range(256)) * 8192


@pytest.fixture(params=["strict to strict", "h11 to strict", "strict to h11", "seed 1", "seed 2"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy whose one route is for CONNECT, with either codec on either side, and with transfers cut at random."""
    kind: str = request.param
    if kind.startswith("seed"):
        return build(route=TUNNELS, seed=int(kind[5:]))
    client_side, endpoint_side = kind.split(" to ")
    return build(route=TUNNELS, chain={"codec": client_side}, cluster={"codec": endpoint_side})


@pytest.fixture(params=["strict", "h2"])
def proxy2(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    return build(route=TUNNELS, chain={"http2_codec": request.param})


def opened(scenario: "Scenario") -> tuple[Peer, ScriptedEndpoint]:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CONNECT)
    assert endpoint.connection().received()
    endpoint.connection().send(ESTABLISHED)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    return client, endpoint


def test_octets_pass_both_ways(proxy: "Scenario") -> None:
    client, endpoint = opened(proxy)
    server = endpoint.connection()
    client.send(b"\x00hello")
    assert server.received() == b"\x00hello"
    server.send(b"GET / HTTP/1.1\r\n\r\n")
    assert client.received() == b"GET / HTTP/1.1\r\n\r\n"
    client.half_close()
    assert server.saw_end()
    server.send(b"last")
    server.half_close()
    assert client.received() == b"last"
    assert client.saw_end()
    record = proxy.record()
    assert (record.method, record.authority, record.status, record.reason) == ("CONNECT", "db.test:5432", 200, None)
    assert (record.bytes_received, record.bytes_sent) == (6, 22)
    assert proxy.upstream_connections() == 0


def test_nothing_reaches_the_endpoint_before_it_agrees(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(CONNECT + b"early")
    asked = endpoint.connection().received()
    assert asked.startswith(b"CONNECT db.test:5432 HTTP/1.1\r\n")
    assert asked.endswith(b"\r\n\r\n")
    assert b"ransfer-" not in asked
    endpoint.connection().send(ESTABLISHED + b"banner")
    assert client.received().endswith(b"\r\n\r\nbanner")
    assert endpoint.connection().received() == b"early"


def test_what_was_sent_too_early_never_passes_for_a_request(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(CONNECT + b"GET /smuggled HTTP/1.1\r\nHost: db.test\r\n\r\n")
    assert endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert client.saw_end()
    assert proxy.log() == [(403, "")]
    # The endpoint's connection carried a request like any other.
    assert len(endpoint.connections()) == 1
    assert endpoint.connection().received() == b""


@pytest.mark.parametrize(
    "target", [b"/", b"db.test", b"db.test:", b":5432", b"db.test:99999", b"http://db.test:1/", b"u@db.test:1", b"*"]
)
def test_a_target_is_host_and_port(build: "Build", target: bytes) -> None:
    scenario = build(route=TUNNELS)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"CONNECT " + target + b" HTTP/1.1\r\nHost: db.test\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 400 ")
    assert not endpoint.connections()
    scenario.log()


def test_only_where_a_route_says_so(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CONNECT)
    assert client.received().startswith(b"HTTP/1.1 501 ")
    assert client.saw_end()
    assert not endpoint.connections()
    assert scenario.log() == [(501, "not_implemented")]


def test_a_rewrite_leaves_the_target(build: "Build") -> None:
    scenario = build(route=TUNNELS | {"rewrite": Rewrite(host="other.test")})
    endpoint = scenario.serve()
    scenario.browser().send(CONNECT)
    assert endpoint.connection().received().startswith(b"CONNECT db.test:5432 HTTP/1.1\r\n")


def test_a_redirect_is_no_tunnel(build: "Build") -> None:
    scenario = build(route=TUNNELS | {"backends": (), "redirect": Redirect(host="b.test")})
    client = scenario.browser()
    client.send(CONNECT)
    assert client.received().startswith(b"HTTP/1.1 302 ")
    assert client.saw_end()
    scenario.log()


def test_a_tunnel_lives_until_the_drains_deadline(build: "Build") -> None:
    scenario = build(route=TUNNELS | {"timeout": Duration(5.0)})
    client, endpoint = opened(scenario)
    scenario.advance(20)
    scenario.core.drain()
    scenario.advance(20)
    client.send(b"still here")
    assert endpoint.connection().received() == b"still here"
    scenario.advance(61)
    assert not client.is_connected()
    assert scenario.log() == [(200, "client_gone")]


# Over HTTP/2.


def connected(scenario: "Scenario", early: bytes | None = b"") -> tuple[Browser, int, ScriptedEndpoint]:
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    stream = client.ask("CONNECT", "", authority="db.test:5432", body=early)
    client.talk()
    return client, stream, endpoint


def test_a_stream_becomes_a_tunnel(proxy2: "Scenario") -> None:
    client, stream, endpoint = connected(proxy2, b"early")
    server = endpoint.connection()
    asked = server.received()
    assert asked.startswith(b"CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n")
    assert asked.endswith(b"\r\n\r\n")
    assert b"ransfer-" not in asked
    server.send(ESTABLISHED + b"banner")
    assert client.answer(stream)[::2] == (200, b"banner")
    assert server.received() == b"early"
    client.machine.send_data(stream, b"more")
    client.talk()
    assert server.received() == b"more"
    client.machine.send_end(stream, None)
    client.talk()
    assert server.saw_end()
    server.send(b"last")
    server.half_close()
    assert client.answer(stream)[2:] == (b"bannerlast", "end")
    record = proxy2.record()
    assert (record.method, record.status, record.bytes_received, record.bytes_sent) == ("CONNECT", 200, 9, 10)
    assert proxy2.upstream_connections() == 0


@pytest.mark.parametrize("ends", [False, True])
def test_a_refusal_ends_the_stream_alone(proxy2: "Scenario", ends: bool) -> None:
    client, stream, endpoint = connected(proxy2, b"early")
    assert endpoint.connection().received()
    if ends:
        client.machine.send_end(stream, None)
        client.talk()
    endpoint.connection().send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    status, _, body, ending = client.answer(stream)
    assert (status, body) == (403, b"no")
    assert ending in ("end", "reset 0")
    assert proxy2.log() == [(403, "")]
    assert endpoint.connection().received() == b""
    again = client.ask("CONNECT", "", authority="db.test:5432", body=b"")
    endpoint.connection().send(ESTABLISHED)
    assert client.answer(again)[0] == 200


@pytest.mark.parametrize("client_breaks", [True, False])
def test_a_broken_side_breaks_the_other(proxy2: "Scenario", client_breaks: bool) -> None:
    client, stream, endpoint = connected(proxy2)
    endpoint.connection().send(ESTABLISHED)
    assert client.answer(stream)[0] == 200
    if client_breaks:
        client.machine.reset(stream, 8)
        client.talk()
        assert not endpoint.connection().is_connected()
    else:
        endpoint.connection().reset()
        # CONNECT_ERROR.
        assert client.answer(stream)[3] == "reset 10"
    assert proxy2.log() == [(200, "client_gone" if client_breaks else "upstream_reset")]
    assert proxy2.core.exchanges() == 0


def test_a_slow_reader_holds_the_sender(proxy2: "Scenario") -> None:
    client, stream, endpoint = connected(proxy2)
    server = endpoint.connection()
    server.send(ESTABLISHED)
    assert client.answer(stream)[0] == 200
    server.received()
    server.pause()
    client.machine.send_data(stream, BODY)
    client.talk()
    # Two windows, a high mark and a bulk read are the most that is under way.
    assert client.machine.pending(stream) >= len(BODY) - (2 * 64 + 512 + 256) * 1024
    server.resume()
    got = b""
    while len(got) < len(BODY):
        client.talk()
        piece = server.received()
        assert piece
        got += piece
    assert got == BODY
    client.reads = False
    server.send(BODY)
    client.talk()
    assert server.unsent() > 0
    held = [event for event in client.events[stream] if hasattr(event, "data")]
    client.reads = True
    client.machine.consume(stream, sum([len(event.data) for event in held]))
    client.talk()
    assert client.answer(stream)[2] == BODY


def test_a_tunnel_that_stands_still_is_closed(proxy2: "Scenario") -> None:
    client, stream, endpoint = connected(proxy2)
    endpoint.connection().send(ESTABLISHED)
    assert client.answer(stream)[0] == 200
    proxy2.advance(61)
    assert client.answer(stream)[3] == "reset 10"
    assert not endpoint.connection().is_connected()
    assert proxy2.log() == [(200, "client_gone")]
