"""Services of the bookshop on real sockets, inside the test's own process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest
import trio

from hauberk_bookshop.__main__ import build_app
from hauberk_bookshop.app import App
from hauberk_bookshop.calling import Reply, Service
from hauberk_bookshop.serving import Server
from hauberk_bookshop.settings import read_settings
from hauberk_bookshop.web import Handler


@dataclass(frozen=True)
class Serving:
    """A server under test. Setting `stop` ends it in an orderly way."""

    port: int
    stop: trio.Event

    async def get(self, path: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        service = Service("127.0.0.1", self.port)
        try:
            return await service.get(path, headers)
        finally:
            await service.aclose()


ServeHandler = Callable[[Handler], Awaitable[Serving]]
ServeService = Callable[[str, Mapping[str, str]], Awaitable[Serving]]


@pytest.fixture
def serve_handler(nursery: trio.Nursery) -> ServeHandler:
    """Serve any handler until the test ends."""

    async def serve(handler: Handler) -> Serving:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        stop = trio.Event()
        nursery.start_soon(Server(handler).run, listeners, stop)
        return Serving(listeners[0].socket.getsockname()[1], stop)

    return serve


@pytest.fixture
async def serve_service(serve_handler: ServeHandler) -> AsyncIterator[ServeService]:
    """Serve one of the services with an environment of its own."""
    apps: list[App] = []

    async def serve(service: str, environment: Mapping[str, str]) -> Serving:
        apps.append(build_app(read_settings(service, environment)))
        return await serve_handler(apps[-1].handler)

    yield serve
    for app in apps:
        await app.aclose()
