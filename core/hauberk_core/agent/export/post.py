"""Posts octets to one URL over HTTP/1.1, on one connection that is kept between posts."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import h11
import trio

# Of an answer; a collector's says next to nothing.
LARGEST_HEAD: Final = 16 * 1024
LARGEST_BODY: Final = 64 * 1024
_READ_SIZE: Final = 16 * 1024
_CLOSE_SECONDS: Final = 1.0
_PORTS: Final = {"http": 80, "https": 443}


class PostFailed(Exception):
    """There was no whole answer; whether the other end acted on the request is unknown."""


class PostAnswer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of equal ones the last."""
    body: bytes


class Poster:
    """One client of one URL. One post at a time."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        """Prepare; nothing is connected yet.

        Args: url - checked; context - for `https`.
        """
        parts = urlsplit(url)
        self._host: Final = parts.hostname or ""
        self._port: Final = parts.port or _PORTS[parts.scheme]
        # A user and password in the URL are not for the Host field.
        self._authority: Final = parts.netloc.rpartition("@")[2]
        self._target: Final = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context: Final = context
        self._stream: trio.abc.Stream | None = None

    async def post(self, headers: Sequence[tuple[str, str]], body: bytes, seconds: float) -> PostAnswer:
        """Send one request and read the whole answer.

        Args: seconds - for all of it. Raises: PostFailed.
        Cancellation: closes the connection; the next post makes another.
        """
        with trio.move_on_after(seconds):
            try:
                return await self._post(headers, body)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError) as error:
                # trio wraps what the system or OpenSSL said.
                raise PostFailed(str(error) or str(error.__cause__ or type(error).__name__)) from error
        raise PostFailed(f"no whole answer within {seconds:g} s")

    async def aclose(self) -> None:
        """Close the connection."""
        stream = self._stream
        self._stream = None
        if stream is not None:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True):
                await stream.aclose()

    async def _post(self, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
        stream = self._stream
        if stream is not None:
            # Out of its place while it is used: whatever goes wrong, it is not used again.
            self._stream = None
            try:
                return await self._exchange(stream, headers, body)
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                # A server may close an idle connection at any time. If it was not that, the second attempt finds out.
                pass
        return await self._exchange(await self._connect(), headers, body)

    async def _connect(self) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(self._host, self._port)
        if self._context is None:
            return stream
        secure = trio.SSLStream(stream, self._context, server_hostname=self._host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        return secure

    async def _exchange(self, stream: trio.abc.Stream, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
            fields = [("host", self._authority), *headers, ("content-length", str(len(body)))]
            head = connection.send(h11.Request(method="POST", target=self._target, headers=fields)) or b""
            data = connection.send(h11.Data(data=body)) or b""
            end = connection.send(h11.EndOfMessage()) or b""
            await stream.send_all(head + data + end)
            answer = await _receive(connection, stream)
            if connection.our_state is h11.DONE and connection.their_state is h11.DONE and not connection.trailing_data[0]:
                self._stream = stream
                return answer
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        await trio.aclose_forcefully(stream)
        return answer


async def _receive(connection: h11.Connection, stream: trio.abc.Stream) -> PostAnswer:
    """Read a final response. Raises: h11.RemoteProtocolError, also where it exceeds a bound."""
    status = 0
    headers: dict[str, str] = {}
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(_READ_SIZE)))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = _text(dict(event.headers))
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_BODY:
                raise h11.RemoteProtocolError(f"an answer of more than {LARGEST_BODY} octets")
        elif isinstance(event, h11.EndOfMessage):
            return PostAnswer(status, headers, body)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("closed before the answer was complete")


def _text(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
