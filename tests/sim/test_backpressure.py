"""What a slow side holds back: the other side, and no more memory than the marks allow."""

import sys
from typing import TYPE_CHECKING

import hpack
import pytest
from h2_wire import POST, frame, settings

from hauberk_core.http.h2.codes import DATA_FRAME, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_HEADERS, HEADERS_FRAME, PREFACE
from hauberk_core.net.connection import HIGH_MARK, READ_BULK_BYTES
from hauberk_core.sim.network import WINDOW_BYTES, Fate

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

BODY = bytes(range(256)) * 16_384
# What the network holds on either side of the proxy, and what the proxy itself may hold.
UNDER_WAY = 2 * WINDOW_BYTES + HIGH_MARK + READ_BULK_BYTES


def response(framing: str) -> bytes:
    if framing == "counted":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    if framing == "chunked":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\n\r\n" + BODY


@pytest.mark.parametrize("framing", ["counted", "chunked", "until close"])
def test_slow_client_holds_the_endpoint(any_proxy: "Scenario", framing: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
    server = endpoint.connection()
    client.pause()
    server.send(response(framing))
    if framing == "until close":
        server.half_close()
    assert len(BODY) - server.unsent() <= UNDER_WAY
    assert any_proxy.log() == []
    client.resume()
    assert client.received().partition(b"\r\n\r\n")[2] == BODY
    assert client.saw_end()
    assert any_proxy.log() == [(200, "")]


@pytest.mark.parametrize("framing", ["counted", "chunked"])
def test_slow_endpoint_holds_the_client(any_proxy: "Scenario", framing: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    if framing == "counted":
        client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    else:
        client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY))
    server = endpoint.connection()
    assert server.received()
    server.pause()
    client.send(BODY if framing == "counted" else BODY + b"\r\n0\r\n\r\n")
    assert len(BODY) - client.unsent() <= UNDER_WAY
    server.resume()
    assert client.unsent() == 0
    got = server.received()
    assert len(got) >= len(BODY)
    if framing == "counted":
        assert got == BODY
    server.send(any_proxy.ok)
    assert client.received().endswith(b"ok")
    assert any_proxy.record().bytes_received == len(BODY)


def test_body_that_comes_before_a_connection_is_held_within_bounds(any_proxy: "Scenario") -> None:
    any_proxy.network.doom(any_proxy.books, Fate.BLACK_HOLE)
    client = any_proxy.browser()
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert len(BODY) - client.unsent() <= WINDOW_BYTES + 2 * READ_BULK_BYTES
    endpoint = any_proxy.serve()
    any_proxy.advance(6)
    assert endpoint.connection().received().endswith(BODY)
    endpoint.connection().send(any_proxy.ok)
    assert client.received().endswith(b"ok")
    assert any_proxy.record().bytes_received == len(BODY)


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_octets_that_come_two_by_two_take_no_more_room_than_others(build: "Build", protocol: str) -> None:
    scenario = build(cluster={"protocol": protocol})
    if protocol == "http1":
        # They wait for a connection, or for the endpoint's windows.
        scenario.network.doom(scenario.books, Fate.BLACK_HOLE)
    else:
        scenario.serve()
    client = scenario.browser()
    client.send(PREFACE + settings() + frame(HEADERS_FRAME, END_HEADERS, 1, hpack.Encoder().encode(list(POST))))
    # As much as an endpoint's window takes to begin with.
    client.send(frame(DATA_FRAME, 0, 1, bytes(DEFAULT_FRAME_SIZE)) * (DEFAULT_WINDOW // DEFAULT_FRAME_SIZE + 1))
    scenario.run()
    before = sys.getallocatedblocks()
    for _ in range(8):
        client.send(frame(DATA_FRAME, 0, 1, b"ab") * 1024)
        scenario.run()
    assert sys.getallocatedblocks() - before < 1024, "of 8,192 frames"
    client.reset()
    scenario.advance(10)


def test_slow_client_that_goes_on_taking_is_not_cut_off(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    client.pause()
    body = BODY[:1_000_000]
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    for _ in range(200):
        scenario.advance(20)
        client.read(10_000)
        scenario.run()
    client.resume()
    assert client.received().endswith(body)
    assert scenario.log() == [(200, "")]


def test_slow_endpoint_that_goes_on_taking_is_not_cut_off(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    body = BODY[:1_000_000]
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % len(body))
    server = endpoint.connection()
    server.pause()
    client.send(body)
    for _ in range(80):
        scenario.advance(20)
        server.read(10_000)
        scenario.run()
    server.resume()
    assert server.received().endswith(body)
    server.send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert scenario.log() == [(200, "")]


def test_client_that_takes_nothing_is_cut_off(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    client.pause()
    endpoint.connection().send(response("counted"))
    scenario.advance(200)
    client.resume()
    assert client.saw_reset()
    assert scenario.log() == [(200, "client_gone")]
    assert scenario.upstream_connections() == 0
    assert scenario.core.active() == 0


def test_last_answer_to_a_client_that_takes_nothing_is_given_up(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", "Connection: close")
    client.pause()
    body = BODY[:300_000]
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    # As far as the endpoint is concerned it is done.
    assert scenario.log() == [(200, "")]
    assert scenario.upstream_connections() == 1
    scenario.advance(200)
    assert scenario.core.active() == 0
    client.resume()
    assert client.saw_reset()


def test_slow_client_gets_the_whole_of_an_early_answer(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000000\r\n\r\n")
    client.pause()
    body = BODY[:300_000]
    endpoint.connection().send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    for _ in range(60):
        scenario.advance(1)
        client.read(10_000)
        scenario.run()
    assert client.received().endswith(body)
