"""WebSockets of clients that speak HTTP/2 (RFC 8441), at endpoints that speak HTTP/1.1: an Upgrade, as every other."""

import base64
from typing import TYPE_CHECKING

import pytest
from h2_browser import Browser

from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.switch import accept_of
from hauberk_core.model import Match, PathMatch
from hauberk_core.sim.peer import ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

WHOLE = [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a.test"), (":path", "/chat"), (":protocol", "websocket")]
FIELDS = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"), ("origin", "https://a.test")]


@pytest.fixture(params=["strict", "h2"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy with either codec."""
    return build(chain={"http2_codec": request.param}, route={"matches": (Match(path=PathMatch(value="/chat"), method="GET"),)})


def asked(proxy: "Scenario", early: bytes = b"") -> tuple[Browser, int, ScriptedEndpoint, dict[str, str]]:
    """A client that has asked for a WebSocket, and what of it the endpoint got."""
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.talk()
    assert client.machine.takes_upgrades()
    stream = client.ask("GET", "/chat", FIELDS, early, upgrade="websocket")
    client.talk()
    lines = endpoint.connection().received().decode().split("\r\n")
    assert lines[0] == "GET /chat HTTP/1.1"
    assert lines[-2:] == ["", ""]
    got = dict([line.lower().partition(": ")[::2] for line in lines[1:-2]])
    key = next(line for line in lines if line.lower().startswith("sec-websocket-key: ")).partition(": ")[2]
    return client, stream, endpoint, got | {"sec-websocket-key": key}


def switch(key: str, more: str = "") -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_of(key)}\r\nSec-WebSocket-Protocol: chat\r\n{more}\r\n"
    ).encode()


def test_the_key_is_answered_as_the_standard_says() -> None:
    # RFC 6455 section 1.3.
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_endpoint_sees_an_upgrade_and_the_client_a_stream(proxy: "Scenario") -> None:
    client, stream, endpoint, got = asked(proxy, b"early")
    assert (got["upgrade"], got["connection"], got["sec-websocket-version"]) == ("websocket", "upgrade", "13")
    assert (got["sec-websocket-protocol"], got["origin"]) == ("chat", "https://a.test")
    assert len(base64.b64decode(got["sec-websocket-key"], validate=True)) == 16
    assert "transfer-encoding" not in got
    server = endpoint.connection()
    server.send(switch(got["sec-websocket-key"]) + b"banner")
    status, fields, body, ending = client.answer(stream)
    # What HTTP/2 says by 200 the machine of the client tells as HTTP/1.1 would.
    assert (status, body, ending) == (101, b"banner", "")
    assert fields["sec-websocket-protocol"] == "chat"
    assert not {"sec-websocket-accept", "upgrade", "connection", "content-length"} & set(fields)
    assert server.received() == b"early"
    client.machine.send_data(stream, b"ping")
    client.talk()
    assert server.received() == b"ping"
    server.send(b"last")
    server.half_close()
    assert client.answer(stream)[2:] == (b"bannerlast", "end")
    client.machine.send_end(stream, None)
    client.talk()
    assert server.saw_end()
    record = proxy.record()
    assert (record.method, record.status, record.protocol, record.reason) == ("GET", 101, "HTTP/2", None)
    assert proxy.upstream_connections() == 0


def test_several_on_one_connection(proxy: "Scenario") -> None:
    client, stream, endpoint, got = asked(proxy)
    endpoint.connection().send(switch(got["sec-websocket-key"]))
    other = client.ask("GET", "/chat", FIELDS, b"", upgrade="websocket")
    plain = client.ask("GET", "/chat/plain")
    first, second, third = endpoint.connections()
    key = second.received().decode().partition("sec-websocket-key: ")[2].partition("\r\n")[0]
    assert key != got["sec-websocket-key"]
    second.send(switch(key))
    third.send(proxy.ok)
    assert [client.answer(number)[0] for number in (stream, other, plain)] == [101, 101, 200]
    client.machine.send_data(other, b"other")
    client.machine.send_data(stream, b"one")
    client.talk()
    assert (first.received(), second.received()) == (b"one", b"other")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 502),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302),
        (switch("bm90IHRoaXMga2V5"), 502),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 502),
    ],
)
def test_an_endpoint_that_does_not_switch(proxy: "Scenario", answer: bytes, status: int) -> None:
    client, stream, endpoint, _ = asked(proxy, b"early")
    endpoint.connection().send(answer)
    found, _, _, ending = client.answer(stream)
    assert found == status
    assert ending in ("end", "reset 0")
    # Nothing of what was meant for the tunnel has gone anywhere.
    assert endpoint.connection().received() == b""
    assert [one for one, _ in proxy.log()] == [status]
    again = client.ask("GET", "/chat")
    endpoint.connection().send(proxy.ok)
    assert client.answer(again)[0] == 200


def test_a_refusal_that_waits_for_the_window_arrives_whole(proxy: "Scenario") -> None:
    client, stream, endpoint, _ = asked(proxy)
    client.reads = False
    body = bytes(STREAM_WINDOW + 10_000)
    endpoint.connection().send(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert len(client.answer(stream)[2]) == STREAM_WINDOW
    client.read_on()
    status, _, received, ending = client.answer(stream)
    assert (status, received, ending) == (403, body, "reset 0")
    assert proxy.log() == [(403, "")]


def test_a_stream_that_is_reset_ends_the_endpoints_connection(proxy: "Scenario") -> None:
    client, stream, endpoint, got = asked(proxy)
    endpoint.connection().send(switch(got["sec-websocket-key"]))
    assert client.answer(stream)[0] == 101
    client.machine.reset(stream, 8)
    client.talk()
    assert not endpoint.connection().is_connected()
    assert proxy.log() == [(101, "client_gone")]


def test_an_endpoint_that_breaks_off_resets_the_stream(proxy: "Scenario") -> None:
    client, stream, endpoint, got = asked(proxy)
    endpoint.connection().send(switch(got["sec-websocket-key"]))
    assert client.answer(stream)[0] == 101
    endpoint.connection().reset()
    # CANCEL (RFC 8441 section 5).
    assert client.answer(stream)[3] == "reset 8"
    assert proxy.log() == [(101, "upstream_reset")]


def test_a_draining_proxy_leaves_tunnels_alone(proxy: "Scenario") -> None:
    client, stream, endpoint, got = asked(proxy)
    endpoint.connection().send(switch(got["sec-websocket-key"]))
    assert client.answer(stream)[0] == 101
    proxy.core.drain()
    proxy.advance(20)
    client.machine.send_data(stream, b"still here")
    client.talk()
    assert endpoint.connection().received() == b"still here"
    proxy.advance(61)
    assert not endpoint.connection().is_connected()
    assert proxy.log() == [(101, "client_gone")]


@pytest.mark.parametrize("protocol", ["h2c", "HTTP/2.0", "h3", "two words"])
def test_other_protocols_of_http_are_not_passed_on(proxy: "Scenario", protocol: str) -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.talk()
    stream = client.ask("GET", "/chat", (), b"", upgrade=protocol)
    assert client.answer(stream)[0] == 501
    assert not endpoint.connections()
    proxy.log()


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/chat"), (":protocol", "websocket")],
        [(":method", "CONNECT"), (":authority", "a.test"), (":protocol", "websocket")],
        [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a.test"), (":protocol", "websocket")],
        [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a.test:1"), (":path", "/chat")],
        [
            *(
                (":method", "CONNECT"),
                (":scheme", "http"),
                (":authority", "a.test"),
                (":path", "/chat"),
                (":protocol", "websocket"),
            ),
            ("content-length", "5"),
        ],
    ],
)
def test_malformed_requests_are_refused(build: "Build", fields: list[tuple[str, str]]) -> None:
    from h2.config import H2Configuration
    from h2.connection import H2Connection

    scenario = build()
    endpoint = scenario.serve()
    config = H2Configuration(client_side=True, validate_outbound_headers=False, header_encoding=None)
    client = H2Connection(config)
    client.initiate_connection()
    client.send_headers(1, fields)
    peer = scenario.browser()
    peer.send(client.data_to_send())
    events = client.receive_data(peer.received())
    assert [event.error_code for event in events if hasattr(event, "error_code")] == [1]
    assert not endpoint.connections()
    scenario.log()
