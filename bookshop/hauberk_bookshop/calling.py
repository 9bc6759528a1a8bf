"""An HTTP/1.1 client for one service: pooled kept-alive connections, a deadline for each call, GET only."""

import ssl
from dataclasses import dataclass
from typing import Final

import h11
import trio

IDLE_LIMIT: Final = 64
"""Connections kept for reuse; what is beyond this was a burst."""
BODY_LIMIT: Final = 1024 * 1024
"""Octets of a response's body; the longest thing a bookshop answers with is its page, of some 20 KiB."""
HEAD_LIMIT: Final = 64 * 1024
READ_SIZE: Final = 64 * 1024


class CallError(Exception):
    """No usable answer came: not connected, broken off, not HTTP, too long, or too late. The message says which, and from
    where."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a service. Header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first value of the header called `name` (lower case), or an empty string."""
        for key, value in self.headers:
            if key == name:
                return value
        return ""


class _Connection:
    __slots__ = ("protocol", "socket", "stream")

    def __init__(self, stream: trio.abc.Stream, socket: trio.socket.SocketType) -> None:
        self.stream = stream
        self.socket = socket
        self.protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)


class _BrokenBeforeAnswer(Exception):
    """A connection ended before the first octet of an answer."""


class Service:
    """A service we call, at one address.

    `name` is what the Host header says, which may differ from the address: whoever stands there (a gateway) can route by it.
    With `tls`, `name` is also the server name asked for and expected in the certificate. Without `retry`, a kept-alive connection
    that turns out to be closed is an error to the caller, as it is to one who counts losses.
    """

    def __init__(self, host: str, port: int, name: str = "", tls: ssl.SSLContext | None = None, retry: bool = True) -> None:
        self.host: Final = host
        self.port: Final = port
        self.name: Final = name or f"{host}:{port}"
        self._tls = tls
        self._retry = retry
        self._idle: list[_Connection] = []

    async def get(self, path: str, headers: tuple[tuple[str, str], ...] = (), seconds: float = 5.0) -> Reply:
        """Ask for `path`; `seconds` is the limit for everything together.

        Raises: CallError. Any status is a Reply, not an error.
        Cancellation: the connection in use is closed; the pool stays sound.
        """
        try:
            with trio.fail_after(seconds):
                connection = self._take_idle()
                if connection is not None:
                    try:
                        return await self._exchange(connection, path, headers)
                    except _BrokenBeforeAnswer:
                        # RFC 9110 section 9.2.2: a client may repeat an idempotent request by itself when a connection
                        # was closed under it before any of the answer came.
                        if not self._retry:
                            raise
                return await self._exchange(await self._connect(), path, headers)
        except trio.TooSlowError:
            raise CallError(f"{self.name} at {self.host}:{self.port} did not answer within {seconds:g} s") from None
        except _BrokenBeforeAnswer:
            raise CallError(f"{self.name} at {self.host}:{self.port} closed the connection without an answer") from None
        except (OSError, trio.BrokenResourceError, ssl.SSLError) as error:
            cause = error.__cause__ or error
            raise CallError(f"{self.name} at {self.host}:{self.port} cannot be reached: {cause}") from error
        except h11.RemoteProtocolError as error:
            raise CallError(f"{self.name} at {self.host}:{self.port} does not speak HTTP/1.1: {error}") from error

    async def aclose(self) -> None:
        """Close the idle connections. Calls under way keep theirs and close them at their end."""
        while self._idle:
            await trio.aclose_forcefully(self._idle.pop().stream)

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            # Nothing is due on an idle connection: what can be read there is its end.
            if not connection.socket.is_readable():
                return connection
            connection.socket.close()
        return None

    async def _connect(self) -> _Connection:
        stream = await trio.open_tcp_stream(self.host, self.port)
        if self._tls is None:
            return _Connection(stream, stream.socket)
        secure = trio.SSLStream(stream, self._tls, server_hostname=self.name.partition(":")[0], https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        return _Connection(secure, stream.socket)

    async def _exchange(self, connection: _Connection, path: str, headers: tuple[tuple[str, str], ...]) -> Reply:
        protocol = connection.protocol
        reusable = False
        try:
            request = h11.Request(method="GET", target=path, headers=[("host", self.name), *headers])
            reply = await self._converse(connection, request)
            reusable = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE and len(self._idle) < IDLE_LIMIT
            return reply
        finally:
            if reusable:
                protocol.start_next_cycle()
                self._idle.append(connection)
            else:
                await trio.aclose_forcefully(connection.stream)

    async def _converse(self, connection: _Connection, request: h11.Request) -> Reply:
        protocol, stream = connection.protocol, connection.stream
        answered = False
        try:
            await stream.send_all((protocol.send(request) or b"") + (protocol.send(h11.EndOfMessage()) or b""))
            head: h11.Response | None = None
            body = bytearray()
            while True:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    data = await stream.receive_some(READ_SIZE)
                    if not data and not answered:
                        raise _BrokenBeforeAnswer
                    answered = True
                    protocol.receive_data(bytes(data))
                elif isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                    if len(body) > BODY_LIMIT:
                        raise CallError(f"{self.name} at {self.host}:{self.port} answered with more than {BODY_LIMIT} octets")
                elif isinstance(event, h11.EndOfMessage) and head is not None:
                    break
        except trio.BrokenResourceError as error:
            if answered:
                raise
            raise _BrokenBeforeAnswer from error
        names = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        return Reply(head.status_code, names, bytes(body))
