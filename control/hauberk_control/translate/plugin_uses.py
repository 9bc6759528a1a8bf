"""Which plugins a snapshot uses, and what becomes of those that its proxy lacks.

A proxy would refuse the whole configuration for one plugin that it does not have. So it is told of such a plugin only what it can
do without it: with `failure: open` nothing at all, with `closed` that it is `missing`, and then the requests in question are
answered with 503, as if the plugin had failed. Guards fail open by their nature, so that a missing one is left out.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from hauberk_core.model.listener import Listener
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.model.snapshot import Snapshot

Plugins = tuple[PluginConfig, ...]


class Held(NamedTuple):
    """A snapshot, held against the plugins of its proxy."""

    snapshot: Snapshot
    """The one given if nothing is missing."""
    uses: Plugins
    """Of plugins, in the order in which they stand; the same objects as in the snapshot that was given."""
    missing: Plugins
    """Those of `uses` whose plugins the proxy lacks."""


def hold_against(snapshot: Snapshot, installed: Mapping[str, str] | None) -> Held:
    """Take out what the proxy cannot do. Args: installed - its plugins; None: it does not say, and is taken to have all."""
    uses = _Uses(installed)
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
    def __init__(self, installed: Mapping[str, str] | None) -> None:
        self._installed = installed
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
            if not self._lacks(config):
                told.append(config)
            elif config.failure == "closed":
                told.append(msgspec.structs.replace(config, missing=True))
        return tuple(told)

    def guards(self, plugins: Plugins) -> Plugins:
        return tuple([config for config in plugins if not self._lacks(config)])

    def _lacks(self, config: PluginConfig) -> bool:
        self.found.append(config)
        lacks = self._installed is not None and config.plugin not in self._installed
        if lacks:
            self.missing.append(config)
        return lacks
