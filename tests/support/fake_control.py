"""A control that answers the local socket from memory, in a thread beside the test."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import trio

from hauberk_control.local.messages import (
    FOLDER_NAME,
    SOCKET_NAME,
    Answer,
    AskObjects,
    AskProgress,
    AskProxies,
    AskServices,
    AskStatus,
    Noted,
    Objects,
    Progress,
    Proxies,
    ProxyRow,
    Refused,
    RegisterWorkload,
    Request,
    Services,
    Status,
)
from hauberk_control.local.server import open_local_socket


class FakeControl:
    """Answers questions with what it was given; `refusal` refuses everything instead."""

    def __init__(
        self,
        status: Status | None = None,
        proxies: Proxies | None = None,
        refusal: str = "",
        *,
        objects: Objects | None = None,
        progress: Sequence[Progress] = (),
        services: Services | None = None,
    ) -> None:
        """Args: progress - one after the other, and the last one again and again."""
        self._status: Final = status
        self._proxies: Final = proxies
        self._refusal: Final = refusal
        self._objects: Final = objects
        self._services: Final = services
        self._progress: Final = list(progress)

    async def answer(self, request: Request) -> Answer:
        if self._refusal:
            return Refused(message=self._refusal)
        if isinstance(request, AskStatus) and (self._status is not None or self._progress):
            return self._status or Status(conditions=[], problems=[])
        if isinstance(request, AskProxies) and self._proxies is not None:
            return self._proxies
        if isinstance(request, AskObjects) and self._objects is not None:
            return self._objects
        if isinstance(request, AskServices) and self._services is not None:
            return self._services
        if isinstance(request, AskProgress) and self._progress:
            return self._progress.pop(0) if len(self._progress) > 1 else self._progress[0]
        return Noted()

    def progress_left(self) -> int:
        """How many answers are still to come, or repeated."""
        return len(self._progress)

    def unregister(self, request: RegisterWorkload) -> None:
        raise AssertionError("nothing was registered")


def proxy_row(name: str, **more: object) -> ProxyRow:
    """A sidecar that has the latest configuration, unless `more` says otherwise."""
    values: dict[str, object] = {
        "identity": f"spiffe://cluster.local/ns/default/sa/{name}",
        "role": "sidecar",
        "name": name,
        "namespace": "default",
        "program": "hauberk 0.1.0",
        "version": "abc123",
        "current": True,
        "behind_seconds": 0.0,
        "in_force_seconds": 7.0,
        "connected_seconds": 12.3,
        **more,
    }
    return ProxyRow(**values)  # type: ignore[arg-type]


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
    assert started.wait(60)
    try:
        yield
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join(60)
