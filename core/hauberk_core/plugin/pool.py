"""Makes what a configuration wants of plugins, keeps what did not change, and lets go of the rest.

A new configuration is built aside: new objects are made, those whose `PluginConfig` is the same at the same place are taken over,
and only when the whole is accepted does the one before let go of its own.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import Path, write_path
from hauberk_core.model.listener import Listener
from hauberk_core.model.plugin import PHASES, PluginConfig
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.transport import Security
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.plugin.chain import ChainFilters, Filters, PluginUse, overrides
from hauberk_core.plugin.errors import PluginMissing
from hauberk_core.plugin.filters import AsyncFilter, Backend, Observer, Picker, SyncFilter
from hauberk_core.plugin.identity import Identity
from hauberk_core.plugin.missing import MissingFilter
from hauberk_core.plugin.part import IsolatedGuard, IsolatedPicker, Part, PluginFaults, WatchingObserver
from hauberk_core.plugin.running import Running
from hauberk_core.plugin.services import Services
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.upstream.guard import Guard

if TYPE_CHECKING:
    # Only a worker whose configuration names a plugin pays for looking for them.
    from hauberk_core.plugin.host import PluginHost

_FILTER_METHODS: Final = ("request", "request_body", "response", "response_body")
_EXCHANGE_HOOKS: Final = ("hauberk_request_filter", "hauberk_backend_picker", "hauberk_observer")
_GUARD_HOOKS: Final = ("hauberk_upstream_guard",)

UseKey = tuple[Path, PluginConfig, int]
"""Where, with what, and how many of the same stand before it there."""


class PluginMistake(NamedTuple):
    """One use of a plugin that cannot be."""

    path: Path
    message: str
    hint: str


class PluginsRefused(ValueError):
    """A configuration asks for what plugins cannot do; `mistakes` has every place."""

    def __init__(self, mistakes: list[PluginMistake]) -> None:
        super().__init__("; ".join([f"{write_path(path)}: {message} ({hint})" for path, message, hint in mistakes]))
        self.mistakes: Final = mistakes


class PluginStep:
    """All that plugins made for one configuration. Held until `release`."""

    def __init__(self) -> None:
        self.filters: Final[dict[tuple[str, int], ChainFilters]] = {}
        self.guards: Final[dict[str, tuple[Guard, ...]]] = {}
        self.uses: Final[dict[UseKey, PluginUse]] = {}
        self.parts: Final[list[Part]] = []

    def release(self) -> None:
        """The configuration is no longer in force, or never came to be."""
        for filters in self.filters.values():
            filters.release()
        for part in self.parts:
            part.let_go()


class PluginPool:
    """One worker's plugins at work."""

    def __init__(
        self,
        find: Callable[[], "PluginHost"],
        services: Callable[[str], Services],
        meter: Callable[[str], StepMeter],
        faults: PluginFaults,
        running: Running | None = None,
    ) -> None:
        """Prepare.

        Args: find - called when a configuration first names a plugin, because looking for them takes time and memory;
            services, meter - for the plugin of a name; running - where calls are noted, for whoever looks at that.
        """
        self._running: Final = running or Running()
        self._find: Final = find
        self._services: Final = services
        self._meter: Final = meter
        self._faults: Final = faults
        self._host: PluginHost | None = None
        self._known_services: Final[dict[str, Services]] = {}
        self._meters: Final[dict[str, StepMeter]] = {}
        self._in_force = PluginStep()

    def prepare(
        self,
        listeners: Mapping[str, Listener],
        tables: Mapping[str, tuple[RouteTable, CompiledTable]],
        clusters: Mapping[str, Cluster],
    ) -> PluginStep:
        """Make what the configuration wants; nothing is in force yet.

        Raises: PluginsRefused, with every mistake; what was made is closed then.
        """
        builder = _Builder(self, self._in_force.uses)
        builder.build(listeners, tables, clusters)
        if builder.mistakes:
            builder.step.release()
            raise PluginsRefused(builder.mistakes)
        return builder.step

    def keep(self, step: PluginStep) -> None:
        """The step is in force: let go of the one before."""
        before = self._in_force
        self._in_force = step
        before.release()

    def security(self, config: TransportConfig, identity: Identity) -> Security:
        """How a transport is secured that leaves it to a plugin.

        Raises: PluginMissing if no plugin does it; ValueError if one refuses or fails.
        """
        host = self.host()
        for name in host.names():
            if "hauberk_transport" in host.hooks(name):
                try:
                    made = host.call(name, "hauberk_transport", config=config, identity=identity, services=self.services(name))
                except Exception as error:
                    raise ValueError(f"plugin {name} cannot secure a transport: {error}") from error
                if isinstance(made, Security):
                    return made
                if made is not None:
                    raise ValueError(f"plugin {name} returned a {type(made).__name__} where a Security is wanted")
        raise PluginMissing(
            f"no plugin secures transports of the kind {config.security!r}", "install one, for example hauberk's mtls"
        )

    def host(self) -> "PluginHost":
        """The installed plugins."""
        if self._host is None:
            self._host = self._find()
        return self._host

    def services(self, plugin: str) -> Services:
        """What one plugin is offered."""
        known = self._known_services.get(plugin)
        if known is None:
            known = self._known_services[plugin] = self._services(plugin)
        return known

    def new_part(self, plugin: str, made: SyncFilter | AsyncFilter | Picker | Observer | Guard) -> Part:
        """Wrap what a plugin made."""
        meter = self._meters.get(plugin)
        if meter is None:
            meter = self._meters[plugin] = self._meter(plugin)
        self._running.knows(plugin, made)
        return Part(plugin, made, meter, self._faults, self._running)


class _Builder:
    def __init__(self, pool: PluginPool, known: dict[UseKey, PluginUse]) -> None:
        self.step: Final = PluginStep()
        self.mistakes: Final[list[PluginMistake]] = []
        self._pool: Final = pool
        self._known: Final = known

    def build(
        self,
        listeners: Mapping[str, Listener],
        tables: Mapping[str, tuple[RouteTable, CompiledTable]],
        clusters: Mapping[str, Cluster],
    ) -> None:
        routes = {name: self._routes(name, table) for name, (table, _) in tables.items()}
        for name, listener in listeners.items():
            for index, chain in enumerate(listener.filter_chains):
                path: Path = ("listeners", name, "filter_chains", index)
                if not chain.route_table:
                    # Octets that pass as they are have no requests.
                    continue
                chain_uses = self._uses(chain.plugins, path, _EXCHANGE_HOOKS)
                table, compiled = tables[chain.route_table]
                filters = _chain_filters(chain_uses, table, compiled, routes[chain.route_table])
                if filters is not None:
                    self.step.filters[name, index] = filters
        for name, cluster in clusters.items():
            uses = self._uses(cluster.plugins, ("clusters", name), _GUARD_HOOKS)
            if uses:
                self.step.guards[name] = tuple([use.guard for use in uses if use.guard is not None])

    def _routes(self, name: str, table: RouteTable) -> dict[tuple[str, str], list[PluginUse]]:
        found: dict[tuple[str, str], list[PluginUse]] = {}
        for number, virtual_host in enumerate(table.virtual_hosts):
            for position, route in enumerate(virtual_host.routes):
                if route.plugins:
                    path: Path = ("route_tables", name, "virtual_hosts", number, "routes", position)
                    place: Path = ("route_tables", name, virtual_host.name, route.name)
                    found[virtual_host.name, route.name] = self._uses(route.plugins, path, _EXCHANGE_HOOKS, place)
        return found

    def _uses(
        self, configs: tuple[PluginConfig, ...], path: Path, hooks: tuple[str, ...], place: Path | None = None
    ) -> list[PluginUse]:
        """What `configs` want, in the order of their turns. Args: place - what makes it the same in the next configuration."""
        uses: list[PluginUse] = []
        same: dict[PluginConfig, int] = {}
        for index, config in sorted(enumerate(configs), key=_turn):
            number = same.get(config, 0)
            same[config] = number + 1
            key = (place or path, config, number)
            use = self._known.get(key)
            if use is None:
                use = self._make(config, (*path, "plugins", index), hooks, _place_name(place or path))
                if use is None:
                    continue
            parts = use.parts()
            if use.guard is not None:
                parts.append(use.guard.part)
            for part in parts:
                part.hold()
            self.step.parts.extend(parts)
            self.step.uses[key] = use
            uses.append(use)
        return uses

    def _make(self, config: PluginConfig, path: Path, hooks: tuple[str, ...], place: str) -> PluginUse | None:
        """Have one plugin make what it offers for a place. Returns: None if it could not; the mistake is noted then."""
        made: list[object] = []
        name = config.plugin
        if config.missing:
            return self._wrap(config, [MissingFilter(name, config.missing)])
        try:
            host = self._pool.host()
            host.require(name)
            offered = [hook for hook in hooks if hook in host.hooks(name)]
            for hook in offered:
                arguments: dict[str, object] = {"config": config.config.decode(), "services": self._pool.services(name)}
                if hook == "hauberk_request_filter":
                    arguments["place"] = place
                if hook in _GUARD_HOOKS:
                    arguments["cluster"] = path[1]
                thing = host.call(name, hook, **arguments)
                if thing is not None:
                    made.append(thing)
                    _check_class(hook, thing)
            if not made:
                offers = ", ".join(host.hooks(name))
                raise PluginMissing(f"the plugin {name} has nothing for this place; its hooks are {offers}", "remove it here")
        except PluginMissing as error:
            self.mistakes.append(PluginMistake((*path, "plugin"), str(error), error.hint))
        except Exception as error:
            # A stranger's factory: what it raises is its way to say no.
            what = str(error) or type(error).__name__
            self.mistakes.append(
                PluginMistake((*path, "config"), f"the plugin {name} refuses it: {what}", "see the plugin's own manual")
            )
        else:
            return self._wrap(config, made)
        for thing in made:
            if isinstance(thing, SyncFilter | AsyncFilter | Picker | Observer | Guard):
                part = self._pool.new_part(name, thing)
                part.hold()
                part.let_go()
        return None

    def _wrap(self, config: PluginConfig, made: list[object]) -> PluginUse:
        use = PluginUse(config)
        for thing in made:
            if isinstance(thing, SyncFilter | AsyncFilter):
                use.filter = self._pool.new_part(config.plugin, thing)
            elif isinstance(thing, Picker):
                use.picker = IsolatedPicker(self._pool.new_part(config.plugin, thing), thing, overrides(thing, Picker, "instead"))
            elif isinstance(thing, Observer):
                use.observer = WatchingObserver(self._pool.new_part(config.plugin, thing), thing)
            elif isinstance(thing, Guard):
                use.guard = IsolatedGuard(self._pool.new_part(config.plugin, thing), thing)
        return use


_CLASSES: Final[dict[str, tuple[type, ...]]] = {
    "hauberk_request_filter": (SyncFilter, AsyncFilter),
    "hauberk_backend_picker": (Picker,),
    "hauberk_observer": (Observer,),
    "hauberk_upstream_guard": (Guard,),
}


def _check_class(hook: str, made: object) -> None:
    """Compiled code holds objects to their classes, plain code would not: refused here, so that both agree."""
    wanted = _CLASSES[hook]
    if not isinstance(made, wanted):
        names = " or ".join([known.__name__ for known in wanted])
        raise TypeError(f"{hook} returned a {type(made).__name__}, which is no {names}")
    if isinstance(made, SyncFilter):
        for method in _FILTER_METHODS:
            if inspect.iscoroutinefunction(getattr(made, method)):
                raise TypeError(f"{type(made).__name__}.{method} is a coroutine function; derive the class from AsyncFilter")


def _place_name(place: Path) -> str:
    """What a plugin is told of where it is used."""
    return f"route/{place[-1]}" if place[0] == "route_tables" else f"listener/{place[1]}"


def _turn(numbered: tuple[int, PluginConfig]) -> tuple[int, int, int]:
    index, config = numbered
    return PHASES.index(config.phase), config.priority, index


def _chain_filters(
    chain: list[PluginUse], table: RouteTable, compiled: CompiledTable, routes: dict[tuple[str, str], list[PluginUse]]
) -> ChainFilters | None:
    """What the exchanges of a filter chain meet; None where that is nothing."""
    if not chain and not routes:
        return None
    picks = any(use.picker is not None for use in chain)
    by_route: dict[tuple[str, str], Filters] = {}
    for virtual_host in table.virtual_hosts:
        for route in virtual_host.routes:
            uses = routes.get((virtual_host.name, route.name), [])
            backends = _backends(route)
            if uses or (picks and len(backends) > 1):
                by_route[virtual_host.name, route.name] = Filters(chain, uses, backends, True)
    return ChainFilters(compiled, Filters(chain, [], (), False), by_route)


def _backends(route: Route) -> tuple[Backend, ...]:
    """In the order of the route's decisions; none where these lead to no backend."""
    total = sum(backend.weight for backend in route.backends)
    if route.redirect is not None or not total:
        return ()
    return tuple([Backend(backend.cluster, backend.weight / total) for backend in route.backends])
