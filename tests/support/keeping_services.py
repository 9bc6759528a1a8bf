"""A plugin's services for tests: they keep what they are given, and time and entropy are the test's."""

from collections.abc import Callable
from typing import TypeVar

from hauberk_core.model.span import Span, decode_span
from hauberk_core.plugin.data import Services

State = TypeVar("State")


class KeepingServices(Services):
    """Exports into a list; time and entropy are the test's."""

    def __init__(self) -> None:
        self.exported: list[tuple[str, bytes]] = []
        self.time = 1_700_000_000.0
        self._drawn = 0
        self._states: dict[str, object] = {}

    def wall(self) -> float:
        return self.time

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
