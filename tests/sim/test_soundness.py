"""Whatever happens in whatever order: nothing leaks, nothing hangs, and counts come back to nought."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hauberk_core.model import Cluster, Endpoint, Snapshot
from hauberk_core.sim.network import Fate
from hauberk_core.sim.peer import Peer, ScriptedEndpoint
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.endpoint import UpstreamEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Scenario

HOST: Final = b" HTTP/1.1\r\nHost: a.test\r\n"
BULK: Final = b"x" * 700_000

# What clients and endpoints may say: whole messages, pieces of them, and what is none.
REQUESTS: Final = {
    "get": b"GET /" + HOST + b"\r\n",
    "two gets": (b"GET /" + HOST + b"\r\n") * 2,
    "last get": b"GET /" + HOST + b"Connection: close\r\n\r\n",
    "old get": b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n",
    "head": b"HEAD /" + HOST + b"\r\n",
    "put": b"PUT /" + HOST + b"Content-Length: 4\r\n\r\nbody",
    "half of a put": b"PUT /" + HOST + b"Content-Length: 8\r\n\r\nbody",
    "rest of a put": b"rest",
    "bulk": b"PUT /" + HOST + b"Content-Length: %d\r\n\r\n" % len(BULK) + BULK,
    "begun bulk": b"PUT /" + HOST + b"Content-Length: 9000000\r\n\r\n" + BULK,
    "chunks": b"PUT /" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
    "last chunk": b"0\r\n\r\n",
    "expecting": b"PUT /" + HOST + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
    "upgrade": b"GET /" + HOST + b"Connection: upgrade\r\nUpgrade: chat\r\n\r\n",
    "begun head": b"GET / HTTP/1.1\r\nHo",
    "nonsense": b"\x00\r\n\r\n",
}
ANSWERS: Final = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "last ok": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "begun": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "bulk": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BULK) + BULK,
    "until close": b"HTTP/1.1 200 OK\r\n\r\n" + BULK,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
    "last chunk": b"0\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
    "begun head": b"HTTP/1.1 20",
    "nonsense": b"\x00\r\n\r\n",
}
DEEDS: Final = ("close", "reset", "half_close", "pause", "resume")
CHANGES: Final = ("both", "one", "few", "none", "removed")

peers = st.integers(0, 4)
steps = st.one_of(
    st.tuples(st.just("connect")),
    st.tuples(st.just("request"), peers, st.sampled_from(sorted(REQUESTS))),
    st.tuples(st.just("request"), peers, st.just("get")),
    st.tuples(st.just("answer"), peers, st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("answer"), peers, st.just("ok")),
    st.tuples(st.just("client"), peers, st.sampled_from(DEEDS)),
    st.tuples(st.just("endpoint"), peers, st.sampled_from(DEEDS)),
    st.tuples(st.just("advance"), st.sampled_from([0.01, 1.0, 5.1, 61.0, 301.0])),
    st.tuples(st.just("change"), st.sampled_from(CHANGES)),
    st.tuples(st.just("network"), st.integers(0, 1), st.sampled_from(["up", "refused", "black_hole", "unreachable"])),
    st.tuples(st.just("run")),
)


class Chaos:
    """Plays a list of steps against a proxy, and knows everything that the proxy has ever had."""

    def __init__(self, scenario: "Scenario") -> None:
        self.scenario: Final = scenario
        self.first: Final = with_cluster(scenario.snapshot, cluster("both"))
        self.clients: Final[list[Peer]] = []
        self.servers: Final[dict[str, list[ScriptedEndpoint]]] = {scenario.books: [], scenario.other: []}
        self.clusters: Final[list[UpstreamCluster]] = []
        self.endpoints: Final[list[UpstreamEndpoint]] = []
        self.change("both")
        for number in range(2):
            self.network(number, "up")
        self.connect()

    def play(self, step: tuple[object, ...]) -> None:
        method: Callable[..., None] = getattr(self, str(step[0]))
        method(*step[1:])
        self.note()

    def connect(self) -> None:
        self.clients.append(self.scenario.browser())

    def request(self, number: int, name: str) -> None:
        self.clients[number % len(self.clients)].send(REQUESTS[name])

    def answer(self, number: int, name: str) -> None:
        if connections := self.connections()[-5:]:
            connections[number % len(connections)].send(ANSWERS[name])

    def client(self, number: int, deed: str) -> None:
        getattr(self.clients[number % len(self.clients)], deed)()

    def endpoint(self, number: int, deed: str) -> None:
        if connections := self.connections()[-5:]:
            getattr(connections[number % len(connections)], deed)()

    def advance(self, seconds: float) -> None:
        self.scenario.advance(seconds)

    def change(self, name: str) -> None:
        snapshot = (
            msgspec.structs.replace(self.first, clusters={}) if name == "removed" else with_cluster(self.first, cluster(name))
        )
        self.scenario.apply(snapshot)

    def network(self, number: int, state: str) -> None:
        address = (self.scenario.books, self.scenario.other)[number]
        servers = self.servers[address]
        is_up = bool(servers) and servers[-1].is_open()
        if state == "up":
            if not is_up:
                servers.append(self.scenario.endpoint(address))
            return
        if is_up:
            servers[-1].close()
        self.scenario.network.doom(address, Fate(state))

    def run(self) -> None:
        self.scenario.run()
        self.check()

    def connections(self) -> list[Peer]:
        """Connections to endpoints that no script has closed."""
        found = [peer for servers in self.servers.values() for server in servers for peer in server.connections()]
        return [peer for peer in found if peer.is_open()]

    def note(self) -> None:
        target = self.scenario.core.target("books")
        if target is not None:
            if target.cluster not in self.clusters:
                self.clusters.append(target.cluster)
            for endpoint in target.cluster.endpoints():
                if endpoint not in self.endpoints:
                    self.endpoints.append(endpoint)

    def check(self) -> None:
        """What holds whenever the loop is at rest."""
        scenario = self.scenario
        assert scenario.faults == []
        # Every open descriptor is somebody's.
        servers = [server for servers in self.servers.values() for server in servers]
        scripted = [*self.clients, *[peer for server in servers for peer in server.connections()]]
        outside = sum(peer.is_open() for peer in scripted) + sum(server.is_open() for server in servers)
        inside = 1 + scenario.core.active() + sum(cluster.open_connections() for cluster in self.clusters)
        assert scenario.network.descriptors() == outside + inside
        # Those that hung up while reading was paused are left alone until it is resumed.
        assert scenario.loop.descriptors() <= inside
        # A closed connection's timer is out of the wheel at once; no listener pauses here. One waits until removed clusters are
        # forgotten.
        assert len(scenario.loop.wheel) <= inside
        for known in self.clusters:
            assert known.open_connections() >= 0
        for endpoint in self.endpoints:
            assert endpoint.active >= 0

    def check_silence(self) -> None:
        """Everybody falls silent: every deadline passes, and nothing is left but the listener."""
        scenario = self.scenario
        for peer in self.clients:
            peer.resume()
        scenario.advance(2000)
        self.check()
        assert scenario.core.exchanges() == 0
        assert scenario.core.active() == 0
        assert [cluster.open_connections() for cluster in self.clusters] == [0] * len(self.clusters)
        assert [cluster.waiting() for cluster in self.clusters] == [0] * len(self.clusters)
        assert [endpoint.active for endpoint in self.endpoints] == [0] * len(self.endpoints)
        assert scenario.loop.descriptors() == 1
        assert len(scenario.loop.wheel) == 0
        # Who was not answered was at least not left hanging.
        assert not any(client.is_connected() for client in self.clients)
        # And it serves on.
        for servers in self.servers.values():
            for server in servers:
                for peer in server.connections():
                    peer.resume()
        self.change("both")
        for number in range(2):
            self.network(number, "up")
        self.connect()
        self.request(-1, "get")
        [asked] = [peer for peer in self.connections() if peer.is_connected()]
        asked.send(ANSWERS["ok"])
        assert self.clients[-1].received().endswith(b"ok")


def cluster(name: str) -> Cluster:
    books, other = Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080")
    if name == "one":
        return Cluster(endpoints=(books,))
    if name == "few":
        return Cluster(endpoints=(books, other), max_connections=1, max_pending=2)
    return Cluster(endpoints=() if name == "none" else (books, other))


def with_cluster(snapshot: Snapshot, cluster: Cluster) -> Snapshot:
    return msgspec.structs.replace(snapshot, clusters={"books": cluster})


@settings(max_examples=300)
@given(script=st.lists(steps, max_size=40), seed=st.one_of(st.none(), st.integers(0, 1000)), codecs=st.integers(0, 3))
@example(script=[("request", 0, "upgrade"), ("run",), ("answer", 0, "switch"), ("client", 0, "reset")], seed=None, codecs=0)
def test_nothing_is_left_behind(
    scenarios: "Callable[[int | None, int], Scenario]", script: list[tuple[object, ...]], seed: int | None, codecs: int
) -> None:
    with scenarios(seed, codecs) as scenario:
        chaos = Chaos(scenario)
        for step in script:
            chaos.play(step)
        chaos.run()
        chaos.check_silence()
