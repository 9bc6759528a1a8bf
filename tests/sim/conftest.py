"""A proxy with one route to one cluster, on virtual time; scenarios change what they need."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import pytest

from hauberk_core.model import (
    Cluster,
    Endpoint,
    FilterChain,
    Listener,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.observe.record import Record
from hauberk_core.plugin.host import PluginHost
from hauberk_core.sim.peer import Peer, ScriptedEndpoint
from hauberk_core.sim.simulation import Simulation

WEB: Final = "192.0.2.10:8080"
BOOKS: Final = "192.0.2.20:9080"
OTHER: Final = "192.0.2.21:9080"
BOTH: Final = (Endpoint(address=BOOKS), Endpoint(address=OTHER))

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scenario(Simulation):
    """A simulation of a proxy for `a.test`, with the words that scripts need."""

    web: Final = WEB
    books: Final = BOOKS
    other: Final = OTHER
    both: Final = BOTH
    ok: Final = OK

    def browser(self) -> Peer:
        """A new client of the proxy."""
        return self.client(WEB)

    def serve(self, address: str = BOOKS) -> ScriptedEndpoint:
        """An endpoint of the cluster."""
        return self.endpoint(address)

    def get(self, client: Peer, path: str = "/", *fields: str) -> None:
        """Let a client send a GET."""
        lines = [f"GET {path} HTTP/1.1", "Host: a.test", *fields]
        client.send("\r\n".join([*lines, "", ""]).encode())

    def exchange(self, client: Peer, endpoint: ScriptedEndpoint, path: str = "/") -> bytes:
        """A whole GET, answered by the endpoint's latest connection. Returns what the client got."""
        self.get(client, path)
        assert f"GET {path} ".encode() in endpoint.connection().received()
        endpoint.connection().send(OK)
        return client.received()

    def record(self) -> Record:
        """The record of the one exchange that has finished since the last look."""
        self.run()
        [record] = self.records
        self.records.clear()
        return record

    def log(self) -> list[tuple[int, str]]:
        """Status and reason (empty: an endpoint's answer) of the exchanges that have finished since the last look."""
        self.run()
        found = [(record.status, "" if record.reason is None else record.reason.code) for record in self.records]
        self.records.clear()
        return found

    def upstream_connections(self) -> int:
        """Open connections to all clusters of the configuration, idle ones included."""
        self.run()
        return sum(target.cluster.open_connections() for name in self.snapshot.clusters if (target := self.core.target(name)))

    def check(self) -> None:
        """What holds whenever everything is at rest."""
        self.run()
        assert self.faults == []
        if self.core.exchanges():
            return
        for name in self.snapshot.clusters:
            target = self.core.target(name)
            assert target is not None
            assert target.cluster.waiting() == 0
            for endpoint in target.cluster.endpoints():
                assert endpoint.active == 0


class Build(Protocol):
    def __call__(
        self,
        *,
        cluster: dict[str, Any] | None = None,
        chain: dict[str, Any] | None = None,
        route: dict[str, Any] | None = None,
        seed: int | None = None,
        plugins: PluginHost | None = None,
    ) -> Scenario: ...


def make_snapshot(
    cluster: dict[str, Any] | None = None, chain: dict[str, Any] | None = None, route: dict[str, Any] | None = None
) -> Snapshot:
    """One listener, one route for everything, one cluster of one endpoint, each changed by the given settings."""
    defaults = {"name": "all", "backends": (WeightedCluster(cluster="books"),)}
    routes = (Route(**(defaults | (route or {}))),)
    return Snapshot(
        listeners={"web": Listener(address=WEB, filter_chains=(FilterChain(**({"route_table": "all"} | (chain or {}))),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="everything", hosts=("*",), routes=routes),))},
        clusters={"books": Cluster(**({"endpoints": (Endpoint(address=BOOKS),)} | (cluster or {})))},
    )


@pytest.fixture
def build() -> Iterator[Build]:
    """Makes scenarios, and checks them when the test is over."""
    made: list[Scenario] = []

    def make(
        *,
        cluster: dict[str, Any] | None = None,
        chain: dict[str, Any] | None = None,
        route: dict[str, Any] | None = None,
        seed: int | None = None,
        plugins: PluginHost | None = None,
    ) -> Scenario:
        made.append(Scenario(make_snapshot(cluster, chain, route), seed, plugins=plugins))
        return made[-1]

    yield make
    for scenario in made:
        scenario.check()
        scenario.close()


@pytest.fixture
def scenario(build: Build) -> Scenario:
    """The plain proxy."""
    return build()


@pytest.fixture(params=["strict to strict", "h11 to strict", "strict to h11", "seed 1", "seed 2"])
def any_proxy(request: pytest.FixtureRequest, build: Build) -> Scenario:
    """The plain proxy with either codec on either side, and with transfers cut at random."""
    kind: str = request.param
    if kind.startswith("seed"):
        return build(seed=int(kind[5:]))
    client_side, endpoint_side = kind.split(" to ")
    return build(chain={"codec": client_side}, cluster={"codec": endpoint_side})


@pytest.fixture(scope="session")
def scenarios() -> Callable[[int | None, int], Scenario]:
    """Makes plain proxies for tests that need many: by their seed, and a bit for h11 on either side."""

    def make(seed: int | None, codecs: int) -> Scenario:
        chain = {"codec": "h11" if codecs & 1 else "strict"}
        cluster = {"codec": "h11" if codecs & 2 else "strict"}
        return Scenario(make_snapshot(cluster, chain), seed)

    return make
