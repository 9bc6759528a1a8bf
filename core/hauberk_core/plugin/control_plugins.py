"""The control halves at work: what they add to kinds, to a proxy's configuration, and to the command."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hauberk_core.model.errors import ConfigError
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.plugin.control import Attached, Command, JsonObject, PolicyUse, Problem, Resource, Scope
from hauberk_core.plugin.host import PluginHost
from hauberk_core.resources.gateway_api.rule_name import without_port
from hauberk_core.resources.registry import Kinds


def with_plugin_kinds(host: PluginHost, kinds: Kinds) -> tuple[Kinds, list[ConfigError]]:
    """`kinds` and those that plugins understand, and what is wrong with plugins whose kinds are left out."""
    problems: list[ConfigError] = []
    for name, found in _ask(host, "hauberk_kinds", problems):
        try:
            kinds = kinds.with_kinds(_checked_kinds(found))
        except (TypeError, ValueError) as error:
            problems.append(_failure(name, "hauberk_kinds", error))
    return kinds, problems


def plugin_commands(host: PluginHost) -> tuple[list[Command], list[ConfigError]]:
    """The subcommands that plugins bring, and what is wrong with those that are left out."""
    commands: list[Command] = []
    problems: list[ConfigError] = []
    for name, found in _ask(host, "hauberk_commands", problems):
        if not isinstance(found, list | tuple) or not all(isinstance(item, Command) for item in found):
            error = TypeError("hauberk_commands returned something other than a list of Command")
            problems.append(_failure(name, "hauberk_commands", error))
        else:
            commands.extend(found)
    return commands, problems


def read_policy(host: PluginHost, plugin: str, kind: str, config: JsonObject) -> PolicyUse:
    """What a PluginPolicy means to its plugin, if that is here and has something to say.

    Raises: ValueError, with a sentence for a person, if it says that the policy is wrong.
    """
    if plugin not in host.names() or "hauberk_policy" not in host.hooks(plugin):
        return PolicyUse()
    try:
        use = host.call(plugin, "hauberk_policy", kind=kind, config=config.decode())
    except Exception as error:
        # A stranger's code; raising is its way to say no.
        raise ValueError(f"the plugin {plugin} refuses it: {str(error) or type(error).__name__}") from error
    if use is not None and not isinstance(use, PolicyUse):
        raise ValueError(f"the plugin {plugin} returned a {type(use).__name__}, which is no PolicyUse")
    return use or PolicyUse()


class Added(NamedTuple):
    """What came of asking all plugins about one proxy."""

    snapshot: Snapshot
    """The one given if nothing was added."""
    problems: tuple[Problem, ...]
    """What is wrong with resources, by plugins' word."""
    failures: tuple[ConfigError, ...]
    """Of plugins, which then add nothing."""


def attach_plugins(host: PluginHost, scope: Scope, snapshot: Snapshot) -> Added:
    """Add to one proxy's configuration what plugins want there, behind what it has."""
    problems: list[Problem] = []
    failures: list[ConfigError] = []
    for name, attached in _ask(host, "hauberk_translate", failures, scope=scope):
        if isinstance(attached, Attached):
            snapshot = _add(snapshot, attached)
            problems.extend(attached.problems)
        elif attached is not None:
            error = TypeError(f"hauberk_translate returned a {type(attached).__name__}, which is no Attached")
            failures.append(_failure(name, "hauberk_translate", error))
    return Added(snapshot, tuple(problems), tuple(failures))


def _ask(host: PluginHost, hook: str, failures: list[ConfigError], **arguments: object) -> Iterator[tuple[str, object]]:
    """The answer of each plugin that implements `hook`, under its name; those that raise are noted in `failures`."""
    for name in host.names():
        if hook in host.hooks(name):
            try:
                answer = host.call(name, hook, **arguments)
            except Exception as error:
                failures.append(_failure(name, hook, error))
            else:
                yield name, answer


def _checked_kinds(found: object) -> list[type[Resource]]:
    """Raises: TypeError for anything but a list of kinds that objects can be read into."""
    if not isinstance(found, list | tuple):
        raise TypeError("hauberk_kinds returned no list")
    for kind in found:
        if not (isinstance(kind, type) and issubclass(kind, Resource)):
            raise TypeError(f"{kind!r} is no class derived from Resource")
        told = [getattr(kind, name, "") for name in ("GROUP", "KIND", "VERSIONS")]
        if not all(told) or not isinstance(told[2], tuple):
            raise TypeError(f"{kind.__name__} wants a GROUP, a KIND and a tuple of VERSIONS")
    return list(found)


def _failure(plugin: str, hook: str, error: Exception) -> ConfigError:
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
            added = uses.get(without_port(route.name))
            changed = changed or added is not None
            routes.append(route if added is None else msgspec.structs.replace(route, plugins=route.plugins + added))
        hosts.append(msgspec.structs.replace(host, routes=tuple(routes)))
    return msgspec.structs.replace(table, virtual_hosts=tuple(hosts)) if changed else table
