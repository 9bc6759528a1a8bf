"""Where a request goes whose backend is down, and how people hear of it.

A backend is down when it has no endpoint, or when none of them could be reached or may be asked: the latter shows only when a
request has tried, which then goes on to another backend, because nothing of it was sent.
"""

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
        """Clusters that had no endpoint when they were last chosen; bounded by the route's backends."""

    def instead_of(self, wanted: Backend, backends: tuple[Backend, ...], key: str) -> Backend:
        """`wanted`, or another one if it has no endpoint and the declared way leads somewhere that has.

        Args: key - the user, who falls back to the same backend each time; empty: nobody in particular.
        """
        if self._kind == NONE:
            return wanted
        if wanted.is_available():
            if self._down and wanted.cluster in self._down:
                self._down.discard(wanted.cluster)
                self._log.info("backend " + wanted.cluster + " has endpoints again and gets its requests")
            return wanted
        other = self.after((wanted,), backends, key)
        if other is None:
            return wanted
        if wanted.cluster not in self._down:
            self._down.add(wanted.cluster)
            self._log.warning(
                "backend " + wanted.cluster + " is down, it has no endpoint: its requests fall back to " + other.cluster
            )
        return other

    def after(self, refused: tuple[Backend, ...], backends: tuple[Backend, ...], key: str) -> Backend | None:
        """Where to go once `refused` could not have the request; None: nowhere."""
        if self._kind == NONE:
            return None
        left = tuple([other for other in backends if other.share > 0.0 and other not in refused and other.is_available()])
        if self._kind == STABLE:
            stable = _stable(backends)
            other: Backend | None = stable if stable in left else None
        elif key:
            other = choose(key.encode("latin-1"), left)
        else:
            other = self._by_weight(left)
        if other is not None:
            self._counter.add()
        return other

    def _by_weight(self, backends: tuple[Backend, ...]) -> Backend | None:
        total = 0.0
        for backend in backends:
            total += backend.share
        point = self._services.random() * total
        last: Backend | None = None
        for backend in backends:
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
