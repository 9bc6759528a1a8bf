"""A plugin's services for tests: they keep what they are given, and time, chance and entropy are the test's."""

from collections.abc import Callable
from typing import TypeVar

from hauberk_core.model.span import Span, decode_span
from hauberk_core.plugin.data import Counter, PluginLog, Services

State = TypeVar("State")


class KeepingServices(Services):
    """Exports, logs and counts into lists; time, chance and entropy are the test's."""

    def __init__(self) -> None:
        self.exported: list[tuple[str, bytes]] = []
        self.counts: dict[str, int] = {}
        self.lines: list[str] = []
        """Level, blank, text."""
        self.time = 1_700_000_000.0
        self.chance = 0.5
        self._drawn = 0
        self._states: dict[str, object] = {}

    def wall(self) -> float:
        return self.time

    def random(self) -> float:
        return self.chance

    def counter(self, name: str) -> Counter:
        self.counts.setdefault(name, 0)
        return _KeptCounter(self.counts, name)

    def log(self) -> PluginLog:
        return _KeptLog(self.lines)

    def entropy(self, size: int) -> bytes:
        self._drawn += 1
        return bytes([(number * 7 + self._drawn) % 256 for number in range(size)])

    def state(self, key: str, make: Callable[[], State]) -> State:
        return self._states.setdefault(key, make())  # type: ignore[return-value]

    def export(self, kind: str, data: bytes) -> bool:
        self.exported.append((kind, data))
        return True

    def spans(self) -> list[Span]:
        """What was exported so far."""
        assert {kind for kind, _ in self.exported} <= {"span"}
        return [decode_span(data) for _, data in self.exported]


class _KeptCounter(Counter):
    def __init__(self, counts: dict[str, int], name: str) -> None:
        self._counts = counts
        self._name = name

    def add(self, number: int = 1) -> None:
        self._counts[self._name] += number


class _KeptLog(PluginLog):
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def info(self, text: str) -> None:
        self._lines.append("info " + text)

    def warning(self, text: str) -> None:
        self._lines.append("warning " + text)

    def error(self, text: str) -> None:
        self._lines.append("error " + text)
