"""An HTTP/1.1 server: trio holds the connections, h11 speaks the protocol.

On a stop, no connection is accepted any more, idle ones are closed, and requests in flight are finished
within a grace period.
"""

import logging
from functools import partial
from http import HTTPStatus
from typing import Final

import h11
import trio

from hauberk_bookshop.web import Handler, Request, Response, problem

HEAD_LIMIT: Final = 32 * 1024
"""Octets of a request's head; a proxy adds its own headers to the 16 KiB that browsers stay below."""
BODY_LIMIT: Final = 64 * 1024
"""Octets of a request's body, which no service reads; more is not worth draining for the sake of the connection."""
CONNECTION_LIMIT: Final = 2048
"""Open connections; twice what one proxy worker opens to a cluster by default."""
IDLE_SECONDS: Final = 120.0
"""A kept-alive connection without a request. Longer than a proxy's own limit, so that the proxy closes first."""
EXCHANGE_SECONDS: Final = 60.0
"""From the first octet of a request to the last of its response."""
GRACE_SECONDS: Final = 5.0
"""What requests in flight get after a stop."""
LINGER_SECONDS: Final = 1.0
LINGER_LIMIT: Final = 1024 * 1024
"""What a client may still send after its request was refused, in time and in octets."""
READ_SIZE: Final = 64 * 1024

_log = logging.getLogger("hauberk_bookshop")


class Server:
    """Serves one handler on one address.

    A handler that raises is answered for with 500 and logged; it never takes the server down.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._stopping = False
        self._connections = 0
        self._idle: set[trio.CancelScope] = set()

    async def run(self, listeners: list[trio.SocketListener], stop: trio.Event) -> None:
        """Serve on `listeners` until `stop` is set, then finish what is in flight.

        Cancellation: drops the connections and closes the listeners at once.
        """
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                serve = partial(trio.serve_listeners, self._serve_connection, listeners, handler_nursery=connections)
                accepting.start_soon(serve)
                await stop.wait()
                accepting.cancel_scope.cancel()
            self._stopping = True
            connections.cancel_scope.deadline = trio.current_time() + GRACE_SECONDS
            for scope in self._idle:
                scope.cancel()

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            if self._connections >= CONNECTION_LIMIT:
                return
            self._connections += 1
            try:
                await self._converse(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the client has gone; there is nobody to tell
            finally:
                self._connections -= 1

    async def _converse(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        while await self._await_first_octets(stream, connection):
            with trio.move_on_after(EXCHANGE_SECONDS) as exchange:
                await self._exchange(stream, connection)
            if exchange.cancelled_caught or connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _await_first_octets(self, stream: trio.SocketStream, connection: h11.Connection) -> bool:
        """Wait for a request to begin. False: none will come (end of stream, idle too long, or the server stops)."""
        if connection.trailing_data[0]:
            return True
        if self._stopping:
            return False
        with trio.move_on_after(IDLE_SECONDS) as idle:
            self._idle.add(idle)
            try:
                data = await stream.receive_some(READ_SIZE)
            finally:
                self._idle.discard(idle)
            connection.receive_data(data)
            return bool(data)
        return False

    async def _exchange(self, stream: trio.SocketStream, connection: h11.Connection) -> None:
        try:
            request = await _receive_request(stream, connection)
            response = await self._handle(request)
        except h11.RemoteProtocolError as error:
            if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                return
            await stream.send_all(_encode(connection, problem(error.error_status_hint, str(error)), False, True))
            await _linger(stream)
            return
        await stream.send_all(_encode(connection, response, request.method == "HEAD", self._stopping))

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return problem(500, "this service has a fault; its log has the details")


async def _linger(stream: trio.SocketStream) -> None:
    """Take in what the client still sends, for a while: closing on unread octets would reset the connection under our answer."""
    received = 0
    with trio.move_on_after(LINGER_SECONDS):
        await stream.send_eof()
        while received < LINGER_LIMIT and (data := await stream.receive_some(READ_SIZE)):
            received += len(data)


async def _next_event(stream: trio.SocketStream, connection: h11.Connection) -> h11.Event:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(READ_SIZE))
            continue
        if isinstance(event, h11.Event):
            return event
        raise h11.RemoteProtocolError("the connection ended within a request")


async def _receive_request(stream: trio.SocketStream, connection: h11.Connection) -> Request:
    """Read one request and drop its body; a client that waits for `100 Continue` is not asked for one.

    Raises: h11.RemoteProtocolError, with the status to answer with, for what is no acceptable request.
    """
    event = await _next_event(stream, connection)
    if not isinstance(event, h11.Request):
        raise h11.RemoteProtocolError("a request was expected")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    try:
        request = Request.from_target(event.method.decode("latin-1"), event.target.decode("latin-1"), headers)
    except ValueError as error:
        raise h11.RemoteProtocolError("the request's target is no URL") from error
    received = 0
    while not connection.they_are_waiting_for_100_continue:
        body = await _next_event(stream, connection)
        if isinstance(body, h11.EndOfMessage):
            break
        if isinstance(body, h11.Data):
            received += len(body.data)
            if received > BODY_LIMIT:
                raise h11.RemoteProtocolError("the request's body is too long", error_status_hint=413)
    return request


def _encode(connection: h11.Connection, response: Response, without_body: bool, close: bool) -> bytes:
    headers = [("content-type", response.content_type), ("content-length", str(len(response.body))), *response.headers]
    if close:
        headers.append(("connection", "close"))
    head = h11.Response(
        status_code=response.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        reason=HTTPStatus(response.status).phrase.encode("ascii"),
    )
    parts = [connection.send(head)]
    if not without_body:
        parts.append(connection.send(h11.Data(data=response.body)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)
