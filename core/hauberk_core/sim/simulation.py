"""A whole proxy on virtual time, served by scripts: no sockets, no threads, no waiting, and every run the same."""

import random
import tempfile
from typing import Final, Self

from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.h11_codec import H11Client, H11Server
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.model.listener import HttpLimits, Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.net.datagrams import DatagramListening
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.transport import Listening
from hauberk_core.observe.access_log import AccessLogWriter
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.line_format import LineFormat
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.metrics import DATAGRAMS, DROPPED_DATAGRAMS, MIRRORED, PLUGIN_COUNT
from hauberk_core.observe.mirror_meters import RESULTS
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.observe.record import Record
from hauberk_core.observe.text_line import TextLine
from hauberk_core.plugin.host import PluginHost
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool
from hauberk_core.plugin.services import HttpClient
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.proxy.core import ProxyCore
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.table import compile_table
from hauberk_core.sim.clock import VirtualClock
from hauberk_core.sim.datagrams import DatagramPeer
from hauberk_core.sim.network import WINDOW_BYTES, VirtualNetwork
from hauberk_core.sim.peer import Peer, ScriptedEndpoint
from hauberk_core.sim.poller import VirtualPoller
from hauberk_core.sim.stream import VirtualListening, VirtualTransport
from hauberk_core.sim.waiting import ScriptedWaiting
from hauberk_core.upstream.resolver import NameWatcher, Resolver

PROXY_HOST: Final = "192.0.2.10"
CLIENT_HOST: Final = "198.51.100.1"
# A scenario moves a few MiB at most. A loop that is still busy after this many rounds is ready for something that it never does.
_MOST_ROUNDS: Final = 20_000
# Room for the series of a handful of clusters.
_CELLS: Final = 1 << 14
_DIRECTORY_BYTES: Final = 1 << 17


class Simulation:
    """Owns the loop, the network and the proxy, and lets time pass. TLS is not simulated."""

    def __init__(
        self, snapshot: Snapshot, seed: int | None = None, window: int = WINDOW_BYTES, plugins: PluginHost | None = None
    ) -> None:
        """Serve `snapshot`, which must have been checked.

        Args: seed - cut transfers and shuffle events by it, None: everything whole and in order; window - octets that wait in
            each direction of a connection before its sender must; plugins - that the snapshot may name, None: those installed.
        Raises: ValueError if the snapshot wants TLS; PluginsRefused if it wants what plugins do not offer.
        """
        self.clock: Final = VirtualClock()
        self.network: Final = VirtualNetwork(seed, window)
        self.resolver: Final = ScriptedResolver()
        self.records: Final[list[Record]] = []
        """One for each finished exchange, in their order."""
        self.faults: Final[list[Exception]] = []
        """Faults of the proxy's own code that the loop caught: there should be none."""
        self.loop: Final = Loop(self.clock, VirtualPoller(self.network), _KeptFaults(self.faults))
        randomness = random.Random(seed or 0)  # noqa: S311
        self.plugin_faults: Final[list[tuple[str, str, Exception]]] = []
        """Faults of plugins: whose, in which call, and what."""
        self.exported: Final[list[tuple[str, bytes]]] = []
        """What plugins handed over for export."""
        self.waiting: Final = ScriptedWaiting(self.loop, self.clock)
        self._cells: Final = _new_cells()
        self._found: Final = plugins
        self.plugins: Final = PluginPool(
            self._find_plugins, self._services, self._step_meter, _KeptPluginFaults(self.plugin_faults)
        )
        self._log: Final = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.core: Final = ProxyCore(
            self.loop,
            VirtualTransport(self.network, PROXY_HOST),
            ProxyMeters(self._cells),
            AccessLogWriter(self._log.fileno(), _KeptRecords(self.records)),
            self.resolver,
            _LibraryCodecs(),
            randomness.random,
            randomness.randbytes,
            self.waiting,
        )
        self.snapshot = snapshot
        """The one that is served."""
        self._clients: Final[list[Peer]] = []
        self._endpoints: Final[list[ScriptedEndpoint]] = []
        self._listenings: dict[str, tuple[Listener, Listening]] = {}
        self._datagrams: dict[str, tuple[Listener, DatagramListening]] = {}
        self._tables: dict[str, tuple[RouteTable, CompiledTable]] = {}
        try:
            self.apply(snapshot)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the log's file."""
        self._log.close()

    def apply(self, snapshot: Snapshot) -> None:
        """Serve by another snapshot from now on; what did not change stays as it is.

        Raises: ValueError if the snapshot wants TLS, OSError if an address is in use, PluginsRefused; nothing has changed then.
        """
        _refuse_tls(snapshot)
        listeners: dict[str, tuple[Listener, Listening]] = {}
        datagrams: dict[str, tuple[Listener, DatagramListening]] = {}
        for name, config in snapshot.listeners.items():
            if config.datagrams is not None:
                bound = self._datagrams.get(name)
                same = bound is not None and bound[0].address == config.address
                datagrams[name] = (config, bound[1] if same and bound is not None else self.network.bind(config.address))
                continue
            old = self._listenings.get(name)
            if old is None or old[0].address != config.address:
                listeners[name] = (config, self.network.listen(config.address))
            else:
                listeners[name] = old if old[0] == config else (config, old[1])
        tables: dict[str, tuple[RouteTable, CompiledTable]] = {}
        for name, table in snapshot.route_tables.items():
            known = self._tables.get(name)
            tables[name] = known if known is not None and known[0] == table else (table, compile_table(table))
        step = self.plugins.prepare(snapshot.listeners, tables, snapshot.clusters)
        self._listenings = listeners
        self._datagrams = datagrams
        self._tables = tables
        self.core.apply(
            ProxyUpdate(
                version=snapshot.version,
                listeners=listeners,
                route_tables={name: compiled for name, (_, compiled) in tables.items()},
                clusters=snapshot.clusters,
                server_contexts={},
                client_contexts={},
                access_log=snapshot.access_log,
                filters=step.filters,
                guards=step.guards,
                server_securities={},
                client_securities={},
                datagram_listeners={
                    name: (config.datagrams, bound) for name, (config, bound) in datagrams.items() if config.datagrams is not None
                },
                shared_contexts={},
                shared_securities={},
            )
        )
        self.plugins.keep(step)
        self.snapshot = snapshot

    def client(self, address: str, host: str = CLIENT_HOST) -> Peer:
        """A new connection of a client to one of the proxy's listeners."""
        peer = Peer(self.network.connect(host, address), self.run)
        self._clients.append(peer)
        return peer

    def endpoint(self, address: str) -> ScriptedEndpoint:
        """A server at `host:port`. Where there is none, connects are refused, or end as `network.doom` says."""
        endpoint = ScriptedEndpoint(self.network.listen(address), self.run)
        self._endpoints.append(endpoint)
        return endpoint

    def datagram_peer(self, address: str) -> DatagramPeer:
        """A client or an endpoint of UDP at `host:port`."""
        return DatagramPeer(self.network.bind(address))

    def datagram_cells(self, listener: str) -> list[int]:
        """What a listener of UDP has counted, in the order of its group of metrics."""
        return list(self._cells.view(DATAGRAMS, (listener,)))

    def dropped_datagrams(self, listener: str, cause: str) -> int:
        """How many datagrams went no further, for one cause."""
        return self._cells.view(DROPPED_DATAGRAMS, (listener, cause))[0]

    def mirrored(self, cluster: str) -> dict[str, int]:
        """What became of the copies that went to a cluster, so far: how many, by result."""
        found = {result: self._cells.view(MIRRORED, (cluster, result))[0] for result in RESULTS}
        return {result: count for result, count in found.items() if count}

    def listening(self, name: str) -> VirtualListening:
        """What the listener of this name accepts from. Raises: KeyError."""
        listening = self._listenings[name][1]
        assert isinstance(listening, VirtualListening)
        return listening

    def run(self) -> None:
        """Let everybody act until nobody can, without time passing.

        Raises: RuntimeError if that never comes to an end.
        """
        for _ in range(_MOST_ROUNDS):
            busy = self.loop.run_ready() > 0
            busy = self.waiting.act() or busy
            for client in self._clients:
                busy = client.act() or busy
            for endpoint in self._endpoints:
                busy = endpoint.act() or busy
            if not busy:
                return
        raise RuntimeError(f"no rest within {_MOST_ROUNDS} rounds: something is ready that nobody looks after")

    def advance(self, seconds: float) -> None:
        """Let time pass: every timer fires at its own moment, and what it sets off happens before the next."""
        end = self.clock.now() + seconds
        self.run()
        while (due := min(self.loop.wheel.next_due(None), self.waiting.next_due())) <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self.loop.run_timers()
            self.run()
        self.clock.move_to(end)
        self.run()

    def plugin_count(self, plugin: str, name: str) -> int:
        """One of a plugin's counters."""
        return self._cells.view(PLUGIN_COUNT, (plugin, name))[0]

    def _find_plugins(self) -> PluginHost:
        if self._found is not None:
            return self._found
        from hauberk_core.plugin.host import data_host

        return data_host()

    def _services(self, plugin: str) -> WorkerServices:
        return WorkerServices(plugin, self.clock, self._cells, _ignore_line, self._keep_export, HttpClient)

    def _step_meter(self, plugin: str) -> StepMeter:
        return StepMeter(self._cells, plugin)

    def _keep_export(self, kind: str, data: bytes) -> bool:
        self.exported.append((kind, data))
        return True


class ScriptedResolver(Resolver):
    """Knows the addresses of names from the script, and tells changes at once."""

    def __init__(self) -> None:
        self._hosts: Final[dict[str, list[str]]] = {}
        self._watchers: Final[dict[str, list[NameWatcher]]] = {}

    def resolve(self, name: str, hosts: list[str]) -> None:
        """From now on `name` has these addresses."""
        self._hosts[name] = hosts
        for watcher in list(self._watchers.get(name, [])):
            watcher.resolved(name, hosts)

    def watched(self) -> set[str]:
        """Names that somebody watches."""
        return {name for name, watchers in self._watchers.items() if watchers}

    def watchers(self, name: str) -> list[NameWatcher]:
        """Who watches the name."""
        return list(self._watchers.get(name, []))

    def watch(self, name: str, watcher: NameWatcher) -> None:
        watchers = self._watchers.setdefault(name, [])
        if watcher not in watchers:
            watchers.append(watcher)
            if name in self._hosts:
                watcher.resolved(name, self._hosts[name])

    def unwatch(self, name: str, watcher: NameWatcher) -> None:
        self._watchers[name].remove(watcher)


class _KeptRecords(LineFormat):
    """Keeps each record beside its line."""

    __slots__ = ("_records", "_text")

    def __init__(self, records: list[Record]) -> None:
        self._records: Final = records
        self._text: Final = TextLine()

    def line(self, record: Record) -> bytes:
        self._records.append(record)
        return self._text.line(record)


class _KeptFaults(FaultLog):
    def __init__(self, faults: list[Exception]) -> None:
        self._faults: Final = faults

    def fault(self, where: str, error: Exception) -> None:
        error.add_note(where)
        self._faults.append(error)


class _KeptPluginFaults(PluginFaults):
    def __init__(self, faults: list[tuple[str, str, Exception]]) -> None:
        self._faults: Final = faults

    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        self._faults.append((plugin, where, error))


def _ignore_line(level: str, line: str) -> None:
    """Scenarios look at faults, not at the log."""


class _LibraryCodecs(OtherCodecs):
    def server(self, scheme: str, limits: HttpLimits) -> ServerMachine:
        return H11Server(scheme, limits)

    def client(self, limits: HttpLimits) -> ClientMachine:
        return H11Client(limits)

    def multiplexed_server(self, scheme: str, limits: HttpLimits) -> MultiplexedMachine:
        return LibraryMachine(False, scheme, limits)

    def multiplexed_client(self, limits: HttpLimits) -> MultiplexedMachine:
        return LibraryMachine(True, "", limits)


def _new_cells() -> Cells:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), _CELLS, _DIRECTORY_BYTES)
        return Cells(file.fileno())


def _refuse_tls(snapshot: Snapshot) -> None:
    chains = [chain for listener in snapshot.listeners.values() for chain in listener.filter_chains]
    transports = [chain.transport for chain in chains] + [cluster.transport for cluster in snapshot.clusters.values()]
    if any(transport.security != "plain" for transport in transports):
        raise ValueError("TLS is not simulated; use plain transports")
