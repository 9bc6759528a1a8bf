"""The agent's own HTTP server: metrics, health, certificates, and the configuration in force. For operators and probes.

One request a connection: a scrape every few seconds needs no more, and nothing can stay open for long.
"""

import errno
from typing import Final

import h11
import trio

from hauberk_core.agent.handover.inherited import Inherited
from hauberk_core.agent.handover.names import ADMIN
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.pages import Page, PageRequest, PageResponse
from hauberk_core.agent.sockets import bind_one
from hauberk_core.model.address import Address, is_ip_address, parse_address

# A probe, a scraper or two, a person: more is a mistake, and waits.
_MOST_CONNECTIONS: Final = 32
_EXCHANGE_SECONDS: Final = 10.0
# Request line and fields; requests have no bodies.
_LARGEST_HEAD: Final = 16 * 1024
_READ_SIZE: Final = 4096
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_PAUSE: Final = 0.1


class AdminServer:
    """Answers GET and HEAD on one address."""

    def __init__(
        self,
        address: str,
        pages: dict[str, Page],
        inherited: Inherited | None = None,
        name: str = "admin",
        seconds: float = _EXCHANGE_SECONDS,
    ) -> None:
        """Bind the address.

        Args: pages - by path; inherited - where the socket may be; name - for people; seconds - that one exchange may take.
        Raises: BindError.
        """
        self._seconds: Final = seconds
        self.bound: Final = bind_one(name, address, ADMIN, inherited)
        self.address: Final[Address] = self.bound.address
        self._listener: Final = trio.SocketListener(trio.socket.from_stdlib_socket(self.bound.sockets[0]))
        self._accepting: Final = trio.CancelScope()
        self._pages: Final = pages
        self._slots: Final = trio.Semaphore(_MOST_CONNECTIONS)
        # A page in a browser can make any name lead to this machine's own addresses (DNS rebinding); it cannot hide that name.
        self._local_only: Final = _is_local(self.address.host)

    async def serve(self) -> None:
        """Serve until cancelled, or until told to leave; the socket is closed then."""
        async with trio.open_nursery() as nursery:
            with self._listener.socket, self._accepting:
                while True:
                    await self._slots.acquire()
                    nursery.start_soon(self._serve_connection, await self._accept())

    def leave(self) -> None:
        """Accept nothing more: whoever asks from now on asks the agent that has the socket too."""
        self._accepting.cancel()

    async def _accept(self) -> trio.SocketStream:
        while True:
            try:
                return await self._listener.accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                LOG.error("the admin server cannot accept: %s; raise the limit (`ulimit -n`)", error.strerror)
                await trio.sleep(_EXHAUSTED_PAUSE)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        try:
            with trio.move_on_after(self._seconds):
                await self._exchange(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client has gone
        except Exception:
            LOG.exception("the admin server failed to answer")
        finally:
            self._slots.release()
            await trio.aclose_forcefully(stream)

    async def _exchange(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        head_only = False
        try:
            request = await _receive_request(connection, stream)
            if request is None:
                return
            head_only = request.method == b"HEAD"
            answer = await self._answer(request)
        except h11.RemoteProtocolError as error:
            answer = _text(error.error_status_hint, str(error))
        await stream.send_all(_encode(connection, answer, head_only))
        await stream.send_eof()
        # Unread octets would turn our close into a reset, which may overtake the answer.
        while await stream.receive_some(_READ_SIZE):
            pass

    async def _answer(self, request: h11.Request) -> PageResponse:
        fields = {name.lower(): value for name, value in request.headers}
        path, _, query = request.target.decode("latin-1").partition("?")
        if self._local_only and not _is_local_authority(fields.get(b"host", b"").decode("latin-1")):
            return _text(403, "this address answers to its own names only: ask for localhost, or for the address itself")
        if request.method not in {b"GET", b"HEAD"}:
            return _text(405, "only GET and HEAD are served here")
        page = self._pages.get(path)
        if page is None:
            return _text(404, "no such page; there are " + ", ".join(sorted(self._pages)))
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}
        return await page(PageRequest(query, told.get("accept", ""), told))


async def _receive_request(connection: h11.Connection, stream: trio.SocketStream) -> h11.Request | None:
    """The request's head, or None if the client left before it was complete. Raises: h11.RemoteProtocolError."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(_READ_SIZE))
        elif isinstance(event, h11.Request):
            return event
        else:
            return None


def _encode(connection: h11.Connection, answer: PageResponse, head_only: bool) -> bytes:
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("connection", "close"),
    ]
    if answer.status == 405:
        headers.append(("allow", "GET, HEAD"))
    octets = connection.send(h11.Response(status_code=answer.status, headers=headers)) or b""
    if not head_only:
        octets += connection.send(h11.Data(data=answer.body)) or b""
    return octets


def _text(status: int, line: str) -> PageResponse:
    return PageResponse(status, "text/plain; charset=utf-8", f"{line}\n".encode())


def _is_local(host: str) -> bool:
    return host == "::1" or host.startswith("127.")


def _is_local_authority(authority: str) -> bool:
    try:
        host = parse_address(authority).host
    except ValueError:
        host = authority.removeprefix("[").removesuffix("]")
    return host == "localhost" or host.endswith(".localhost") or is_ip_address(host)
