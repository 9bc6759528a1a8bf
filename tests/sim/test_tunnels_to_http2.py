"""Tunnels to endpoints that speak HTTP/2: an Upgrade of HTTP/1.1 is extended CONNECT there (RFC 8441), CONNECT is CONNECT."""

from typing import TYPE_CHECKING

import msgspec
import pytest
from h2_browser import Browser
from h2_wire import frame
from http2_endpoint import Http2Connection, Http2Endpoint

from hauberk_core.http.events import TUNNEL, Response
from hauberk_core.http.h2.codes import CANCEL, ENABLE_CONNECT_PROTOCOL, GOAWAY_FRAME, REFUSED_STREAM, SETTINGS_FRAME
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.switch import accept_of
from hauberk_core.http.headers import Headers
from hauberk_core.model import Endpoint, Match
from hauberk_core.sim.peer import Peer
from hauberk_core.upstream.connection import LAST_OCTETS_SECONDS

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    "GET /chat?room=1 HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()
BODY = bytes(range(256)) * 8192
# More than a stream's window, and little enough not to have the client wait.
LAST = STREAM_WINDOW + 50_000


@pytest.fixture(params=["strict", "h2", "seed 1"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy with either codec, and with transfers cut at random."""
    route = {"matches": (Match(), Match(method="CONNECT"))}
    if request.param == "seed 1":
        return build(cluster={"protocol": "http2"}, route=route, seed=1)
    return build(cluster={"protocol": "http2", "http2_codec": request.param}, route=route)


def accept(connection: Http2Connection, stream: int) -> None:
    """Begin the tunnel."""
    headers = Headers()
    headers.add("sec-websocket-protocol", "chat")
    response = Response(200, "", 20, headers)
    response.framing = TUNNEL
    connection.machine.send_response(stream, response)
    connection.talk()


def asked(proxy: "Scenario", early: bytes = b"") -> tuple[Peer, Http2Connection, int]:
    """A client of HTTP/1.1 that has asked for a WebSocket, and where the endpoint has heard of it."""
    endpoint = Http2Endpoint(proxy.serve())
    client = proxy.browser()
    client.send(REQUEST + early)
    connection = endpoint.connection()
    [(stream, request)] = connection.requests().items()
    # The endpoint's machine tells extended CONNECT as HTTP/1.1 would.
    assert (request.method, request.upgrade, request.path, request.query) == ("GET", "websocket", "/chat", "?room=1")
    assert request.headers.get("sec-websocket-version") == "13"
    assert not {"sec-websocket-key", "connection", "upgrade"} & set(request.headers.names)
    assert connection.body(stream) == (b"", "")
    return client, connection, stream


def test_an_upgrade_is_an_extended_connect(proxy: "Scenario") -> None:
    client, connection, stream = asked(proxy, b"early")
    accept(connection, stream)
    head, _, rest = client.received().partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith("http/1.1 101 ")
    assert {"connection: upgrade", "upgrade: websocket", "sec-websocket-protocol: chat"} <= set(lines)
    assert f"Sec-WebSocket-Accept: {accept_of(KEY)}".lower() in lines
    assert rest == b""
    assert connection.body(stream) == (b"early", "")
    client.send(b"ping")
    connection.machine.send_data(stream, b"pong")
    assert connection.body(stream) == (b"earlyping", "")
    assert client.received() == b"pong"
    client.half_close()
    assert connection.body(stream) == (b"earlyping", "end")
    connection.machine.send_data(stream, b"last")
    connection.end(stream)
    assert client.received() == b"last"
    assert client.saw_end()
    assert proxy.log() == [(101, "")]
    # The other streams of the connection go on.
    other = proxy.browser()
    proxy.get(other)
    connection.talk()
    connection.answer(max(connection.requests()))
    assert other.received().endswith(b"\r\nok\r\n0\r\n\r\n")


def test_both_sides_speak_http_2(proxy: "Scenario") -> None:
    endpoint = Http2Endpoint(proxy.serve())
    client = Browser(proxy.browser())
    client.talk()
    mine = client.ask("GET", "/chat", [("sec-websocket-version", "13")], b"early", upgrade="websocket")
    connection = endpoint.connection()
    [(stream, request)] = connection.requests().items()
    assert "sec-websocket-key" not in request.headers.names
    accept(connection, stream)
    status, fields, _, ending = client.answer(mine)
    assert (status, ending) == (101, "")
    assert "sec-websocket-accept" not in fields
    assert connection.body(stream) == (b"early", "")
    client.machine.send_end(mine, None)
    client.talk()
    assert connection.body(stream) == (b"early", "end")
    connection.end(stream)
    assert client.answer(mine)[3] == "end"
    proxy.log()


def test_a_refusal_is_passed_on(proxy: "Scenario") -> None:
    client, connection, stream = asked(proxy)
    connection.head(stream, 403)
    connection.machine.send_data(stream, b"no")
    connection.end(stream)
    assert client.received().startswith(b"HTTP/1.1 403 ")
    assert connection.body(stream) == (b"", f"reset {CANCEL}")
    proxy.log()


@pytest.mark.parametrize("client_breaks", [True, False])
def test_a_broken_side_breaks_the_other(proxy: "Scenario", client_breaks: bool) -> None:
    client, connection, stream = asked(proxy)
    accept(connection, stream)
    assert client.received()
    if client_breaks:
        client.reset()
        assert connection.body(stream)[1] == f"reset {CANCEL}"
    else:
        connection.machine.reset(stream, CANCEL)
        connection.talk()
        assert client.saw_reset()
    assert proxy.log() == [(101, "client_gone" if client_breaks else "upstream_reset")]


def test_a_reset_behind_the_end_breaks_the_client_too(proxy: "Scenario") -> None:
    client, connection, stream = asked(proxy)
    accept(connection, stream)
    assert client.received()
    connection.end(stream)
    assert client.saw_end()
    connection.machine.reset(stream, CANCEL)
    connection.talk()
    assert not client.is_connected()
    proxy.log()


@pytest.mark.parametrize("word", ["goodbye", "refused"])
def test_an_endpoint_that_takes_its_word_back_gets_no_second_request(proxy: "Scenario", word: str) -> None:
    client, connection, stream = asked(proxy)
    accept(connection, stream)
    assert client.received().startswith(b"HTTP/1.1 101 ")
    if word == "goodbye":
        connection.peer.send(frame(GOAWAY_FRAME, 0, 0, bytes(8)))
    else:
        connection.machine.reset(stream, REFUSED_STREAM)
        connection.talk()
    assert client.saw_reset()
    assert client.received() == b""
    assert proxy.log() == [(101, "upstream_reset")]
    assert list(connection.requests()) == [stream]


def test_a_slow_reader_holds_the_sender(proxy: "Scenario") -> None:
    client, connection, stream = asked(proxy)
    accept(connection, stream)
    assert client.received()
    connection.reads = False
    client.send(BODY)
    connection.talk()
    assert client.unsent() >= len(BODY) - (2 * 64 + 512 + 256 + 256) * 1024
    client.pause()
    connection.machine.send_data(stream, BODY)
    connection.talk()
    assert connection.machine.pending(stream) > 0
    client.resume()
    got = b""
    while len(got) < len(BODY):
        connection.talk()
        piece = client.received()
        assert piece
        got += piece
    assert got == BODY


def test_connect_is_connect(proxy: "Scenario") -> None:
    endpoint = Http2Endpoint(proxy.serve())
    client = proxy.browser()
    client.send(b"CONNECT db.test:5432 HTTP/1.1\r\nHost: db.test:5432\r\n\r\nearly")
    connection = endpoint.connection()
    [(stream, request)] = connection.requests().items()
    assert (request.method, request.authority, request.path, request.upgrade) == ("CONNECT", "db.test:5432", "", "")
    assert connection.body(stream) == (b"", "")
    accept(connection, stream)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    assert connection.body(stream) == (b"early", "")
    connection.end(stream)
    assert client.saw_end()
    client.half_close()
    assert connection.body(stream) == (b"early", "end")
    assert proxy.log() == [(200, "")]


def test_an_endpoint_that_takes_none_is_told_of(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(REQUEST)
    server = endpoint.connection()
    before = server.received()
    assert b"websocket" not in before
    # Nothing is sent before the endpoint has said what it takes.
    assert client.received() == b""
    server.send(frame(SETTINGS_FRAME, 0, 0, b""))
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert b"SETTINGS_ENABLE_CONNECT_PROTOCOL" in answer
    assert b"websocket" not in server.received()
    assert proxy.log() == [(501, "not_implemented")]
    proxy.get(client)
    assert server.received()
    client.close()
    proxy.run()
    proxy.log()


def test_an_endpoint_that_takes_fewer_upgrades_than_wait_for_its_word(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    clients = [proxy.browser() for _ in range(2)]
    for client in clients:
        client.send(REQUEST)
    first = endpoint.connection()
    assert first.received()
    first.send(frame(SETTINGS_FRAME, 0, 0, ENABLE_CONNECT_PROTOCOL.to_bytes(2, "big") + b"\0\0\0\1" + b"\0\3\0\0\0\1"))
    assert first.is_connected(), "one upgrade goes on"
    assert len(endpoint.connections()) == 2, "the other has a connection of its own"
    assert [client.received() for client in clients] == [b"", b""]
    for client in clients:
        client.close()
    proxy.run()
    proxy.log()


def test_a_connection_that_ends_before_it_has_said_so_has_seen_nothing(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(REQUEST)
    assert endpoint.connection().received()
    endpoint.connection().reset()
    assert client.received() == b""
    assert len(endpoint.connections()) == 2
    connection = Http2Connection(endpoint.connection())
    [stream] = connection.requests()
    accept(connection, stream)
    assert client.received().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("upgrade", [b"websocket, other", b"IRC/6.9", b"\xff"])
def test_an_upgrade_that_http2_cannot_ask_for_reaches_no_endpoint(proxy: "Scenario", upgrade: bytes) -> None:
    endpoint = Http2Endpoint(proxy.serve())
    client = proxy.browser()
    client.send(REQUEST.replace(b"Upgrade: websocket", b"Upgrade: " + upgrade))
    proxy.run()
    connection = endpoint.connection()
    connection.talk()
    assert not any(connection.events.get(stream) for stream in connection.events if stream)
    assert client.received().startswith(b"HTTP/1.1 501 ")


def retire_endpoint(proxy: "Scenario") -> None:
    """Have the cluster's endpoint replaced by another."""
    cluster = msgspec.structs.replace(proxy.snapshot.clusters["books"], endpoints=(Endpoint(address=proxy.other),))
    proxy.apply(msgspec.structs.replace(proxy.snapshot, clusters={"books": cluster}))


def over_but_for_the_last_octets(proxy: "Scenario") -> Http2Connection:
    """A tunnel that both sides have ended, while the endpoint's window holds the client's last octets up."""
    client, connection, stream = asked(proxy)
    accept(connection, stream)
    assert client.received()
    retire_endpoint(proxy)
    connection.reads = False
    client.send(BODY[:LAST])
    client.half_close()
    connection.end(stream)
    assert client.saw_end()
    assert len(connection.body(stream)[0]) == STREAM_WINDOW
    return connection


def test_the_last_octets_of_a_tunnel_outlast_the_use_of_their_connection(proxy: "Scenario") -> None:
    connection = over_but_for_the_last_octets(proxy)
    assert proxy.log() == [(101, "")]
    assert proxy.upstream_connections() == 1
    proxy.advance(LAST_OCTETS_SECONDS - 1)
    connection.reads = True
    connection.machine.consume(1, STREAM_WINDOW)
    assert connection.body(1) == (BODY[:LAST], "end")
    assert proxy.upstream_connections() == 0
    assert connection.peer.saw_end()


def test_an_endpoint_that_does_not_take_the_last_octets_is_not_waited_for_for_ever(proxy: "Scenario") -> None:
    connection = over_but_for_the_last_octets(proxy)
    proxy.advance(LAST_OCTETS_SECONDS + 5)
    assert connection.body(1)[1] == f"reset {CANCEL}"
    assert proxy.upstream_connections() == 0
    proxy.log()


def test_an_endpoint_that_breaks_takes_the_last_octets_with_it(proxy: "Scenario") -> None:
    connection = over_but_for_the_last_octets(proxy)
    connection.peer.reset()
    proxy.run()
    assert proxy.upstream_connections() == 0
    assert proxy.log() == [(101, "")]
