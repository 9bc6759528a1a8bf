"""The control halves at work: what they add to kinds, to a proxy's configuration, and to the command."""

from typing import TypeVar

import msgspec

from hauberk_core.model.errors import ConfigError
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.plugin.control import Attached, Command, Kind, Scope
from hauberk_core.plugin.host import PluginHost

Item = TypeVar("Item")


def plugin_kinds(host: PluginHost) -> tuple[list[Kind], list[ConfigError]]:
    """The kinds of resources that plugins understand, and what is wrong with those that are left out."""
    return _gather(host, "hauberk_kinds", Kind)


def plugin_commands(host: PluginHost) -> tuple[list[Command], list[ConfigError]]:
    """The subcommands that plugins bring, and what is wrong with those that are left out."""
    return _gather(host, "hauberk_commands", Command)


def attach_plugins(host: PluginHost, scope: Scope, snapshot: Snapshot) -> tuple[Snapshot, tuple[ConfigError, ...]]:
    """Add to one proxy's configuration what plugins want there, behind what it has.

    Returns: the snapshot (the same object if nothing was added), and what is wrong: with resources, by their plugins' word, and
    with plugins that failed and add nothing.
    """
    problems: list[ConfigError] = []
    for name in host.names():
        if "hauberk_translate" not in host.hooks(name):
            continue
        try:
            attached = host.call(name, "hauberk_translate", scope=scope)
            if attached is not None and not isinstance(attached, Attached):
                raise TypeError(f"hauberk_translate returned a {type(attached).__name__}, which is no Attached")
        except Exception as error:
            problems.append(_problem(name, "hauberk_translate", error))
            continue
        if attached is not None:
            snapshot = _add(snapshot, attached)
            problems.extend(attached.problems)
    return snapshot, tuple(problems)


def _gather(host: PluginHost, hook: str, wanted: type[Item]) -> tuple[list[Item], list[ConfigError]]:
    items: list[Item] = []
    problems: list[ConfigError] = []
    for name in host.names():
        if hook in host.hooks(name):
            try:
                found = host.call(name, hook)
                if not isinstance(found, list | tuple) or not all(isinstance(item, wanted) for item in found):
                    raise TypeError(f"{hook} returned something other than a list of {wanted.__name__}")
            except Exception as error:
                problems.append(_problem(name, hook, error))
            else:
                items.extend(found)
    return items, problems


def _problem(plugin: str, hook: str, error: Exception) -> ConfigError:
    what = str(error) or type(error).__name__
    return ConfigError(
        origin=f"plugin {plugin}",
        message=f"{hook} failed, and the plugin adds nothing: {what}",
        hint="report it to the plugin's author, or switch the plugin off",
    )


def _add(snapshot: Snapshot, attached: Attached) -> Snapshot:
    if not attached.listener and not attached.routes and not attached.clusters:
        return snapshot
    listeners = snapshot.listeners
    if attached.listener:
        listeners = {name: _to_listener(listener, attached.listener) for name, listener in listeners.items()}
    tables = snapshot.route_tables
    if attached.routes:
        tables = {name: _to_table(table, attached.routes) for name, table in tables.items()}
    clusters = snapshot.clusters
    if attached.clusters:
        clusters = {
            name: msgspec.structs.replace(cluster, plugins=cluster.plugins + attached.clusters[name])
            if name in attached.clusters
            else cluster
            for name, cluster in clusters.items()
        }
    return msgspec.structs.replace(snapshot, listeners=listeners, route_tables=tables, clusters=clusters)


def _to_listener(listener: Listener, uses: tuple[PluginConfig, ...]) -> Listener:
    chains: list[FilterChain] = [msgspec.structs.replace(chain, plugins=chain.plugins + uses) for chain in listener.filter_chains]
    return msgspec.structs.replace(listener, filter_chains=tuple(chains))


def _to_table(table: RouteTable, uses: dict[str, tuple[PluginConfig, ...]]) -> RouteTable:
    hosts = []
    changed = False
    for host in table.virtual_hosts:
        routes: list[Route] = []
        for route in host.routes:
            added = uses.get(route.name)
            changed = changed or added is not None
            routes.append(route if added is None else msgspec.structs.replace(route, plugins=route.plugins + added))
        hosts.append(msgspec.structs.replace(host, routes=tuple(routes)))
    return msgspec.structs.replace(table, virtual_hosts=tuple(hosts)) if changed else table
