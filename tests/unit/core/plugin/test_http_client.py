"""The HTTP client for filters, against a server on loopback: what it asks, what it keeps, what it does not put up with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio
from programs import free_port

from hauberk_core.plugin.http_client import TrioHttpClient
from hauberk_core.plugin.services import HttpFailed

Behaviour = Callable[[trio.SocketStream], Awaitable[None]]

PATIENCE = 60.0
OK = b"HTTP/1.1 200 OK\r\nX-User: mina\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Accepts, and lets each connection behave as the test says."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self.behave: Behaviour = self.answer

    async def read_head(self, stream: trio.SocketStream) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            data = await stream.receive_some()
            if not data:
                return b""
            head += data
        self.requests.append(head)
        return head

    async def answer(self, stream: trio.SocketStream) -> None:
        while await self.read_head(stream):
            await stream.send_all(OK)

    async def handle(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            try:
                await self.behave(stream)
            except trio.BrokenResourceError:
                return


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    made = Server(listeners[0].socket.getsockname()[1])
    nursery.start_soon(trio.serve_listeners, made.handle, listeners)
    return made


@pytest.fixture
async def client() -> AsyncIterator[TrioHttpClient]:
    made = TrioHttpClient(most_requests=2, largest_answer=4096)
    yield made
    made.close()


async def test_a_question_and_its_answer(server: Server, client: TrioHttpClient) -> None:
    answer = await client.fetch("POST", server.url + "/ask?a=1", [("X-Path", "/x")], b"body", PATIENCE)
    assert (answer.status, answer.headers[0], answer.body) == (200, ("x-user", "mina"), b"ok")
    [request] = server.requests
    assert request.startswith(b"POST /ask?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Path: /x\r\nContent-Length: 4\r\n" in request


async def test_connections_are_kept_and_stale_ones_replaced(server: Server, client: TrioHttpClient) -> None:
    for _ in range(3):
        assert (await client.fetch("GET", server.url, timeout=PATIENCE)).status == 200
    assert server.connections == 1

    async def close_behind(stream: trio.SocketStream) -> None:
        await server.read_head(stream)
        await stream.send_all(OK)

    server.behave = close_behind
    for _ in range(3):
        assert (await client.fetch("HEAD", server.url, timeout=PATIENCE)).status == 200
    # What changes something is never sent twice, and so never on a connection that may be stale.
    assert (await client.fetch("POST", server.url, body=b"x", timeout=PATIENCE)).status == 200


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"", "before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "closed the connection"),
        (b"220 ready\r\n\r\n", "the endpoint's response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "the endpoint's response"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "has more than 4096 octets"),
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(server: Server, octets: bytes, what: str, client: TrioHttpClient) -> None:
    async def behave(stream: trio.SocketStream) -> None:
        await server.read_head(stream)
        await stream.send_all(octets)

    server.behave = behave
    with pytest.raises(HttpFailed, match=what):
        await client.fetch("GET", server.url, timeout=PATIENCE)


async def test_a_service_that_does_not_answer(server: Server, client: TrioHttpClient) -> None:
    async def behave(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    server.behave = behave
    with pytest.raises(HttpFailed, match=r"did not answer within 0\.05 s"):
        await client.fetch("GET", server.url, timeout=0.05)


async def test_a_service_that_is_not_there(client: TrioHttpClient) -> None:
    with pytest.raises(HttpFailed, match="connecting to 127"):
        await client.fetch("GET", f"http://127.0.0.1:{free_port()}/", timeout=PATIENCE)


async def test_one_task_may_ask_several_at_once_within_the_bound(server: Server, client: TrioHttpClient) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(partial(client.fetch, "GET", server.url, timeout=PATIENCE))
    assert len(server.requests) == 6
    assert server.connections <= 2


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("GET", "ftp://a/", []),
        ("GET", "/path", []),
        ("GET", "http:///path", []),
        ("GET", "http://user@a/", []),
        ("GET", "http://a/ HTTP/1.1\r\nX: y", []),
        ("GET", "http://a/" + "x" * 9000, []),
        ("G T", "http://a/", []),
        ("CONNECT", "http://a/", []),
        ("GET", "http://a/", [("x", "a\r\nb")]),
        ("GET", "http://a/", [("Content-Length", "7")]),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    method: str, url: str, headers: list[tuple[str, str]], client: TrioHttpClient
) -> None:
    with pytest.raises(ValueError, match=r"method|http://|visible|header"):
        await client.fetch(method, url, headers)
