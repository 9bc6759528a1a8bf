"""Upgrade: a request like any other until the endpoint switches, and a tunnel from then on."""

from typing import TYPE_CHECKING

import pytest

from hauberk_core.model import Duration
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

REQUEST = b"GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def switched(scenario: "Scenario") -> tuple[Peer, ScriptedEndpoint]:
    """A client and an endpoint with a tunnel between them."""
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(REQUEST)
    assert endpoint.connection().received()
    endpoint.connection().send(SWITCH)
    assert client.received().startswith(b"HTTP/1.1 101 ")
    return client, endpoint


def test_octets_pass_both_ways(any_proxy: "Scenario") -> None:
    client, endpoint = switched(any_proxy)
    client.send(b"\x00hello")
    assert endpoint.connection().received() == b"\x00hello"
    endpoint.connection().send(b"\xffworld")
    assert client.received() == b"\xffworld"
    assert any_proxy.log() == []
    client.close()
    assert endpoint.connection().saw_end()
    endpoint.connection().close()
    record = any_proxy.record()
    assert (record.status, record.reason, record.bytes_received, record.bytes_sent) == (101, None, 6, 6)
    assert any_proxy.upstream_connections() == 0
    assert any_proxy.core.active() == 0


def test_nothing_reaches_the_endpoint_before_it_switches(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(REQUEST + b"early octets")
    request = endpoint.connection().received()
    assert request.endswith(b"\r\n\r\n")
    assert b"Upgrade: websocket" in request
    endpoint.connection().send(SWITCH + b"early answer")
    assert client.received().endswith(b"\r\n\r\nearly answer")
    assert endpoint.connection().received() == b"early octets"


def test_refused_switch_leaves_a_usable_connection(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(REQUEST)
    assert endpoint.connection().received()
    endpoint.connection().send(any_proxy.ok)
    assert client.received().startswith(b"HTTP/1.1 200 OK")
    assert any_proxy.exchange(client, endpoint).endswith(b"ok")
    assert len(endpoint.connections()) == 1


def test_unasked_switch_is_an_endpoints_mistake(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(SWITCH)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"hauberk-reason: upstream_protocol" in answer
    assert any_proxy.log() == [(502, "upstream_protocol")]
    assert any_proxy.upstream_connections() == 0


@pytest.mark.parametrize("client_first", [True, False])
def test_each_side_may_end_alone(any_proxy: "Scenario", client_first: bool) -> None:
    client, endpoint = switched(any_proxy)
    server = endpoint.connection()
    first, second = (client, server) if client_first else (server, client)
    first.send(b"last words")
    first.half_close()
    assert second.received() == b"last words"
    assert second.saw_end()
    for number in range(3):
        second.send(b"%d" % number)
        assert first.received() == b"%d" % number
    assert any_proxy.log() == []
    second.half_close()
    assert first.saw_end()
    assert any_proxy.log() == [(101, "")]
    assert any_proxy.upstream_connections() == 0
    assert any_proxy.core.active() == 0


@pytest.mark.parametrize("client_first", [True, False])
def test_last_octets_to_a_slow_reader_are_not_lost(any_proxy: "Scenario", client_first: bool) -> None:
    client, endpoint = switched(any_proxy)
    server = endpoint.connection()
    sender, reader = (client, server) if client_first else (server, client)
    reader.pause()
    body = bytes(range(256)) * 1500
    sender.send(body)
    sender.half_close()
    # The reader's own end comes before it has read the other's octets.
    reader.half_close()
    any_proxy.run()
    reader.resume()
    assert reader.received() == body
    assert reader.saw_end()
    assert any_proxy.log() == [(101, "")]
    assert any_proxy.upstream_connections() == 0


def test_slow_reader_holds_the_sender(any_proxy: "Scenario") -> None:
    client, endpoint = switched(any_proxy)
    body = bytes(range(256)) * 16_384
    for sender, reader in ((endpoint.connection(), client), (client, endpoint.connection())):
        reader.pause()
        sender.send(body)
        # Two windows, a high mark and a bulk read are the most that is under way.
        assert len(body) - sender.unsent() <= (2 * 64 + 512 + 256) * 1024
        reader.resume()
        assert reader.received() == body


def test_tunnel_that_stands_still_is_closed(any_proxy: "Scenario") -> None:
    client, endpoint = switched(any_proxy)
    any_proxy.advance(50)
    client.send(b"ping")
    any_proxy.advance(50)
    endpoint.connection().send(b"pong")
    any_proxy.advance(50)
    assert client.is_connected()
    any_proxy.advance(11)
    assert not client.is_connected()
    assert not endpoint.connection().is_connected()
    assert any_proxy.log() == [(101, "client_gone")]


def test_route_timeouts_end_with_the_switch(build: "Build") -> None:
    scenario = build(route={"timeout": Duration(5.0), "backend_timeout": Duration(3.0)})
    client, endpoint = switched(scenario)
    scenario.advance(20)
    client.send(b"still here")
    assert endpoint.connection().received() == b"still here"


@pytest.mark.parametrize("client_breaks", [True, False])
def test_broken_side_breaks_the_other(any_proxy: "Scenario", client_breaks: bool) -> None:
    client, endpoint = switched(any_proxy)
    server = endpoint.connection()
    (client if client_breaks else server).reset()
    assert not (server if client_breaks else client).is_connected()
    assert any_proxy.log() == [(101, "client_gone" if client_breaks else "upstream_reset")]
    assert any_proxy.core.active() == 0
    assert any_proxy.upstream_connections() == 0


@pytest.mark.parametrize("protocol", [b"h2c", b"h3", b"TLS/1.0", b"websocket, HTTP/2.0"])
def test_what_would_carry_requests_past_the_rules_is_not_switched_to(scenario: "Scenario", protocol: bytes) -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(REQUEST.replace(b"websocket", protocol))
    assert b"upgrade" not in endpoint.connection().received().lower()
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
