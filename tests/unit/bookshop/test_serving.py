from __future__ import annotations

from typing import TYPE_CHECKING

import h11
import pytest
import trio

from hauberk_bookshop.serving import BODY_LIMIT, HEAD_LIMIT
from hauberk_bookshop.web import Request, Response

if TYPE_CHECKING:
    from tests.unit.bookshop.conftest import ServeHandler


async def _echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path}".encode(), "text/plain")


async def _talk(port: int, data: bytes) -> bytes:
    """Send `data` and read until the server closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(data)
        return b"".join([chunk async for chunk in stream])


def _bodies(data: bytes, methods: list[str]) -> list[tuple[int, bytes]]:
    """Status and body of each response in `data`."""
    client = h11.Connection(h11.CLIENT)
    client.receive_data(data)
    found: list[tuple[int, bytes]] = []
    for method in methods:
        client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        status, body = 0, b""
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                assert isinstance(event, h11.EndOfMessage)
                break
        found.append((status, body))
        if client.our_state is h11.DONE and client.their_state is h11.DONE:
            client.start_next_cycle()
    return found


async def test_requests_sent_ahead_are_answered_in_order_on_one_connection(serve_handler: ServeHandler) -> None:
    serving = await serve_handler(_echo)
    requests = b"".join(
        [
            b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
    )
    answer = await _talk(serving.port, requests)
    assert _bodies(answer, ["GET", "HEAD", "GET"]) == [(200, b"GET /a"), (200, b""), (200, b"GET /c")]


async def test_a_body_is_read_and_dropped(serve_handler: ServeHandler) -> None:
    serving = await serve_handler(_echo)
    posted = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert _bodies(await _talk(serving.port, posted), ["POST", "GET"]) == [(200, b"POST /a"), (200, b"GET /b")]


async def test_who_waits_for_100_continue_gets_the_final_answer(serve_handler: ServeHandler) -> None:
    serving = await serve_handler(_echo)
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert (await _talk(serving.port, head)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2 * HEAD_LIMIT, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"y" * (BODY_LIMIT + 1), 413),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    serve_handler: ServeHandler, data: bytes, status: int
) -> None:
    serving = await serve_handler(_echo)
    assert (await _talk(serving.port, data)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_handler_that_fails_is_answered_for_and_logged(
    serve_handler: ServeHandler, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError(request.path)

    serving = await serve_handler(fail)
    assert (await serving.get("/broken")).status == 500
    assert "GET /broken failed" in caplog.text
    assert (await serving.get("/again")).status == 500


async def test_a_stop_finishes_what_is_under_way_and_closes_idle_connections(serve_handler: ServeHandler) -> None:
    arrived, go_on = trio.Event(), trio.Event()

    async def wait(request: Request) -> Response:
        if request.path == "/slow":
            arrived.set()
            await go_on.wait()
        return Response(200, b"done", "text/plain")

    serving = await serve_handler(wait)
    idle = await trio.open_tcp_stream("127.0.0.1", serving.port)
    busy = await trio.open_tcp_stream("127.0.0.1", serving.port)
    async with idle, busy:
        await idle.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await idle.receive_some()).endswith(b"done")
        await busy.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(60):
            await arrived.wait()
            serving.stop.set()
            assert await idle.receive_some() == b""
            go_on.set()
            answer = b"".join([chunk async for chunk in busy])
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b"done")
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", serving.port)
