"""Serves the local socket. Who may open it, may do what it offers: the folder and the socket belong to one user alone."""

import contextlib
import math
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec
import trio

from hauberk_control.local.messages import LARGEST_LINE, Answer, Refused, RegisterWorkload, Request
from hauberk_control.local.names import name_fault
from hauberk_core.agent.logs import LOG

# Each running workload holds one connection; a laptop does not run more.
MOST_CONNECTIONS: Final = 1024
# For the rest of a line that has begun, and for an answer to be read: commands of this machine take milliseconds.
LINE_SECONDS: Final = 10.0
_READ_OCTETS: Final = 64 * 1024
_PEER_CREDENTIALS: Final = struct.Struct("3i")

_decoder: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_encoder: Final = msgspec.json.Encoder()


class LocalSocketError(Exception):
    """The socket cannot be served; the message says what to do."""


class LocalService(Protocol):
    """What is behind the socket."""

    async def answer(self, request: Request) -> Answer:
        """Fulfil any request."""

    def unregister(self, request: RegisterWorkload) -> None:
        """The connection of a registered workload has ended."""


@contextlib.asynccontextmanager
async def open_local_socket(path: Path, service: LocalService) -> AsyncIterator[None]:
    """Serve until the end of the block; the socket is then gone.

    Raises: LocalSocketError, also where another control serves it.
    """
    _make_private(path.parent)
    listener = _listen(path)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve, listener, service)
            yield
            nursery.cancel_scope.cancel()
    finally:
        _end(listener, path)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid():
            raise LocalSocketError(f"{folder} belongs to somebody else; remove it, or run as its owner")
        folder.chmod(0o700)
    except OSError as error:
        raise LocalSocketError(f"{folder} cannot be made: {error.strerror}") from error


def _end(listener: trio.socket.SocketType, path: Path) -> None:
    # Without a checkpoint: it has to happen in a cancelled task too.
    listener.close()
    path.unlink(missing_ok=True)


def _listen(path: Path) -> trio.socket.SocketType:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(str(path))
                except OSError:
                    # Left behind by a control that was killed.
                    path.unlink()
                else:
                    raise LocalSocketError(f"another control serves {path.parent.parent}; stop it first")
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise LocalSocketError(f"{path} cannot be served: {error.strerror or error}") from error
    except LocalSocketError:
        listener.close()
        raise
    return trio.socket.from_stdlib_socket(listener)


async def _serve(listener: trio.socket.SocketType, service: LocalService) -> None:
    limit = trio.CapacityLimiter(MOST_CONNECTIONS)
    async with trio.open_nursery() as nursery:
        while True:
            sock, _ = await listener.accept()
            if not _is_ours(sock):
                LOG.warning("local socket: a connection of another user was closed")
                sock.close()
                continue
            nursery.start_soon(_converse, trio.SocketStream(sock), service, limit)


def _is_ours(sock: trio.socket.SocketType) -> bool:
    """Whether the peer runs as we do. Where the kernel does not tell, the folder's permissions have to do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    return int(_PEER_CREDENTIALS.unpack(credentials)[1]) == os.geteuid()


async def _converse(stream: trio.SocketStream, service: LocalService, limit: trio.CapacityLimiter) -> None:
    registered: list[RegisterWorkload] = []
    try:
        limit.acquire_on_behalf_of_nowait(stream)
    except trio.WouldBlock:
        await stream.aclose()
        return
    try:
        async with contextlib.aclosing(_lines(stream)) as lines:
            async for line in lines:
                answer = await _answer(service, line, registered.append)
                with trio.fail_after(LINE_SECONDS):
                    await stream.send_all(_encoder.encode(answer) + b"\n")
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, OSError):
        return
    except trio.Cancelled:
        # It is control that ends: the workloads have not left, and are expected back.
        registered.clear()
        raise
    finally:
        limit.release_on_behalf_of(stream)
        for request in registered:
            service.unregister(request)
        await trio.aclose_forcefully(stream)


async def _answer(service: LocalService, line: bytes, registered: Callable[[RegisterWorkload], None]) -> Answer:
    try:
        request = _decoder.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Refused(message=f"this is no request: {error}")
    fault = name_fault(request)
    if fault is not None:
        return Refused(message=fault)
    try:
        answer = await service.answer(request)
    except Exception as error:  # whatever it is: this question alone goes without an answer, and control serves on
        LOG.exception("a question of a command could not be answered")
        return Refused(message=f"control could not answer: {error!r}; its log has more")
    if isinstance(request, RegisterWorkload) and not isinstance(answer, Refused):
        registered(request)
    return answer


async def _lines(stream: trio.SocketStream) -> AsyncGenerator[bytes, None]:
    buffer = bytearray()
    began = 0.0
    while True:
        end = buffer.find(b"\n")
        if end >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            yield line
            continue
        if len(buffer) > LARGEST_LINE:
            return
        # Between requests there may be as much time as there is.
        began = began if buffer else trio.current_time()
        with trio.fail_at(began + LINE_SECONDS if buffer else math.inf):
            data = await stream.receive_some(_READ_OCTETS)
        if not data:
            return
        buffer += data
