"""Puts a worker's plugins together: where they are found, what they are offered, where their faults are told."""

from typing import TYPE_CHECKING, Final

from hauberk_core.agent.logs import LOG
from hauberk_core.net.clock import Clock
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import LOOP_BLOCKED
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.observe.shared_cells import SharedCells
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool
from hauberk_core.plugin.running import Running
from hauberk_core.plugin.services import HttpClient, Services
from hauberk_core.plugin.worker_services import Export, WorkerServices

if TYPE_CHECKING:
    from hauberk_core.plugin.host import PluginHost

# A fault that every request runs into must not fill the log: of one plugin, one with its trace in this time.
_FAULT_SECONDS: Final = 1.0


class WorkerPlugins:
    """The pool of one worker, which looks for plugins when a configuration first names one."""

    def __init__(self, clock: Clock, cells: Cells, shared: SharedCells, export: Export) -> None:
        self._clock: Final = clock
        self._cells: Final = cells
        self._shared: Final = shared
        self._export: Final = export
        self.running: Final = Running()
        """Whose code is at work."""
        self.blocked: Final[dict[str, memoryview]] = {"": cells.view(LOOP_BLOCKED, ("",))}
        """Where it is counted by plugin that one held up the loop."""
        self.pool: Final = PluginPool(_find, self._services, self._meter, LoggedPluginFaults(clock), self.running)

    def _services(self, plugin: str) -> Services:
        return WorkerServices(plugin, self._clock, self._cells, _write, self._export, _new_http, self._shared)

    def _meter(self, plugin: str) -> StepMeter:
        self.blocked[plugin] = self._cells.view(LOOP_BLOCKED, (plugin,))
        return StepMeter(self._cells, plugin)


class LoggedPluginFaults(PluginFaults):
    """Writes plugins' faults to the log, with their traces, at a bounded rate for each plugin."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._next: Final[dict[str, float]] = {}
        self._withheld: Final[dict[str, int]] = {}

    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        now = self._clock.now()
        if now < self._next.get(plugin, 0.0):
            self._withheld[plugin] = self._withheld.get(plugin, 0) + 1
            return
        self._next[plugin] = now + _FAULT_SECONDS
        withheld = self._withheld.pop(plugin, 0)
        more = f" ({withheld} more since the last one shown)" if withheld else ""
        LOG.error("plugin %s failed in %s%s", plugin, where, more, exc_info=error)


def _find() -> "PluginHost":
    from hauberk_core.plugin.host import data_host

    host = data_host()
    for plugin in host.describe():
        if plugin.state == "refused":
            LOG.warning("plugin %s is refused: %s", plugin.name, plugin.reason)
    return host


def _new_http() -> HttpClient:
    from hauberk_core.plugin.http_client import TrioHttpClient

    return TrioHttpClient()


def _write(level: str, line: str) -> None:
    if level == "error":
        LOG.error("%s", line)
    elif level == "warning":
        LOG.warning("%s", line)
    else:
        LOG.info("%s", line)
