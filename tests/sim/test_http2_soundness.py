"""Whatever happens in whatever order on shared connections: nothing is forgotten or counted twice, nobody is left hanging."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest
from h2_wire import frame, settings
from http2_endpoint import Http2Connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hauberk_core.http.h2.codes import GOAWAY_FRAME, MAX_CONCURRENT_STREAMS
from hauberk_core.http.h2.server import H2Server
from hauberk_core.model import Cluster, Endpoint
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import HttpLimits
from hauberk_core.sim.peer import Peer, ScriptedEndpoint
from hauberk_core.upstream.cluster import UpstreamCluster

if TYPE_CHECKING:
    from tests.sim.conftest import Scenario

BODY = b"some octets"
NUMBER = st.integers(0, 7)
DEEDS = st.one_of(
    st.tuples(st.just("ask"), NUMBER),
    st.tuples(st.just("post"), NUMBER),
    st.tuples(st.just("answer"), NUMBER),
    st.tuples(st.just("begin"), NUMBER),
    st.tuples(st.just("reset"), NUMBER),
    st.tuples(st.just("refuse"), NUMBER),
    st.tuples(st.just("leave"), NUMBER),
    st.tuples(st.just("allow"), NUMBER),
    st.tuples(st.just("close"), NUMBER),
    st.tuples(st.just("break"), NUMBER),
    st.tuples(st.just("hang_up"), NUMBER),
    st.tuples(st.just("advance"), NUMBER),
    st.tuples(st.just("change"), NUMBER),
    st.tuples(st.just("down"), NUMBER),
)


class World:
    """A proxy in front of two endpoints, and everything that the script may do."""

    def __init__(self, scenario: "Scenario") -> None:
        self.scenario = scenario
        self.clients: list[Peer] = []
        self.servers: list[ScriptedEndpoint] = []
        self.machines: dict[int, Http2Connection] = {}
        self.known: list[UpstreamCluster] = []
        self.heads: dict[int, set[int]] = {}
        """Streams whose response has begun, by connection."""
        self.up("192.0.2.20:9080")
        self.up("192.0.2.21:9080")
        self.change(0)

    def up(self, address: str) -> None:
        self.servers.append(self.scenario.endpoint(address))

    def connections(self) -> list[Http2Connection]:
        """Those that neither side has closed."""
        found = []
        for server in self.servers:
            for peer in server.connections():
                if peer.is_connected():
                    made = self.machines.setdefault(id(peer), Http2Connection(peer, H2Server("http", HttpLimits())))
                    made.talk()
                    found.append(made)
        return found

    def stream(self, number: int) -> tuple[Http2Connection, int] | None:
        """One that waits for an answer."""
        open_ones = [(one, stream) for one in self.connections() for stream in one.requests() if one.machine.is_open(stream)]
        return open_ones[number % len(open_ones)] if open_ones else None

    def ask(self, number: int) -> None:
        client = self.scenario.browser()
        self.clients.append(client)
        self.scenario.get(client, f"/{number}")

    def post(self, number: int) -> None:
        client = self.scenario.browser()
        self.clients.append(client)
        length = len(BODY) * (1 + number % 2)
        client.send(f"POST /{number} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n".encode() + BODY)

    def answer(self, number: int) -> None:
        if (found := self.stream(number)) is not None:
            connection, stream = found
            if stream not in self.begun(connection):
                connection.head(stream, 200)
            connection.machine.send_data(stream, b"ok")
            connection.end(stream)

    def begin(self, number: int) -> None:
        if (found := self.stream(number)) is not None and found[1] not in self.begun(found[0]):
            found[0].head(found[1], 200)
            self.begun(found[0]).add(found[1])

    def begun(self, connection: Http2Connection) -> set[int]:
        return self.heads.setdefault(id(connection), set())

    def reset(self, number: int) -> None:
        if (found := self.stream(number)) is not None:
            found[0].machine.reset(found[1], 2)
            found[0].talk()

    def refuse(self, number: int) -> None:
        if (found := self.stream(number)) is not None and found[1] not in self.begun(found[0]):
            found[0].machine.reset(found[1], 7)
            found[0].talk()

    def leave(self, number: int) -> None:
        if (found := self.stream(number)) is not None:
            last = max((stream for stream in self.begun(found[0])), default=0)
            found[0].peer.send(frame(GOAWAY_FRAME, 0, 0, max(last, found[1] - 2, 0).to_bytes(4, "big") + bytes(4)))

    def allow(self, number: int) -> None:
        for connection in self.connections()[-1:]:
            connection.peer.send(settings((MAX_CONCURRENT_STREAMS, number)))

    def close(self, number: int) -> None:
        for connection in self.connections()[number % 2 :][:1]:
            connection.peer.close()

    def break_(self, number: int) -> None:
        for connection in self.connections()[number % 2 :][:1]:
            connection.peer.reset()

    def hang_up(self, number: int) -> None:
        if self.clients:
            self.clients[-1 - number % min(3, len(self.clients))].close()

    def advance(self, number: int) -> None:
        self.scenario.advance(number * 1.7)

    def change(self, number: int) -> None:
        addresses = ("192.0.2.20:9080", "192.0.2.21:9080")[number % 2 if number > 3 else 0 :][: 1 if number > 5 else 2]
        cluster = Cluster(
            endpoints=tuple([Endpoint(address=address) for address in addresses]),
            protocol="http2",
            max_connections=1 + number % 3,
            max_concurrent_streams=1 + number % 4,
            max_requests_per_connection=5 if number == 2 else 0,
            max_pending=3,
            idle_timeout=Duration(30.0),
            ping_interval=Duration(20.0 if number == 1 else 0.0),
        )
        self.scenario.apply(msgspec.structs.replace(self.scenario.snapshot, clusters={"books": cluster}))
        target = self.scenario.core.target("books")
        assert target is not None
        if target.cluster not in self.known:
            self.known.append(target.cluster)

    def down(self, number: int) -> None:
        server = self.servers[number % 2]
        if server.is_open():
            server.close()
        else:
            self.servers[number % 2 : number % 2 + 1] = [self.scenario.endpoint(server.address())]
            self.servers.append(server)

    def check(self) -> None:
        self.scenario.run()
        assert self.scenario.faults == []
        for cluster in self.known:
            assert cluster.open_connections() >= 0
            assert cluster.waiting() >= 0
            for endpoint in cluster.endpoints():
                assert endpoint.active >= 0

    def check_silence(self) -> None:
        """Everybody falls silent, and nothing is left."""
        self.scenario.advance(2000)
        self.check()
        assert self.scenario.core.exchanges() == 0
        for cluster in self.known:
            assert (cluster.open_connections(), cluster.waiting()) == (0, 0)
            assert [endpoint.active for endpoint in cluster.endpoints()] == [0] * len(cluster.endpoints())
        for client in self.clients:
            assert not client.is_connected(), "nobody is left hanging"


@pytest.mark.parametrize("seed", [None, 1])
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(deeds=st.lists(DEEDS, max_size=40))
def test_nothing_is_lost_or_left(
    scenarios: "Callable[[int | None, int], Scenario]", seed: int | None, deeds: list[tuple[str, int]]
) -> None:
    scenario = scenarios(seed, 0)
    try:
        world = World(scenario)
        for name, number in deeds:
            getattr(world, "break_" if name == "break" else name)(number)
            world.check()
        world.check_silence()
    finally:
        scenario.close()
