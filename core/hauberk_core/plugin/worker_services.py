"""What a worker offers to its plugins."""

import os
import random
from collections.abc import Callable
from typing import Final, cast

from hauberk_core.net.clock import Clock
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.plugin_meters import OwnNames, note_value
from hauberk_core.observe.shared_cells import SharedCells, SharedRecord
from hauberk_core.plugin.services import Counter, Histogram, HttpClient, PluginLog, Services, State

# What plugins keep lives as long as the worker. One that keeps something for each client must bound that itself, under one key.
MOST_KEYS: Final = 1000
# Lines of one plugin in one second; enough to see what is wrong, too few to fill a disk.
LINES_PER_SECOND: Final = 10

Export = Callable[[str, bytes], bool]
"""Takes what a plugin exports: its kind and the octets. Returns whether it was taken."""


class WorkerServices(Services):
    """Serves one plugin."""

    def __init__(
        self,
        plugin: str,
        clock: Clock,
        cells: Cells,
        log: Callable[[str, str], None],
        export: Export,
        new_http: Callable[[], HttpClient],
        shared: SharedCells | None = None,
    ) -> None:
        """Args: log - takes a level (`info`, `warning`, `error`) and a line; new_http - called when the plugin first asks;
        shared - what all workers share, None: this one is alone."""
        self._plugin: Final = plugin
        self._shared: SharedCells | None = shared
        self._unshared: Final[list[SharedCells]] = []
        self._clock: Final = clock
        self._names: Final = OwnNames(cells, plugin)
        self._states: Final[dict[str, object]] = {}
        self._export: Final = export
        self._log: Final = BoundedLog(plugin, clock, log)
        self._new_http: Final = new_http
        self._http: HttpClient | None = None

    def now(self) -> float:
        return self._clock.now()

    def wall(self) -> float:
        return self._clock.wall()

    def random(self) -> float:
        return random.random()  # noqa: S311 - not for secrets

    def entropy(self, size: int) -> bytes:
        return os.urandom(size)

    def counter(self, name: str) -> Counter:
        return _CellCounter(self._names.count(name))

    def histogram(self, name: str) -> Histogram:
        return _CellHistogram(self._names.value(name))

    def state(self, key: str, make: Callable[[], State]) -> State:
        if key not in self._states:
            if len(self._states) >= MOST_KEYS:
                raise ValueError(f"a plugin keeps at most {MOST_KEYS} states; keep many things under one key, and bound them")
            self._states[key] = make()
        # Whoever chose the key chose the type.
        return cast("State", self._states[key])

    def shared(self, key: str, kept: bool = False) -> SharedRecord:
        name = f"{self._plugin}/{key}"
        if self._shared is not None:
            record = self._shared.record(name, kept)
            if record is not None:
                return record
            self._log.warning(f"there is no room to share {key!r} with the other workers: each goes by what it sees itself")
        for cells in self._unshared:
            record = cells.record(name, kept)
            if record is not None:
                return record
        self._unshared.append(SharedCells(-1, 0))
        record = self._unshared[-1].record(name)
        assert record is not None
        return record

    def log(self) -> PluginLog:
        return self._log

    def http(self) -> HttpClient:
        if self._http is None:
            self._http = self._new_http()
        return self._http

    def export(self, kind: str, data: bytes) -> bool:
        return self._export(kind, data)


class BoundedLog(PluginLog):
    """Passes on so many lines a second, and says how many it kept back."""

    def __init__(self, plugin: str, clock: Clock, write: Callable[[str, str], None]) -> None:
        self._plugin: Final = plugin
        self._clock: Final = clock
        self._write: Final = write
        self._second = -1
        self._lines = 0
        self._withheld = 0

    def info(self, text: str) -> None:
        self._line("info", text)

    def warning(self, text: str) -> None:
        self._line("warning", text)

    def error(self, text: str) -> None:
        self._line("error", text)

    def _line(self, level: str, text: str) -> None:
        second = int(self._clock.now())
        if second != self._second:
            self._second = second
            self._lines = 0
        if self._lines >= LINES_PER_SECOND:
            self._withheld += 1
            return
        self._lines += 1
        withheld = f" ({self._withheld} lines before this one were left out)" if self._withheld else ""
        self._withheld = 0
        # What a plugin logs may hold a client's words: one line stays one line.
        self._write(level, f"plugin {self._plugin}: {_printable(text)}{withheld}")


class _CellCounter(Counter):
    def __init__(self, view: memoryview) -> None:
        self._view: Final = view

    def add(self, number: int = 1) -> None:
        self._view[0] += number


class _CellHistogram(Histogram):
    def __init__(self, view: memoryview) -> None:
        self._view: Final = view

    def observe(self, value: int) -> None:
        note_value(self._view, value)


def _printable(text: str) -> str:
    shown = text if len(text) <= 1000 else text[:1000] + "..."
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")
