"""Where a request goes whose backend is down, and how people hear of it."""

from typing import Final

from hauberk_canary.rendezvous import choose
from hauberk_core.plugin.data import Backend, Counter, PluginLog, Services

STABLE: Final = "stable"
ANY: Final = "any"
NONE: Final = "none"


class Fallback:
    """Finds the way out that was declared; says so when it begins and when it is over, and counts each request."""

    __slots__ = ("_counter", "_down", "_kind", "_log", "_services")

    def __init__(self, kind: str, services: Services) -> None:
        """Args: kind - STABLE, ANY or NONE."""
        self._kind: Final = kind
        self._services: Final = services
        self._counter: Final[Counter] = services.counter("fallbacks")
        self._log: Final[PluginLog] = services.log()
        self._down: Final[set[str]] = set()
        """Clusters that were down when they were last chosen; bounded by the route's backends."""

    def instead_of(self, wanted: Backend, backends: tuple[Backend, ...], key: str) -> Backend:
        """`wanted`, or another one if it is down and the declared way leads somewhere that is not.

        Args: key - the user, who falls back to the same backend each time; empty: nobody in particular.
        """
        if self._kind == NONE:
            return wanted
        if wanted.is_available():
            if self._down and wanted.cluster in self._down:
                self._down.discard(wanted.cluster)
                self._log.info("backend " + wanted.cluster + " is back and gets its requests again")
            return wanted
        other = _stable(backends) if self._kind == STABLE else self._any(backends, key)
        if other is None or other is wanted or not other.is_available():
            return wanted
        self._counter.add()
        if wanted.cluster not in self._down:
            self._down.add(wanted.cluster)
            self._log.warning(
                "backend " + wanted.cluster + " is down, no endpoint can be asked: its requests fall back to " + other.cluster
            )
        return other

    def _any(self, backends: tuple[Backend, ...], key: str) -> Backend | None:
        if key:
            return choose(key.encode("latin-1"), backends, True)
        total = 0.0
        for backend in backends:
            if backend.is_available():
                total += backend.share
        point = self._services.random() * total
        last: Backend | None = None
        for backend in backends:
            if backend.share > 0.0 and backend.is_available():
                last = backend
                point -= backend.share
                if point < 0.0:
                    break
        return last


def _stable(backends: tuple[Backend, ...]) -> Backend:
    """The one with the largest share, the first of equals."""
    best = backends[0]
    for backend in backends:
        if backend.share > best.share:
            best = backend
    return best
