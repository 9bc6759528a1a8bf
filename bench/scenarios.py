"""The situations in which proxies are compared."""

import dataclasses
import fnmatch
from typing import Final

from bench import figures
from bench.figures import Measure
from bench.load.generator import Generator
from bench.load.h2load import H2Load
from bench.load.handshakes import Handshakes
from bench.load.open_loop import OpenLoop
from bench.load.wrk import Wrk
from bench.process import BenchError
from bench.site import LARGE_PATH, SMALL_PATH, Listener

_CLOSED = (figures.RATE, figures.CPU, figures.P50, figures.P99, figures.PSS_LOADED, figures.BUSY)
_BULK = (figures.RATE, figures.CPU_PER_GIB, figures.P50, figures.P99, figures.PSS_LOADED, figures.BUSY)


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A load on one listener, the figures to show, and the one of them by which proxies are compared."""

    name: str
    title: str
    listener: Listener
    generator: Generator
    shown: tuple[Measure, ...]
    compared: Measure
    has_plugins: bool = False
    """Whether every proxy does all that a default installation in a mesh does."""

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where a contestant listens meanwhile."""
        if self.listener == "mesh":
            return "mesh", "inbound"
        # Beside one that HTTP/1.1 is not routed on there is one by which a contestant shows that it does its work.
        return (self.listener, "http") if self.listener in {"h2", "h2h2", "tcp"} else ("http", "tls", "originate")


LOADS: Final = (
    Scenario("http-1", "HTTP/1.1, 1 connection", "http", Wrk(1, SMALL_PATH), _CLOSED, figures.CPU),
    Scenario("http-32", "HTTP/1.1, 32 connections", "http", Wrk(32, SMALL_PATH), _CLOSED, figures.CPU),
    Scenario("http-256", "HTTP/1.1, 256 connections", "http", Wrk(256, SMALL_PATH), _CLOSED, figures.CPU),
    Scenario("tls-32", "TLS from the client, 32 kept connections", "tls", Wrk(32, SMALL_PATH), _CLOSED, figures.CPU),
    Scenario("originate-32", "TLS to the backend, 32 kept connections", "originate", Wrk(32, SMALL_PATH), _CLOSED, figures.CPU),
    Scenario("handshakes", "TLS, a full handshake and a connection a request", "tls", Handshakes(8), _CLOSED, figures.CPU),
    Scenario("rate-1000", "1,000 requests/s, open loop, 64 connections", "http", OpenLoop(1000, 64), _CLOSED, figures.P99),
    Scenario("rate-4000", "4,000 requests/s, open loop, 64 connections", "http", OpenLoop(4000, 64), _CLOSED, figures.P99),
    Scenario(
        "plugins-32",
        "All default plugins, 1 % traced, 32 connections",
        "http",
        Wrk(32, SMALL_PATH),
        _CLOSED,
        figures.CPU,
        has_plugins=True,
    ),
    Scenario(
        "mesh-mtls-32",
        "All default plugins, 1 % traced, mutual TLS from proxy to proxy, 32 connections",
        "mesh",
        Wrk(32, SMALL_PATH),
        _CLOSED,
        figures.CPU,
        has_plugins=True,
    ),
    Scenario("h2", "HTTP/2 from the client, 8 connections of 20 streams", "h2", H2Load(8, 20), _CLOSED, figures.CPU),
    Scenario("h2-h2", "HTTP/2 both ways, 8 connections of 20 streams", "h2h2", H2Load(8, 20), _CLOSED, figures.CPU),
    Scenario("grpc", "Unary calls of gRPC, 8 connections of 20 streams", "h2h2", H2Load(8, 20, grpc=True), _CLOSED, figures.CPU),
    Scenario(
        "tcp-bulk", "Octets as they are: 1 MiB responses, 8 connections", "tcp", Wrk(8, LARGE_PATH), _BULK, figures.CPU_PER_GIB
    ),
    Scenario("body-1m", "1 MiB responses, 8 connections", "http", Wrk(8, LARGE_PATH), _BULK, figures.CPU_PER_GIB),
)
MEMORY: Final = "memory"
SIDECAR: Final = "sidecar"
FILTERS: Final = "filters"


@dataclasses.dataclass(frozen=True)
class Inspection:
    """A look at contestants one by one, without load: the figures to show, by the first of which they are compared."""

    name: str
    title: str
    shown: tuple[Measure, ...]

    @property
    def compared(self) -> Measure:
        """As `Scenario.compared`."""
        return self.shown[0]


INSPECTIONS: Final = (
    Inspection(
        MEMORY,
        "Memory at rest, and for each of 1,000 idle connections",
        (figures.WORKER_PSS, figures.WORKER_RSS, figures.TOTAL_PSS, figures.TOTAL_RSS, figures.IDLE_CONNECTION),
    ),
    Inspection(
        SIDECAR,
        "Memory at rest of a sidecar that has joined a mesh",
        (figures.TOTAL_PSS, figures.TOTAL_RSS, figures.AGENT_PSS, figures.WORKER_PSS),
    ),
    Inspection(
        FILTERS,
        "What filters cost a request, without the kernel's part",
        (figures.FURTHER_FILTER, figures.FIRST_FILTER, figures.TRACING, figures.DEFAULT_PLUGINS, figures.WITHOUT_FILTERS),
    ),
)
NAMES: Final = (*(scenario.name for scenario in LOADS), *(inspection.name for inspection in INSPECTIONS))


def chosen(patterns: list[str]) -> list[str]:
    """Names of scenarios that any of `patterns` (as in file names: `http-*`) takes, in their order; all if there are none.

    Raises: BenchError naming a pattern that takes none.
    """
    for pattern in patterns:
        if not fnmatch.filter(NAMES, pattern):
            raise BenchError(f"no scenario is called {pattern!r}; there are {', '.join(NAMES)}")
    return [name for name in NAMES if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
