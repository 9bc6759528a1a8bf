from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from hauberk_bookshop.calling import BODY_LIMIT, CallError, Service
from hauberk_bookshop.web import Request, Response

if TYPE_CHECKING:
    from tests.unit.bookshop.conftest import ServeHandler


async def _hello(request: Request) -> Response:
    return Response(200, request.header("host").encode(), "text/plain")


async def _serve_raw(nursery: trio.Nursery, answers: list[bytes]) -> int:
    """A server that takes one request a connection and sends the next of `answers`, then closes."""

    async def converse(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            if answers:
                await stream.send_all(answers.pop(0))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, converse, listeners)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def test_the_host_header_may_name_another_than_the_address(serve_handler: ServeHandler) -> None:
    serving = await serve_handler(_hello)
    service = Service("127.0.0.1", serving.port, "reviews.localhost")
    assert (await service.get("/")).body == b"reviews.localhost"
    await service.aclose()


async def test_a_connection_is_used_again_and_a_closed_one_is_not(nursery: trio.Nursery) -> None:
    connections = 0

    async def converse(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            for _ in range(2):
                await stream.receive_some()
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            closed.set()

    closed = trio.Event()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, converse, listeners)
    service = Service("127.0.0.1", listeners[0].socket.getsockname()[1], retry=False)
    await service.get("/1")
    await service.get("/2")
    assert connections == 1
    await closed.wait()
    await trio.testing.wait_all_tasks_blocked()
    await service.get("/3")
    assert connections == 2
    await service.aclose()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-x\r\n", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"y" * (BODY_LIMIT + 1), "answered with more than"),
    ],
)
async def test_what_is_no_answer_is_one_kind_of_error(nursery: trio.Nursery, answer: bytes, complaint: str) -> None:
    service = Service("127.0.0.1", await _serve_raw(nursery, [answer]))
    with pytest.raises(CallError, match=complaint):
        await service.get("/")


async def test_nobody_there(serve_handler: ServeHandler) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(CallError, match=f"reviews at 127.0.0.1:{port} cannot be reached"):
        await Service("127.0.0.1", port, "reviews").get("/")


async def test_a_late_answer_is_an_error_and_its_connection_is_not_used_again(serve_handler: ServeHandler) -> None:
    async def late(request: Request) -> Response:
        if request.path == "/late":
            await trio.sleep_forever()
        return Response(200, request.path.encode(), "text/plain")

    serving = await serve_handler(late)
    service = Service("127.0.0.1", serving.port)
    assert (await service.get("/1")).body == b"/1"
    with pytest.raises(CallError, match=r"did not answer within 0\.05 s"):
        await service.get("/late", seconds=0.05)
    assert (await service.get("/2")).body == b"/2"
    await service.aclose()
