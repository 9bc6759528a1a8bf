"""HTTP/1.1 over TLS for a server that answers posts of bounded size: one task a connection, every step with a deadline."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import h11
import trio

TlsStream = trio.SSLStream[trio.SocketStream]

_LARGEST_HEAD: Final = 16 * 1024
_READ_SIZE: Final = 64 * 1024
# For a handshake, for a whole request that has begun with its answer, and for the answer to be read: as long as the API server
# waits for a webhook.
STEP_SECONDS: Final = 10.0
# Longer than the API server keeps an idle connection (90 s), so that it is never we who close the one it is about to use.
_IDLE_SECONDS: Final = 120.0


class Post(NamedTuple):
    """A request that was read to its end."""

    path: str
    body: bytes


class Reply(NamedTuple):
    """What it is answered; text, unless it is JSON."""

    status: int
    body: bytes
    json: bool = False


Answerer = Callable[[Post], Awaitable[Reply]]


async def serve_posts(stream: TlsStream, answer: Answerer, largest_body: int) -> None:
    """Serve one connection until its client leaves, takes too long, or breaks the protocol.

    Raises: trio.TooSlowError, trio.BrokenResourceError. The stream is then of no more use, and the caller's to close.
    """
    with trio.fail_after(STEP_SECONDS):
        await stream.do_handshake()
    connection = _Connection(stream, largest_body)
    while True:
        with trio.fail_after(_IDLE_SECONDS):
            if not await connection.has_begun():
                return
        with trio.fail_after(STEP_SECONDS):
            reply = await connection.read_and_answer(answer)
        with trio.fail_after(STEP_SECONDS):
            if not await connection.send(reply):
                await connection.read_out()
                return


class _Connection:
    def __init__(self, stream: TlsStream, largest_body: int) -> None:
        self._stream: Final = stream
        self._largest_body: Final = largest_body
        self._http: Final = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)

    async def has_begun(self) -> bool:
        """Wait for a request's first octets. Returns: whether there are any."""
        if self._http.trailing_data[0]:
            return True
        octets = await self._stream.receive_some(_READ_SIZE)
        self._http.receive_data(bytes(octets))
        return bool(octets)

    async def read_and_answer(self, answer: Answerer) -> Reply:
        """Read a request to its end and answer it. Raises: trio.BrokenResourceError."""
        try:
            request = await self._next_event()
            if not isinstance(request, h11.Request):
                raise trio.BrokenResourceError("the client left")
            if request.method != b"POST":
                return Reply(405, b"only POST is served here")
            body = bytearray()
            while not isinstance(event := await self._next_event(), h11.EndOfMessage):
                if not isinstance(event, h11.Data):
                    raise trio.BrokenResourceError("the client left")
                body += event.data
                if len(body) > self._largest_body:
                    return Reply(413, b"at most %d octets are taken" % self._largest_body)
        except h11.RemoteProtocolError as error:
            return Reply(error.error_status_hint, str(error).encode())
        return await answer(Post(request.target.decode("latin-1").partition("?")[0], bytes(body)))

    async def send(self, reply: Reply) -> bool:
        """Send an answer. Returns: whether another request may follow."""
        http = self._http
        kind = "application/json" if reply.json else "text/plain; charset=utf-8"
        headers = [("content-type", kind), ("content-length", str(len(reply.body)))]
        if http.their_state is not h11.DONE:
            # What is left of the request is not worth reading.
            headers.append(("connection", "close"))
        octets = http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        octets += http.send(h11.Data(data=reply.body)) or b""
        octets += http.send(h11.EndOfMessage()) or b""
        await self._stream.send_all(octets)
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        http.start_next_cycle()
        return True

    async def read_out(self) -> None:
        """Pass over what the client still sends: unread, it would turn our close into a reset, which may overtake the answer."""
        left = self._largest_body
        while left > 0 and (octets := await self._stream.receive_some(_READ_SIZE)):
            left -= len(octets)

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                await self._stream.send_all(go_on or b"")
            self._http.receive_data(bytes(await self._stream.receive_some(_READ_SIZE)))
        return event
