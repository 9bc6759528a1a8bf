"""Pages in browsers call services of gRPC."""

import base64
from typing import TYPE_CHECKING

import pytest
from h2_browser import Browser
from plugin_fixtures import host, use

import hauberk_grpcweb.plugin
from hauberk_core.model import Reason

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

MESSAGE = b"\0\0\0\0\3abc"
ANSWER = b"\0\0\0\0\2ok"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
FINE = HEAD + b"7\r\n" + ANSWER + b"\r\n0\r\ngrpc-status: 0\r\ngrpc-message: well\r\n\r\n"
TRAILERS = b"\x80\0\0\0\x22grpc-status:0\r\ngrpc-message:well\r\n"


@pytest.fixture
def proxy(build: "Build") -> "Scenario":
    return build(chain={"plugins": (use("grpcweb"),)}, plugins=host({"grpcweb": hauberk_grpcweb.plugin}))


def post(content_type: str, body: bytes, *fields: str) -> bytes:
    lines = ["POST /books.Reviews/Get HTTP/1.1", "Host: a.test", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


def unchunked(body: bytes) -> bytes:
    data = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        data += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return data


@pytest.mark.parametrize(
    ("content_type", "accept", "expected"),
    [
        ("application/grpc-web+proto", "", "application/grpc-web+proto"),
        ("application/grpc-web", "", "application/grpc-web+proto"),
        ("application/grpc-web-text", "", "application/grpc-web-text+proto"),
        ("application/grpc-web-text+proto", "application/grpc-web+proto", "application/grpc-web+proto"),
        ("application/grpc-web+proto", "application/grpc-web-text", "application/grpc-web-text+proto"),
    ],
)
def test_a_call_goes_on_as_grpc_and_its_answer_comes_back(
    proxy: "Scenario", content_type: str, accept: str, expected: str
) -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    body = base64.b64encode(MESSAGE) if "text" in content_type else MESSAGE
    client.send(post(content_type, body, *([f"Accept: {accept}"] if accept else [])))
    asked, _, sent = endpoint.connection().received().partition(b"\r\n\r\n")
    assert b"content-type: application/grpc" + (b"+proto" if "+" in content_type else b"") + b"\r\n" in asked
    assert b"te: trailers" in asked
    assert unchunked(sent) == MESSAGE
    endpoint.connection().send(FINE)
    head, _, answer = client.received().partition(b"\r\n\r\n")
    assert f"Content-Type: {expected}".lower() in head.decode().lower()
    data = unchunked(answer)
    if "text" in expected:
        parts = data.split(b"=")
        data = b"".join([base64.b64decode(part + b"=" * (-len(part) % 4)) for part in parts])
    assert data == ANSWER + TRAILERS
    record = proxy.record()
    assert (record.grpc_type, record.grpc_status, record.protocol) == (expected, 0, "HTTP/1.1")


def test_over_http_2_too_and_no_trailers_are_left(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask("POST", "/books.Reviews/Get", [("content-type", "application/grpc-web+proto")], MESSAGE)
    client.machine.send_end(stream, None)
    client.talk()
    endpoint.connection().received()
    endpoint.connection().send(FINE)
    status, fields, body, ending = client.answer(stream)
    assert (status, body, ending) == (200, ANSWER + TRAILERS, "end")
    assert "grpc-status" not in fields


def test_an_answer_that_is_only_a_status_stays_a_head(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(post("application/grpc-web", MESSAGE))
    endpoint.connection().received()
    endpoint.connection().send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 7\r\nContent-Length: 0\r\n\r\n"
    )
    head = client.received()
    assert b"grpc-status: 7\r\n" in head
    assert b"application/grpc-web+proto" in head
    assert proxy.record().grpc_status == 7


def test_the_proxys_own_answer_is_one_that_a_page_reads(proxy: "Scenario") -> None:
    client = proxy.browser()
    client.send(post("application/grpc-web-text", base64.b64encode(MESSAGE)))
    head = client.received()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: application/grpc-web-text+proto\r\n" in head
    assert b"grpc-status: 14\r\n" in head


@pytest.mark.parametrize("content_type", ["application/grpc", "application/json", "application/grpc-webx"])
def test_everything_else_passes_as_it_is(proxy: "Scenario", content_type: str) -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(post(content_type, MESSAGE))
    head, _, sent = endpoint.connection().received().partition(b"\r\n\r\n")
    assert f"Content-Type: {content_type}\r\n".encode() in head + b"\r\n"
    assert unchunked(sent) == MESSAGE
    endpoint.connection().send(proxy.ok)
    assert client.received().endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")


@pytest.mark.parametrize("body", [b"!!!!", b"AAAA=", b"AAA"])
def test_what_is_no_base64_reaches_no_endpoint_as_a_message_and_is_the_clients_fault(proxy: "Scenario", body: bytes) -> None:
    endpoint = proxy.serve()
    client = proxy.browser()
    client.send(post("application/grpc-web-text", body))
    head = client.received().partition(b"\r\n\r\n")[0]
    assert b"grpc-status: 13" in head
    assert b"no base64" in head
    assert proxy.record().reason is Reason.BAD_REQUEST
    assert all(b"\r\n\r\n" not in connection.received().removesuffix(b"\r\n\r\n") for connection in endpoint.connections())
