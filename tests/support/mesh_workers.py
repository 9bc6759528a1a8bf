"""Workers' whole data paths in the test's own process, on one loop and real sockets: configured as an agent would, by deltas."""

import concurrent.futures
import os
import select
import socket
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import plugin_fixtures
from load_client import Load
from mesh_authority import MeshAuthority

from hauberk_core.agent.assembly import Assembly, AssemblyError
from hauberk_core.agent.secrets import read_secrets
from hauberk_core.agent.sockets import BoundListener, bind_one
from hauberk_core.agent.target import Target
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model import (
    Cluster,
    Duration,
    Endpoint,
    FilterChain,
    HttpTimeouts,
    Listener,
    Route,
    RouteTable,
    Snapshot,
    TransportConfig,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.poller import new_poller
from hauberk_core.net.sockets import SocketTransport
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.cells_reader import CellsReader
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool
from hauberk_core.plugin.services import HttpClient, Services
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.proxy.core import ProxyCore
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.upstream.resolver import NameWatcher, Resolver
from hauberk_mtls import plugin as mtls

PATIENCE_SECONDS: Final = 60.0
PLAIN: Final = TransportConfig()
REQUEST: Final = b"GET /x HTTP/1.1\r\nHost: reviews\r\n\r\n"
Result = TypeVar("Result")


class Faults(FaultLog):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.seen: list[Exception] = []

    def fault(self, where: str, error: Exception) -> None:
        self.seen.append(error)


class FaultsOfPlugins(PluginFaults):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.seen: list[Exception] = []

    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        self.seen.append(error)


class NoNames(Resolver):
    """Nothing here has a name to look up."""

    def watch(self, name: str, watcher: NameWatcher) -> None:
        raise AssertionError(name)


class Worker:
    """One proxy: its listener `web`, and all that a worker has behind it."""

    def __init__(self, world: "World", identity: CertificatePem, trust: bytes, plugins: dict[str, object]) -> None:
        self.identity = identity
        self.trust = trust
        self.log: Final[list[str]] = []
        self._world: Final = world
        self._file: Final = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rest
        create_cells(self._file.fileno())
        self._cells: Final = Cells(self._file.fileno())
        self.meters: Final = ProxyMeters(self._cells)
        self.core: Final = ProxyCore(
            world.loop, SocketTransport(), self.meters, None, NoNames(), OtherCodecs(), lambda: 0.5, os.urandom, Waiting()
        )
        pool = PluginPool(lambda: plugin_fixtures.host(plugins), self._services, self._step_meter, world.plugin_faults)
        self._assembly: Final = Assembly(pool)
        self._bound: Final[BoundListener] = bind_one("web", "127.0.0.1:0")
        self._target: Target | None = None
        self._snapshot = Snapshot(access_log=None)

    @property
    def port(self) -> int:
        """Where its listener listens."""
        return self._bound.address.port

    def follow(self, snapshot: Snapshot | None = None, identity: CertificatePem | None = None, trust: bytes = b"") -> None:
        """Serve by another configuration, with another certificate, or both. Raises: AssemblyError if it is refused."""
        self._snapshot = snapshot or self._snapshot
        self.identity = identity or self.identity
        self.trust = trust or self.trust
        secrets = read_secrets(self._snapshot, Path(), {"workload": self.identity}, {"workload": self.trust})
        target = Target(1, self._snapshot, secrets, dict.fromkeys(self._snapshot.listeners, self._bound), -1)
        delta, descriptors = target.delta_from(self._target, 0)
        step = self._assembly.prepare(delta, [os.dup(number) for number in descriptors])
        self.core.apply(step.update)
        self._assembly.keep(step)
        self._target = target

    def refusal(self, snapshot: Snapshot) -> str:
        """Why a configuration is refused."""
        try:
            self.follow(snapshot)
        except AssemblyError as error:
            return str(error)
        raise AssertionError("it was taken")

    def counted(self, name: str) -> int:
        """One of the plugin's counters."""
        return self.series("plugin_count", plugin="mtls", name=name)

    def series(self, group: str, place: int = 0, **labels: str) -> int:
        """The sum of one cell over all series of a group that have these labels."""
        found = 0
        for series in CellsReader(self._file.fileno()).read().series:
            has = dict(zip(series.group.labels, series.labels, strict=True))
            if series.group.name == group and all(has[name] == value for name, value in labels.items()):
                found += series.values[place]
        return found

    def close(self) -> None:
        """End everything; nothing may be left."""
        self.core.drain()
        self._world.until(lambda: self.core.active() == 0)
        self.follow(Snapshot(access_log=None))
        self._bound.close()
        self._file.close()

    def _services(self, plugin: str) -> Services:
        return WorkerServices(plugin, self._world.loop.clock, self._cells, self._write, lambda kind, data: False, HttpClient)

    def _step_meter(self, plugin: str) -> StepMeter:
        return StepMeter(self._cells, plugin)

    def _write(self, level: str, line: str) -> None:
        self.log.append(line)


class World:
    """The loop that all workers share, the authority they believe, and threads for clients. It runs while a test waits."""

    def __init__(self) -> None:
        self.faults: Final = Faults()
        self.plugin_faults: Final = FaultsOfPlugins()
        self.loop: Final = Loop(Clock(), new_poller(), self.faults)
        self.authority: Final = MeshAuthority()
        self._workers: Final[list[Worker]] = []
        self._threads: Final = concurrent.futures.ThreadPoolExecutor(max_workers=32)

    def worker(self, identity: CertificatePem, trust: bytes = b"", plugins: dict[str, object] | None = None) -> Worker:
        """Another proxy, with this certificate; it serves nothing yet."""
        made = Worker(self, identity, trust or self.authority.trust_pem, {"mtls": mtls} if plugins is None else plugins)
        self._workers.append(made)
        return made

    def turn(self) -> None:
        """One round of the loop, which waits a moment if there is nothing to do."""
        select.select([self.loop.poller.fileno()], [], [], 0.001)
        self.loop.run_ready()
        self.loop.run_timers()

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Run until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            self.turn()

    def begin(self, work: Callable[[], Result]) -> "concurrent.futures.Future[Result]":
        """Begin `work` in a thread."""
        return self._threads.submit(work)

    def during(self, work: Callable[[], Result]) -> Result:
        """Run while `work` is done in a thread."""
        future = self.begin(work)
        self.until(future.done)
        return future.result()

    def more(self, load: Load, number: int) -> None:
        """Run until so many more requests of `load` are over."""
        target = load.total() + number
        self.until(lambda: load.total() >= target)

    def end(self, load: Load) -> Counter[str]:
        """Stop `load`. Returns: what became of all its requests."""
        load.stop()
        self.until(load.is_over)
        return load.outcomes()

    def close(self) -> None:
        """End everything; nothing may be left, and nothing may have failed."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True)
        assert self.loop.descriptors() == 0
        self.loop.poller.close()
        assert self.faults.seen == []
        assert self.plugin_faults.seen == []


@contextmanager
def world() -> Iterator[World]:
    """A world for as long as the context lasts."""
    made = World()
    try:
        yield made
    finally:
        made.close()


def mesh(*identities: str, mode: str = "strict") -> TransportConfig:
    """The mesh's transport, which expects these peers."""
    return TransportConfig(
        security="mesh",
        mode="permissive" if mode == "permissive" else "strict",
        identities=identities,
        certificates=("workload",),
        trust_file="workload",
    )


def serving(backend: int, transport: TransportConfig = PLAIN, *, handshake: float = 10.0, **cluster: object) -> Snapshot:
    """What accepts on `web`, and passes everything on to a port in the clear."""
    return _snapshot(transport, Cluster(endpoints=_at(backend), **cluster), handshake)  # type: ignore[arg-type]


def calling(port: int, transport: TransportConfig, **cluster: object) -> Snapshot:
    """What accepts in the clear, and passes everything on to a port of the mesh."""
    return _snapshot(PLAIN, Cluster(endpoints=_at(port), transport=transport, **cluster), 10.0)  # type: ignore[arg-type]


def client_context(identity: CertificatePem | None, trust_pem: bytes) -> ssl.SSLContext:
    """Python's own TLS client, which shows a certificate of the mesh, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=trust_pem.decode())
    if identity is not None:
        load_certificate(context, identity.chain, identity.key)
    return context


def ask(port: int, context: ssl.SSLContext | None = None) -> bytes:
    """The head of the answer to one request on a new connection. Raises: OSError, and EOFError if the connection ends before."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as sock:
        if context is None:
            return _converse(sock)
        with context.wrap_socket(sock) as tls:
            return _converse(tls)


def _converse(sock: socket.socket) -> bytes:
    sock.sendall(REQUEST)
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(4096)
        if not data:
            raise EOFError(head)
        head += data
    return head


def _at(port: int) -> tuple[Endpoint, ...]:
    return (Endpoint(address=f"127.0.0.1:{port}"),)


def _snapshot(transport: TransportConfig, cluster: Cluster, handshake: float) -> Snapshot:
    chain = FilterChain(route_table="all", transport=transport, timeouts=HttpTimeouts(handshake=Duration(handshake)))
    route = Route(name="all", backends=(WeightedCluster(cluster="next"),))
    return Snapshot(
        listeners={"web": Listener(address="127.0.0.1:0", filter_chains=(chain,))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",), routes=(route,)),))},
        clusters={"next": cluster},
        access_log=None,
    )
