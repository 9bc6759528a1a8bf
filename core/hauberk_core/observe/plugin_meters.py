"""What is counted for plugins, and what plugins count themselves: in the worker's cells, by methods that only add."""

from typing import Final

from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import (
    OTHER,
    PLUGIN,
    PLUGIN_ANSWERS,
    PLUGIN_COUNT,
    PLUGIN_FAILURES,
    PLUGIN_STEP,
    PLUGIN_STEP_SUM,
    PLUGIN_STEPS,
    PLUGIN_VALUE,
    PLUGIN_VALUE_SUM,
    SIZES,
)

# Names of its own that one plugin may count under; one that puts a client's words into them must not use up everybody's cells.
NAMES_PER_PLUGIN: Final = 100


class StepMeter:
    """Counts what becomes of a plugin's calls."""

    __slots__ = ("_view",)

    def __init__(self, cells: Cells, plugin: str) -> None:
        self._view: Final = cells.view(PLUGIN, (plugin,))

    def failed(self) -> None:
        """A call failed."""
        self._view[PLUGIN_FAILURES] += 1

    def answered(self) -> None:
        """The plugin gave the answer."""
        self._view[PLUGIN_ANSWERS] += 1

    def took(self, seconds: float) -> None:
        """A call was timed."""
        microseconds = int(seconds * 1000000.0)
        if microseconds < 0:
            microseconds = 0
        self._view[PLUGIN_STEP + PLUGIN_STEPS.index(microseconds)] += 1
        self._view[PLUGIN_STEP_SUM] += microseconds


class OwnNames:
    """The cells under a plugin's own names."""

    def __init__(self, cells: Cells, plugin: str) -> None:
        self._cells: Final = cells
        self._plugin: Final = plugin
        self._names: Final[set[str]] = set()

    def count(self, name: str) -> memoryview:
        """One cell, to be added to."""
        return self._cells.view(PLUGIN_COUNT, (self._plugin, self._bounded(name)))

    def value(self, name: str) -> memoryview:
        """A histogram's cells, for `note_value`."""
        return self._cells.view(PLUGIN_VALUE, (self._plugin, self._bounded(name)))

    def _bounded(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= NAMES_PER_PLUGIN or not name or len(name) > 64:
                return OTHER
            self._names.add(name)
        return name


def note_value(view: memoryview, value: int) -> None:
    """Count `value` in a histogram of `OwnNames`; a negative one counts as 0."""
    if value < 0:
        value = 0
    view[SIZES.index(value)] += 1
    view[PLUGIN_VALUE_SUM] += value
