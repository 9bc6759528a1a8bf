"""A whole data path without a kernel under it: every read finds the same octets, every write is taken.

What is left of a request's cost is the proxy's own, so that differences of a tenth of a microsecond show. The parts are the
proxy's real ones but for the poller and the streams.
"""

import os
import random
import tempfile
from collections.abc import Callable
from typing import Final, Self

from hauberk_core.model import Snapshot
from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import READ, Poller
from hauberk_core.net.transport import HANDSHAKE_DONE, Listening, Stream, Transport
from hauberk_core.observe.access_log import AccessLogWriter
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.observe.text_line import TextLine
from hauberk_core.plugin.host import PluginHost
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool
from hauberk_core.plugin.services import HttpClient
from hauberk_core.plugin.waiting import AsyncCall, Waiting
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.proxy.core import ProxyCore
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.table import compile_table
from hauberk_core.upstream.resolver import Resolver

_LISTENING: Final = 10
_CLIENT: Final = 11
_FIRST_ENDPOINT: Final = 12
_CELLS: Final = 1 << 14
_DIRECTORY_BYTES: Final = 1 << 17


class StubProxy:
    """One client's kept connection, one to the endpoint of each cluster, and a request on them as often as asked for."""

    def __init__(self, snapshot: Snapshot, request: bytes, response: bytes, plugins: Callable[[], PluginHost]) -> None:
        """Serve `snapshot`, whose first listener gets `request` and whose endpoints answer `response`, again and again."""
        self._client: Final = _StubStream(_CLIENT, request)
        self._poller: Final = _StubPoller()
        clock = Clock()
        self._loop: Final = Loop(clock, self._poller, _Raising())
        with tempfile.TemporaryFile() as file:
            create_cells(file.fileno(), _CELLS, _DIRECTORY_BYTES)
            cells = Cells(file.fileno())
        self._log: Final = os.open(os.devnull, os.O_WRONLY)
        pool = PluginPool(
            plugins,
            lambda plugin: WorkerServices(plugin, clock, cells, _ignore_line, _take_export, HttpClient),
            lambda plugin: StepMeter(cells, plugin),
            _RaisingFaults(),
        )
        core = ProxyCore(
            self._loop,
            _StubTransport(self._poller, response),
            ProxyMeters(cells),
            AccessLogWriter(self._log, TextLine()),
            Resolver(),
            OtherCodecs(),
            random.random,
            random.randbytes,
            _NoWaiting(),
        )
        tables = {name: (table, compile_table(table)) for name, table in snapshot.route_tables.items()}
        step = pool.prepare(snapshot.listeners, tables, snapshot.clusters)
        listening = _StubListening(self._client)
        core.apply(
            ProxyUpdate(
                version=snapshot.version,
                listeners={name: (config, listening) for name, config in snapshot.listeners.items()},
                route_tables={name: compiled for name, (_, compiled) in tables.items()},
                clusters=snapshot.clusters,
                server_contexts={},
                client_contexts={},
                access_log=snapshot.access_log,
                filters=step.filters,
                guards=step.guards,
                server_securities={},
                client_securities={},
                datagram_listeners={},
                shared_contexts={},
                shared_securities={},
            )
        )
        pool.keep(step)
        self._core: Final = core
        self._turn(_LISTENING)

    def requests(self, count: int) -> None:
        """Carry `count` requests there and their answers back. Raises: RuntimeError if one was not answered."""
        before = self._client.sent
        for _ in range(count):
            self._client.full = True
            self._turn(_CLIENT)
            # What was sent to an endpoint has its answer ready.
            self._loop.run_ready()
        answered = self._client.sent - before
        if answered != count:
            raise RuntimeError(f"{answered} of {count} requests were answered")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._log)

    def _turn(self, descriptor: int) -> None:
        self._poller.events = [(descriptor, READ)]
        self._loop.run_ready()


class _StubPoller(Poller):
    def __init__(self) -> None:
        self.events: list[tuple[int, int]] = []

    def register(self, descriptor: int, interest: int) -> None:
        """Everything is told anyway."""

    def modify(self, descriptor: int, interest: int) -> None:
        """As `register`."""

    def unregister(self, descriptor: int) -> None:
        """As `register`."""

    def poll(self) -> list[tuple[int, int]]:
        events = self.events
        self.events = []
        return events


class _StubStream(Stream):
    def __init__(self, descriptor: int, octets: bytes) -> None:
        self.full = False
        self.sent = 0
        self._descriptor: Final = descriptor
        self._octets: Final = octets

    def fileno(self) -> int:
        return self._descriptor

    def handshake(self) -> int:
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        if not self.full:
            return None
        self.full = False
        return self._octets

    def send(self, data: bytes) -> int:
        self.sent += 1
        return len(data)

    def close(self) -> None:
        """Nothing is open."""

    def local_address(self) -> str:
        return "127.0.0.1:8080"

    def peer_address(self) -> str:
        return "127.0.0.1:40000"


class _StubEndpoint(_StubStream):
    def __init__(self, descriptor: int, octets: bytes, poller: _StubPoller) -> None:
        super().__init__(descriptor, octets)
        self._poller: Final = poller

    def send(self, data: bytes) -> int:
        self.full = True
        self._poller.events.append((self.fileno(), READ))
        return len(data)


class _StubListening(Listening):
    def __init__(self, client: _StubStream) -> None:
        self._clients: Final = [client]

    def fileno(self) -> int:
        return _LISTENING

    def accept(self) -> Stream | None:
        return self._clients.pop() if self._clients else None

    def port(self) -> int:
        return 8080

    def close(self) -> None:
        """Nothing is open."""


class _StubTransport(Transport):
    def __init__(self, poller: _StubPoller, response: bytes) -> None:
        self._poller: Final = poller
        self._response: Final = response
        self._next: int = _FIRST_ENDPOINT

    def connect(self, host: str, port: int, source: str = "") -> Stream:
        self._next += 1
        return _StubEndpoint(self._next, self._response, self._poller)


class _Raising(FaultLog):
    def fault(self, where: str, error: Exception) -> None:
        raise error


class _RaisingFaults(PluginFaults):
    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        raise error


class _NoWaiting(Waiting):
    def start(self, call: AsyncCall) -> None:
        raise OverflowError("nothing waits here")


def _ignore_line(_level: str, _line: str) -> None:
    """Nobody reads it."""


def _take_export(_kind: str, _data: bytes) -> bool:
    """As an agent that keeps up would."""
    return True
