"""Which plugins a snapshot uses, and what becomes of those that its proxy lacks.

A proxy would refuse the whole configuration for one plugin that it does not have. So it is told of such a plugin only what it can
do without it: with `failure: open` nothing at all, with `closed` that it is `missing`, and then the requests in question are
answered with 503, as if the plugin had failed. Guards fail open by their nature, so that a missing one is left out. A plugin in
a version that its policy does not want is a missing one.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from hauberk_control.translate.plugin_versions import suits
from hauberk_core.model.listener import Listener
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.model.snapshot import Snapshot

Plugins = tuple[PluginConfig, ...]

# Of a version; it is a stranger's word.
_LONGEST_SHOWN: Final = 64


class Held(NamedTuple):
    """A snapshot, held against the plugins of its proxy."""

    snapshot: Snapshot
    """The one given if nothing is missing."""
    uses: Plugins
    """Of plugins, in the order in which they stand; the same objects as in the snapshot that was given."""
    missing: Plugins
    """Those of `uses` whose plugins the proxy lacks."""


def any_version(_config: PluginConfig) -> str:
    """Where nobody asks for a certain one."""
    return ""


def hold_against(
    snapshot: Snapshot, installed: Mapping[str, str] | None, wanted: Callable[[PluginConfig], str] = any_version
) -> Held:
    """Take out what the proxy cannot do.

    Args: installed - its plugins and their versions; None: it does not say, and is taken to have all; wanted - the versions that
        will do for a use; empty: any.
    """
    uses = _Uses(installed, wanted)
    listeners = {name: uses.listener(listener) for name, listener in snapshot.listeners.items()}
    tables = {name: uses.table(table) for name, table in snapshot.route_tables.items()}
    clusters = {
        name: msgspec.structs.replace(cluster, plugins=uses.guards(cluster.plugins)) if cluster.plugins else cluster
        for name, cluster in snapshot.clusters.items()
    }
    if uses.missing:
        snapshot = msgspec.structs.replace(snapshot, listeners=listeners, route_tables=tables, clusters=clusters)
    return Held(snapshot, tuple(uses.found), tuple(uses.missing))


class _Uses:
    def __init__(self, installed: Mapping[str, str] | None, wanted: Callable[[PluginConfig], str]) -> None:
        self._installed = installed
        self._wanted = wanted
        self.found: list[PluginConfig] = []
        self.missing: list[PluginConfig] = []

    def listener(self, listener: Listener) -> Listener:
        if not any(chain.plugins for chain in listener.filter_chains):
            return listener
        chains = [msgspec.structs.replace(chain, plugins=self.filters(chain.plugins)) for chain in listener.filter_chains]
        return msgspec.structs.replace(listener, filter_chains=tuple(chains))

    def table(self, table: RouteTable) -> RouteTable:
        if not any(route.plugins for host in table.virtual_hosts for route in host.routes):
            return table
        hosts = [
            msgspec.structs.replace(host, routes=tuple([self._route(route) for route in host.routes]))
            for host in table.virtual_hosts
        ]
        return msgspec.structs.replace(table, virtual_hosts=tuple(hosts))

    def _route(self, route: Route) -> Route:
        return msgspec.structs.replace(route, plugins=self.filters(route.plugins)) if route.plugins else route

    def filters(self, plugins: Plugins) -> Plugins:
        told: list[PluginConfig] = []
        for config in plugins:
            why = self._why_missing(config)
            if not why:
                told.append(config)
            elif config.failure == "closed":
                told.append(msgspec.structs.replace(config, missing=why))
        return tuple(told)

    def guards(self, plugins: Plugins) -> Plugins:
        return tuple([config for config in plugins if not self._why_missing(config)])

    def _why_missing(self, config: PluginConfig) -> str:
        """Why the proxy cannot use it, for a person; empty: it can."""
        self.found.append(config)
        if self._installed is None:
            return ""
        version, wanted = self._installed.get(config.plugin), self._wanted(config)
        if version is None:
            why = "it is not installed"
        elif not suits(wanted, version):
            why = f"{version[:_LONGEST_SHOWN] or 'an unknown version'} is installed, and {wanted} is wanted"
        else:
            return ""
        self.missing.append(config)
        return why
