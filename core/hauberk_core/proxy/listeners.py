"""The listeners of TCP of one worker, and how they follow the configuration."""

from collections.abc import Callable
from typing import Final

from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.net.by_name import ByNameSecurity
from hauberk_core.net.loop import Loop
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.tls import TlsSecurity
from hauberk_core.net.transport import Security
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.proxy.chain import Chain, ChainOwner
from hauberk_core.proxy.listener import ListenerRuntime
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.dice import SILVER_RATIO, Dice
from hauberk_core.route.table import compile_table

# Of a chain that routes nothing.
_NO_TABLE: Final = compile_table(RouteTable())


class Listeners:
    """Those in use, and those that only finish what they began."""

    def __init__(
        self, loop: Loop, owner: ChainOwner, meters: ProxyMeters, other_codecs: OtherCodecs, random: Callable[[], float]
    ) -> None:
        self._loop: Final = loop
        self._owner: Final = owner
        self._meters: Final = meters
        self._other_codecs: Final = other_codecs
        self._random: Final = random
        self._listeners: dict[str, ListenerRuntime] = {}
        self._closing: list[ListenerRuntime] = []

    def apply(self, update: ProxyUpdate, accepts: bool) -> None:
        """Follow `update`, whose clusters are at work already. Args: accepts - whether to take anything new at all."""
        listeners: dict[str, ListenerRuntime] = {}
        for name, (config, listening) in update.listeners.items():
            runtime = self._listeners.get(name)
            if runtime is None or runtime.listening is not listening:
                runtime = ListenerRuntime(name, self._loop, listening, self._meters.listener_meters(name), self._owner)
            self._configure(runtime, name, config, update)
            listeners[name] = runtime
        replaced = self._listeners
        self._listeners = listeners
        self._closing = [listener for listener in self._closing if listener.connections]
        for name, runtime in replaced.items():
            if listeners.get(name) is not runtime:
                _close(runtime)
                self._closing.append(runtime)
        if accepts:
            for runtime in listeners.values():
                runtime.open()

    def drain(self) -> None:
        """Accept nothing more, and let each connection end behind its last answer."""
        for listener in self._listeners.values():
            _close(listener)

    def tighten(self) -> None:
        """Limits are near: let connections hold less than they may."""
        for listener in self._all():
            for connection in list(listener.connections):
                connection.tighten()

    def connections(self) -> int:
        """Connections that are open."""
        count = 0
        for listener in self._all():
            count += len(listener.connections)
        return count

    def exchanges(self) -> int:
        """Exchanges under way."""
        count = 0
        for listener in self._all():
            for connection in listener.connections:
                count += connection.exchanges()
        return count

    def _all(self) -> list[ListenerRuntime]:
        return [*self._listeners.values(), *self._closing]

    def _configure(self, runtime: ListenerRuntime, name: str, config: Listener, update: ProxyUpdate) -> None:
        chains: list[Chain] = []
        security: Security | None = None
        port = config.public_port or runtime.listening.port()
        for index, chain_config in enumerate(config.filter_chains):
            context = update.server_contexts.get((name, index))
            given = update.server_securities.get((name, index))
            # What a plugin secures is secured between proxies; behind them, as before them, is what the client spoke.
            is_https = context is not None or (given is not None and chain_config.transport.security == "tls")
            scheme = "https" if is_https else "http"
            chain = self._chain(runtime, index, chain_config, update, scheme, port)
            filters = update.filters.get((name, index))
            if filters is not None:
                self._bind_backends(filters)
            chain.filters = filters
            chains.append(chain)
            if config.captured:
                chain.security = given if context is None else TlsSecurity(context, True, "")
            if given is not None and (security is None or not chain_config.server_names):
                security = given
            if context is not None and (security is None or not chain_config.server_names):
                security = TlsSecurity(context, True, "")
        names: ServerNames | None = None
        if not config.captured and _goes_by_name(config):
            names = ServerNames([chain.server_names for chain in config.filter_chains])
            security = ByNameSecurity(names, [chain.protocol == "tls" for chain in config.filter_chains], security)
        runtime.configure(chains, security, config.captured, names, config.proxy_protocol_from, config.max_connections)

    def _bind_backends(self, filters: ChainFilters) -> None:
        """Let pickers see the clusters at work."""
        for route in filters.routes.values():
            for backend in route.backends:
                target = self._owner.target(backend.cluster)
                backend.bind(None if target is None else target.cluster)

    def _chain(
        self, runtime: ListenerRuntime, index: int, config: FilterChain, update: ProxyUpdate, scheme: str, port: int
    ) -> Chain:
        table = update.route_tables[config.route_table] if config.route_table else _NO_TABLE
        old = runtime.chains[index] if index < len(runtime.chains) else None
        if old is not None and old.port == port and (old.config is config or (old.config == config and old.scheme == scheme)):
            # Connections hold on to their chain: those that are open follow the new table with their next request.
            old.table = table
            return old
        start = self._random()
        return Chain(self._owner, config, table, Dice(start), Dice(start, SILVER_RATIO), scheme, port, self._other_codecs)


def _goes_by_name(config: Listener) -> bool:
    """Whether the server name must be known before anything is answered: octets must not pass to whom they are not for."""
    for chain in config.filter_chains:
        if chain.protocol == "tls" or (chain.protocol != "http" and chain.transport.security == "tls"):
            return True
    return False


def _close(listener: ListenerRuntime) -> None:
    listener.close()
    for connection in list(listener.connections):
        connection.drain()
