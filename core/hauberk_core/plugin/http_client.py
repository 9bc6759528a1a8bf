"""The HTTP client for asynchronous filters: our own machine on a trio stream, with a bound on everything."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import trio

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import CLOSED, COUNTED, DATA, END, FAULT, NO_BODY, RESPONSE, Data, Event, Fault, Request, Response
from hauberk_core.http.fields import TOKEN
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.plugin.fields import check_field
from hauberk_core.plugin.services import HttpAnswer, HttpClient, HttpFailed

# Questions under way. More wait their turn; what they ask does not keep up.
MOST_REQUESTS: Final = 256
# Unused connections kept for one service.
MOST_IDLE: Final = 16
# Services that connections are kept to; beyond so many all are closed and it begins anew.
MOST_SERVICES: Final = 64
# Servers close theirs after 5 s and more; one that we close first is never met half closed.
IDLE_SECONDS: Final = 4.0
# An answer to a question about one request.
LARGEST_ANSWER: Final = 1 << 20
_LONGEST_URL: Final = 8192
_READ_BYTES: Final = 64 * 1024
# What may be sent again without harm (RFC 9110 section 9.2.1).
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


class _Connection(NamedTuple):
    stream: trio.SocketStream
    machine: H1Client
    used: float
    """When its last answer was complete."""


class _StaleError(Exception):
    """A kept connection had been closed by its server before it took anything."""


class TrioHttpClient(HttpClient):
    """Keeps connections to the services it has asked."""

    def __init__(self, most_requests: int = MOST_REQUESTS, largest_answer: int = LARGEST_ANSWER) -> None:
        self._limiter: Final = trio.CapacityLimiter(most_requests)
        self._largest: Final = largest_answer
        self._idle: Final[dict[str, list[_Connection]]] = {}

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 2.0,  # noqa: ASYNC109 - the face promises it
    ) -> HttpAnswer:
        parts = _parse(method, url)
        for name, value in headers:
            check_field(name, value)
        try:
            with trio.fail_after(timeout):
                # By exchange, not by task: a filter may ask several services at once.
                async with self._slot():
                    return await self._ask(method, parts, headers, body)
        except trio.TooSlowError:
            raise HttpFailed(f"{parts.netloc} did not answer within {timeout} s") from None

    def close(self) -> None:
        """Close the connections that are kept; questions under way go on."""
        for idle in self._idle.values():
            for connection in idle:
                connection.stream.socket.close()
        self._idle.clear()

    def _slot(self) -> "_Slot":
        return _Slot(self._limiter)

    async def _ask(self, method: str, parts: SplitResult, headers: Sequence[tuple[str, str]], body: bytes) -> HttpAnswer:
        kept = self._take(parts.netloc) if method in _SAFE_METHODS else None
        if kept is not None:
            try:
                return await self._exchange(kept, True, _new_request(method, parts, headers, body), body, parts.netloc)
            except _StaleError:
                pass
        try:
            stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 80)
        except OSError as error:
            raise HttpFailed(f"connecting to {parts.netloc} failed: {error}") from error
        made = _Connection(stream, H1Client(HttpLimits()), 0.0)
        return await self._exchange(made, False, _new_request(method, parts, headers, body), body, parts.netloc)

    def _take(self, service: str) -> _Connection | None:
        idle = self._idle.get(service, [])
        while idle:
            connection = idle.pop()
            if trio.current_time() - connection.used < IDLE_SECONDS:
                return connection
            connection.stream.socket.close()
        return None

    def _keep(self, service: str, connection: _Connection) -> None:
        if service not in self._idle and len(self._idle) >= MOST_SERVICES:
            self.close()
        idle = self._idle.setdefault(service, [])
        if len(idle) >= MOST_IDLE:
            idle.pop(0).stream.socket.close()
        connection.machine.start_next_exchange()
        idle.append(connection._replace(used=trio.current_time()))

    async def _exchange(self, connection: _Connection, is_kept: bool, request: Request, body: bytes, service: str) -> HttpAnswer:
        """One question and its answer; the connection is kept or closed, whatever happens."""
        machine = connection.machine
        done = False
        try:
            answer = await self._talk(connection, is_kept, request, body, service)
            done = machine.may_keep_alive()
        finally:
            if not done:
                # Closing a socket does not wait, so that it happens under cancellation too.
                connection.stream.socket.close()
        if done:
            self._keep(service, connection)
        return answer

    async def _talk(self, connection: _Connection, is_kept: bool, request: Request, body: bytes, service: str) -> HttpAnswer:
        stream, machine, _ = connection
        try:
            await stream.send_all(machine.send_request(request) + machine.send_data(body) + machine.send_end(None))
        except (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError) as error:
            if is_kept:
                raise _StaleError from error
            raise HttpFailed(f"{service} closed the connection: {error}") from error
        response: Response | None = None
        chunks: list[bytes] = []
        size = 0
        received = False
        while True:
            event: Event | None = machine.next_event()
            if event is None:
                try:
                    data = await stream.receive_some(_READ_BYTES)
                except trio.BrokenResourceError as error:
                    if is_kept and not received:
                        raise _StaleError from error
                    raise HttpFailed(f"{service} broke the connection off") from error
                if not data and is_kept and not received:
                    raise _StaleError
                received = True
                machine.receive(data)
            elif event.kind == RESPONSE:
                assert isinstance(event, Response)
                if event.status >= 200:
                    response = event
            elif event.kind == DATA:
                assert isinstance(event, Data)
                size += len(event.data)
                if size > self._largest:
                    raise HttpFailed(f"the answer of {service} has more than {self._largest} octets")
                chunks.append(event.data)
            elif event.kind == FAULT:
                assert isinstance(event, Fault)
                raise HttpFailed(f"{service}: {event.detail}")
            elif event.kind in (END, CLOSED):
                if response is None:
                    raise HttpFailed(f"{service} closed the connection before it answered")
                fields = [(name.lower(), value) for name, value in response.headers.items()]
                return HttpAnswer(response.status, fields, b"".join(chunks))


class _Slot:
    """One of the limited places, whichever task has it."""

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self._limiter: Final = limiter

    async def __aenter__(self) -> None:
        await self._limiter.acquire_on_behalf_of(self)

    async def __aexit__(self, *_: object) -> None:
        self._limiter.release_on_behalf_of(self)


def _parse(method: str, url: str) -> SplitResult:
    if TOKEN.fullmatch(method) is None or method == "CONNECT":
        raise ValueError(f"{method!r} is no method that can be asked with")
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ValueError(f"{url[:80]!r} is no http://host[:port]/path")
    if len(url) > _LONGEST_URL or not all("!" <= letter <= "~" for letter in url):
        raise ValueError("a URL has visible ASCII characters only, at most 8192 of them; escape what comes from others")
    return parts


def _new_request(method: str, parts: SplitResult, headers: Sequence[tuple[str, str]], body: bytes) -> Request:
    fields = Headers()
    fields.add("Host", parts.netloc)
    for name, value in headers:
        fields.add(name, value)
    query = f"?{parts.query}" if parts.query else ""
    request = Request(method, parts.netloc, parts.path or "/", query, 11, fields)
    request.framing = COUNTED if body else NO_BODY
    request.length = len(body)
    return request
