"""Whether a snapshot asks of plugins what those installed here can do: what a worker finds out, found out without one."""

import tempfile
from typing import Final

from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.net.clock import Clock
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.plugin.host import PluginHost
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool, PluginsRefused
from hauberk_core.plugin.services import HttpClient, Services
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.route.errors import RouteErrors
from hauberk_core.route.table import compile_table

# Room for what plugins count while they are made, which is nothing but names.
_CELLS: Final = 1 << 14
_DIRECTORY_BYTES: Final = 1 << 17


def find_plugin_mistakes(snapshot: Snapshot, host: PluginHost) -> list[Mistake]:
    """Have the plugins make everything that `snapshot` wants, and drop it again.

    Calls their factories, which is what starting a worker with this snapshot would do. Route tables that do not compile, and
    names that lead nowhere, are for others to report: with them nothing is found here.
    """
    mistakes = _transport_mistakes(snapshot, host)
    try:
        tables = {name: (table, compile_table(table)) for name, table in snapshot.route_tables.items()}
    except RouteErrors:
        return mistakes
    named = {chain.route_table for listener in snapshot.listeners.values() for chain in listener.filter_chains}
    if not named - {""} <= set(tables):
        return mistakes
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), _CELLS, _DIRECTORY_BYTES)
        cells = Cells(file.fileno())
    offered = _Offered(host, cells)
    pool = PluginPool(offered.host, offered.services, offered.meter, _Ignored())
    try:
        pool.prepare(snapshot.listeners, tables, snapshot.clusters).release()
    except PluginsRefused as refused:
        mistakes.extend([Mistake(path, message, hint) for path, message, hint in refused.mistakes])
    return mistakes


def _transport_mistakes(snapshot: Snapshot, host: PluginHost) -> list[Mistake]:
    if any("hauberk_transport" in host.hooks(name) for name in host.names()):
        return []
    hint = "install one, for example hauberk's mtls, or switch it on"
    places: list[tuple[Path, str]] = [
        (("listeners", name, "filter_chains", index, "transport", "security"), chain.transport.security)
        for name, listener in snapshot.listeners.items()
        for index, chain in enumerate(listener.filter_chains)
    ]
    for name, cluster in snapshot.clusters.items():
        places.append((("clusters", name, "transport", "security"), cluster.transport.security))
    return [
        Mistake(path, f"no plugin here secures transports of the kind {security!r}", hint)
        for path, security in places
        if security not in ("plain", "tls")
    ]


class _Offered:
    """What a factory may ask for; what it counts and logs is forgotten."""

    def __init__(self, host: PluginHost, cells: Cells) -> None:
        self._host: Final = host
        self._cells: Final = cells

    def host(self) -> PluginHost:
        return self._host

    def services(self, plugin: str) -> Services:
        return WorkerServices(plugin, Clock(), self._cells, self.write, self.export, HttpClient)

    def meter(self, plugin: str) -> StepMeter:
        return StepMeter(self._cells, plugin)

    def write(self, level: str, line: str) -> None:
        pass

    def export(self, kind: str, data: bytes) -> bool:
        return False


class _Ignored(PluginFaults):
    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        pass
