"""A service put together: its handler, and what it calls."""

from dataclasses import dataclass

from hauberk_bookshop.calling import Service
from hauberk_bookshop.web import Handler


@dataclass(frozen=True, slots=True)
class App:
    """What a server serves. `calls` are the services that `handler` calls; their idle connections are closed at the end."""

    handler: Handler
    calls: tuple[Service, ...] = ()

    async def aclose(self) -> None:
        """Close the idle connections to the services called."""
        for service in self.calls:
            await service.aclose()
