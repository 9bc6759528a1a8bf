"""Wishes of filters where the endpoint speaks HTTP/2, and where a connection changes its protocol."""

from typing import TYPE_CHECKING, Any

import pytest
from http2_endpoint import Http2Endpoint
from plugin_fixtures import filters_host, use

from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.model import Match
from hauberk_core.plugin.data import Exchange, Pause, SyncFilter, Whole, Wish

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

LARGE = bytes(range(256)) * 4096
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Wanting(SyncFilter):
    def __init__(self, wish: Wish) -> None:
        self._wish = wish

    def request(self, exchange: Exchange) -> Wish:
        return self._wish

    def response(self, exchange: Exchange) -> Wish:
        return self._wish


def wanting(build: "Build", wish: Wish, cluster: dict[str, Any] | None = None) -> "Scenario":
    route = {"plugins": (use("it"),), "matches": (Match(), Match(method="CONNECT"))}
    return build(route=route, cluster=cluster, plugins=filters_host(it=lambda config: Wanting(wish)))


@pytest.mark.parametrize("codec", ["strict", "h2"])
def test_whole_bodies_to_and_from_an_endpoint_of_http2(build: "Build", codec: str) -> None:
    assert len(LARGE) > 2 * STREAM_WINDOW
    scenario = wanting(build, Whole(len(LARGE)), {"protocol": "http2", "http2_codec": codec})
    endpoint = Http2Endpoint(scenario.serve())
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"%x\r\n" % len(LARGE) + LARGE + b"\r\n")
    scenario.run()
    assert endpoint.connections() == []
    client.send(b"0\r\n\r\n")
    scenario.run()
    connection = endpoint.connection()
    [(stream, request)] = connection.requests().items()
    assert request.headers.get("content-length") == str(len(LARGE))
    assert connection.body(stream) == (LARGE, "end")
    connection.head(stream)
    connection.machine.send_data(stream, LARGE)
    connection.talk()
    assert client.received() == b""
    connection.end(stream)
    answer = client.received()
    assert b"ontent-Length: %d\r\n" % len(LARGE) in answer
    assert answer.endswith(LARGE)
    assert scenario.core.room.octets == 0


@pytest.mark.parametrize("wish", [Whole(4), Pause(0.5)], ids=["whole", "pause"])
def test_a_websocket_is_opened_and_is_no_body(build: "Build", wish: Wish) -> None:
    scenario = wanting(build, wish)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(WEBSOCKET)
    scenario.advance(1)
    endpoint.connection().send(SWITCHED)
    scenario.advance(1)
    assert client.received().startswith(b"HTTP/1.1 101 ")
    endpoint.connection().received()
    client.send(b"a frame that is longer")
    assert endpoint.connection().received() == b"a frame that is longer"
    endpoint.connection().send(b"another one, longer still")
    assert client.received() == b"another one, longer still"
    assert scenario.core.room.octets == 0


@pytest.mark.parametrize("wish", [Whole(4), Pause(0.5)], ids=["whole", "pause"])
def test_a_tunnel_is_opened_and_is_no_body(build: "Build", wish: Wish) -> None:
    scenario = wanting(build, wish)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"CONNECT a.test:5432 HTTP/1.1\r\nHost: a.test:5432\r\n\r\n")
    scenario.advance(1)
    assert endpoint.connection().received().startswith(b"CONNECT ")
    endpoint.connection().send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    scenario.advance(1)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    client.send(b"octets of a tunnel")
    assert endpoint.connection().received() == b"octets of a tunnel"
    endpoint.connection().send(b"and back")
    assert client.received() == b"and back"
    assert scenario.core.room.octets == 0
