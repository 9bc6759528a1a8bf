"""One round: run the load, and read the counters of proxy, backend and machine around a window inside it."""

import dataclasses
import math
import os
import socket
import time
from pathlib import Path

from bench import figures, machine
from bench.backend import Backend
from bench.contestants.contestant import Contestant
from bench.figures import Round
from bench.load.client import is_complete, is_success, request_bytes
from bench.process import BenchError, Launch, Process, Processes
from bench.scenarios import MEMORY, Scenario
from bench.site import ECHO_PATH, LARGE_BODY_SIZE, SMALL_BODY, SMALL_PATH, Listener, Place

_MEBIBYTE = 1 << 20
# What stat(2) counts in, whatever the file system.
_BLOCK = 512
_ROOT = Path(__file__).resolve().parent.parent
# Until connections stand, handshakes are done and pools are filled; none of it is inside the measured window.
_LEAD_SECONDS = 0.7
_IDLE_CONNECTIONS = 1000
# Time for a proxy to come to rest after its first requests: lazy imports, timers, log flushes.
_REST_SECONDS = 1.5


@dataclasses.dataclass(frozen=True)
class Cores:
    """Which core the proxy has to itself, and which one load and backend share."""

    proxy: int
    load: int


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A contestant that is running."""

    contestant: Contestant
    place: Place
    process: Process


@dataclasses.dataclass(frozen=True)
class _Sample:
    when: float
    requests: int
    proxy_cpu: float
    our_cpu: float
    busy: float
    stolen: float


def _sample(entrant: Entrant, backend: Backend, cores: Cores) -> _Sample:
    requests = backend.requests()
    when = time.monotonic()
    proxy_cpu = machine.family_cpu_seconds(entrant.process.family())
    our_cpu = machine.family_cpu_seconds(machine.family(os.getpid()))
    times = machine.core_times()
    ours = [times[cores.proxy], times[cores.load]]
    return _Sample(when, requests, proxy_cpu, our_cpu, sum(core.busy for core in ours), sum(core.stolen for core in ours))


def measure_load(scenario: Scenario, entrant: Entrant, backend: Backend, cores: Cores, seconds: float, number: int) -> Round:
    """Load `entrant` and measure a window of `seconds`.

    Requests are counted by the backend, so that the same window holds for them, for the CPU time and for nothing else.
    Latencies are the generator's, over its whole run.
    """
    name = entrant.contestant.name
    entrant.place.access_log.touch()
    log_size = _allocated(entrant.place.access_log)
    total_before = backend.requests()
    with Processes() as generators:
        output = entrant.place.folder / f"load-{scenario.name}-{number}.log"
        port = entrant.place.ports[scenario.listener]
        command = scenario.generator.command(scenario.listener, port, seconds + 2 * _LEAD_SECONDS)
        generator = generators.start(f"load on {name}", Launch(command, _ROOT, output), cores.load)
        time.sleep(_LEAD_SECONDS)
        first = _sample(entrant, backend, cores)
        time.sleep(seconds)
        last = _sample(entrant, backend, cores)
        memory = machine.memory_of(entrant.process.family())
        generator.wait(seconds=60.0)
        report = scenario.generator.read(output.read_text(errors="replace"))
    total = backend.requests() - total_before - 1
    elapsed = last.when - first.when
    requests = last.requests - first.requests - 1  # our own reading of the counter is one of them
    cpu = last.proxy_cpu - first.proxy_cpu
    values = {
        figures.RATE.key: requests / elapsed,
        figures.CPU.key: cpu / requests * 1e6 if requests > 0 else math.nan,
        figures.CPU_PER_GIB.key: cpu / (requests * LARGE_BODY_SIZE / (1 << 30)) if requests > 0 else math.nan,
        figures.P50.key: report.p50_seconds * 1000,
        figures.P99.key: report.p99_seconds * 1000,
        figures.PSS_LOADED.key: memory.pss / _MEBIBYTE,
        figures.BUSY.key: cpu / elapsed * 100,
        figures.ERRORS: float(report.errors),
        figures.LATE: report.late_p99_seconds * 1000,
        # The log is buffered by some, so that this tells a logging proxy from one that does not, and no more.
        figures.LOG_BYTES: (_allocated(entrant.place.access_log) - log_size) / max(1, total),
        figures.FOREIGN: max(0.0, (last.busy - first.busy) - (last.our_cpu - first.our_cpu)) / (2 * elapsed),
        figures.STOLEN: (last.stolen - first.stolen) / (2 * elapsed),
    }
    # Proxies append, so that an emptied file stays small (or, if one writes on where it was, has a hole that takes no room).
    os.truncate(entrant.place.access_log, 0)
    return Round(scenario.name, name, number, values)


def _allocated(file: Path) -> int:
    """Octets that a file takes up, whatever its nominal size."""
    return file.stat().st_blocks * _BLOCK


def _exchange(connection: socket.socket, path: str, body_size: int) -> bytes:
    connection.sendall(request_bytes(path))
    response = b""
    while not is_complete(response, body_size):
        chunk = connection.recv(65536)
        if not chunk:
            break
        response += chunk
    return response


def check_work(entrant: Entrant, listener: Listener) -> list[str]:
    """Ask once through the plain listener or the one to the TLS backend; what the proxy does not do that it should.

    Raises: BenchError if it does not proxy at all.
    """
    missing: list[str] = []
    with socket.create_connection(("127.0.0.1", entrant.place.ports[listener]), timeout=10.0) as connection:
        response = _exchange(connection, SMALL_PATH, len(SMALL_BODY))
        if not is_success(response) or not response.endswith(SMALL_BODY):
            raise BenchError(f"{entrant.contestant.name} does not pass on the backend's answer; it says {response[:300]!r}")
        seen = _exchange(connection, ECHO_PATH, len("||")).rpartition(b"\r\n\r\n")[2].decode("latin-1").split("|")
    if not seen[0]:
        missing.append("gives requests no x-request-id")
    if not any(seen[1:2]):
        missing.append("does not tell the client's address in x-forwarded-for")
    return missing


def measure_memory(entrant: Entrant) -> Round:
    """Memory of a proxy that has served one request on each listener, then with many idle connections."""
    name = entrant.contestant.name
    plain = [listener for listener in ("http", "originate") if listener in entrant.contestant.listeners]
    for listener in plain:
        check_work(entrant, "http" if listener == "http" else "originate")
    time.sleep(_REST_SECONDS)
    pids = entrant.process.family()
    workers = [pid for pid in pids if entrant.contestant.is_worker(machine.command_line(pid))] or pids
    total, worker = machine.memory_of(pids), machine.memory_of(workers)
    connections: list[socket.socket] = []
    try:
        for _ in range(_IDLE_CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", entrant.place.ports["http"]), timeout=10.0)
            connections.append(connection)
            if not is_success(_exchange(connection, SMALL_PATH, len(SMALL_BODY))):
                raise BenchError(f"{name} answered wrongly on idle connection {len(connections)}")
        time.sleep(_REST_SECONDS)
        crowded = machine.memory_of(entrant.process.family())
    finally:
        for connection in connections:
            connection.close()
    values = {
        figures.WORKER_PSS.key: worker.pss / _MEBIBYTE,
        figures.WORKER_RSS.key: worker.rss / _MEBIBYTE,
        figures.TOTAL_PSS.key: total.pss / _MEBIBYTE,
        figures.TOTAL_RSS.key: total.rss / _MEBIBYTE,
        figures.IDLE_CONNECTION.key: (crowded.pss - total.pss) / _IDLE_CONNECTIONS / 1024,
    }
    return Round(MEMORY, name, 0, values)
