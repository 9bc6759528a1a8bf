"""A control that answers the local socket from memory, in a thread beside the test."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trio

from hauberk_control.local.messages import (
    FOLDER_NAME,
    SOCKET_NAME,
    Answer,
    AskProxies,
    AskStatus,
    Noted,
    Proxies,
    Refused,
    RegisterWorkload,
    Request,
    Status,
)
from hauberk_control.local.server import open_local_socket


class FakeControl:
    """Answers `hauberk status` and `hauberk proxies` with what it was given; `refusal` refuses everything instead."""

    def __init__(self, status: Status | None = None, proxies: Proxies | None = None, refusal: str = "") -> None:
        self._status: Final = status
        self._proxies: Final = proxies
        self._refusal: Final = refusal

    def answer(self, request: Request) -> Answer:
        if self._refusal:
            return Refused(message=self._refusal)
        if isinstance(request, AskStatus) and self._status is not None:
            return self._status
        if isinstance(request, AskProxies) and self._proxies is not None:
            return self._proxies
        return Noted()

    def unregister(self, request: RegisterWorkload) -> None:
        raise AssertionError("nothing was registered")


@contextlib.contextmanager
def serving(mesh: Path, service: FakeControl) -> Iterator[None]:
    """Serve the local socket of `mesh` until the end of the block."""
    token: list[trio.lowlevel.TrioToken] = []
    scope = trio.CancelScope()
    started = threading.Event()

    async def serve() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            async with open_local_socket(mesh / FOLDER_NAME / SOCKET_NAME, service):
                started.set()
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert started.wait(20)
    try:
        yield
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join(20)
