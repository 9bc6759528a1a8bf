"""Looks up the names of endpoints beside the loop, for as long as a cluster has them."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from socket import SOCK_STREAM
from typing import Final

import trio

from hauberk_core.net.loop import Loop
from hauberk_core.upstream.resolver import NameWatcher, Resolver

# The system's resolver does not tell how long an answer holds; DNS of clusters lives 5 to 30 s, and a changed address shall be
# noticed about as fast as that.
_REFRESH_SECONDS: Final = 5.0
# A name that does not resolve may have been made a moment ago.
_RETRY_SECONDS: Final = 1.0
# Lookups take a thread each; a thousand names must not take a thousand.
_MOST_LOOKUPS: Final = 8
# Endpoints behind one name; what an answer has beyond is left out.
_MOST_ADDRESSES: Final = 256

Lookup = Callable[[str], Awaitable[list[str]]]
SpawnSlow = Callable[[Callable[[str], Awaitable[None]], str], None]
"""Calls the function with the name in a task of its own, which may wait."""


async def look_up(name: str) -> list[str]:
    """The numeric addresses of a name, in a fixed order, so that equal answers are equal.

    Raises: OSError if there are none now.
    """
    found = await trio.socket.getaddrinfo(name, None, type=SOCK_STREAM)
    return sorted({str(address[0]) for _, _, _, _, address in found})[:_MOST_ADDRESSES]


class SystemResolver(Resolver):
    """Asks the system's resolver, again and again, while somebody watches a name. An answer that fails changes nothing."""

    def __init__(self, loop: Loop, spawn: SpawnSlow, look: Lookup = look_up) -> None:
        self._loop: Final = loop
        self._spawn: Final = spawn
        self._look: Final = look
        self._limit: Final = trio.Semaphore(_MOST_LOOKUPS)
        self._watched: Final[dict[str, _Watched]] = {}

    def watch(self, name: str, watcher: NameWatcher) -> None:
        watched = self._watched.get(name)
        if watched is None:
            watched = self._watched[name] = _Watched()
            self._spawn(self._keep_looking, name)
        elif watched.hosts is not None and watcher not in watched.watchers:
            self._loop.call_soon(partial(watcher.resolved, name, watched.hosts))
        watched.watchers[watcher] = None

    def unwatch(self, name: str, watcher: NameWatcher) -> None:
        watched = self._watched.get(name)
        if watched is None:
            return
        watched.watchers.pop(watcher, None)
        if not watched.watchers:
            del self._watched[name]
            watched.scope.cancel()

    async def _keep_looking(self, name: str) -> None:
        watched = self._watched.get(name)
        if watched is None:
            return
        with watched.scope:
            while True:
                hosts = await self._try(name)
                if hosts is None and watched.hosts is None:
                    hosts = []
                if hosts is not None and hosts != watched.hosts:
                    watched.hosts = hosts
                    for watcher in list(watched.watchers):
                        self._loop.call_soon(partial(watcher.resolved, name, hosts))
                # Spread, so that a thousand names are not asked for at once.
                await trio.sleep((_REFRESH_SECONDS if watched.hosts else _RETRY_SECONDS) * random.uniform(0.8, 1.2))  # noqa: S311

    async def _try(self, name: str) -> list[str] | None:
        async with self._limit:
            try:
                return await self._look(name)
            except (OSError, UnicodeError):
                return None


class _Watched:
    def __init__(self) -> None:
        self.watchers: Final[dict[NameWatcher, None]] = {}
        self.hosts: list[str] | None = None
        self.scope: Final = trio.CancelScope()
