"""Captured connections, and octets that pass as they are: HTTP or not, whoever speaks first, however either side ends."""

import ssl
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import pytest
from h2_browser import Browser
from http2_endpoint import Http2Endpoint

from hauberk_core.http.events import GoingAway
from hauberk_core.http.h2.client import H2Client
from hauberk_core.model import (
    Cluster,
    Duration,
    Endpoint,
    FilterChain,
    HashBy,
    HttpLimits,
    HttpTimeouts,
    Listener,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.check import check_snapshot
from hauberk_core.net.bypass import MOST_BYPASSES
from hauberk_core.net.wheel import MOMENT_SECONDS
from hauberk_core.sim.network import Fate
from hauberk_core.sim.peer import Peer
from hauberk_core.sim.simulation import PROXY_HOST, Simulation

OUTBOUND: Final = f"{PROXY_HOST}:15001"
WORKLOAD: Final = "192.0.2.11"
"""Whose connections are captured."""
BOOKS: Final = "192.0.2.20:9080"
SERVICE: Final = "10.96.0.10"
STRANGER: Final = "203.0.113.5"
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET: Final = b"GET /a HTTP/1.1\r\nHost: books\r\n\r\n"
# Longer than a client of HTTP is silent.
SILENCE: Final = 0.1


def make_snapshot(protocol: str = "detect", stranger: str = "passthrough", idle: float = 3600.0) -> Snapshot:
    def table(cluster: str) -> RouteTable:
        routes = (Route(name="all", backends=(WeightedCluster(cluster=cluster),)),)
        return RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))

    books = FilterChain(
        destinations=(SERVICE,),
        destination_ports=(80,),
        protocol="tcp" if protocol == "tcp" else "detect",
        route_table="" if protocol == "tcp" else "books",
        backends=(WeightedCluster(cluster="books"),),
        tcp_idle_timeout=Duration(idle),
        timeouts=HttpTimeouts(drain=Duration(5.0)),
    )
    rest = FilterChain(protocol="detect", route_table="strangers", backends=(WeightedCluster(cluster=stranger),))
    snapshot = Snapshot(
        listeners={"outbound": Listener(address=OUTBOUND, captured=True, filter_chains=(rest, books))},
        route_tables={"books": table("books"), "strangers": table(stranger)},
        clusters={
            "books": Cluster(endpoints=(Endpoint(address=BOOKS),)),
            "passthrough": Cluster(reach="original_destination", source_addresses=("127.0.0.6",)),
            "blackhole": Cluster(reach="nothing"),
        },
    )
    assert check_snapshot(snapshot) == []
    return snapshot


@pytest.fixture(params=[None, 1, 2])
def begin(request: pytest.FixtureRequest) -> Iterator[Callable[[Snapshot], Simulation]]:
    """Makes simulations whose workload is captured, with whole transfers and with cut ones."""
    made: list[Simulation] = []

    def make(snapshot: Snapshot) -> Simulation:
        simulation = Simulation(snapshot, seed=request.param)
        simulation.network.capture(WORKLOAD, OUTBOUND)
        made.append(simulation)
        return simulation

    yield make
    for simulation in made:
        simulation.run()
        assert simulation.faults == []
        simulation.close()


Begin = Callable[[Snapshot], Simulation]


def call(simulation: Simulation, address: str = f"{SERVICE}:80") -> Peer:
    return simulation.client(address, WORKLOAD)


def log(simulation: Simulation) -> list[tuple[int, str, str]]:
    simulation.run()
    found = [(record.status, record.reason.code if record.reason else "", record.cluster) for record in simulation.records]
    simulation.records.clear()
    return found


def test_http_is_routed_and_its_connections_are_kept(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    for _ in range(2):
        client.send(GET)
        assert endpoint.connection().received().startswith(b"GET /a HTTP/1.1\r\n")
        endpoint.connection().send(OK)
        assert client.received().endswith(b"ok")
    assert log(simulation) == [(200, "", "books")] * 2
    assert len(endpoint.connections()) == 1
    assert simulation.core.active() == 1


def test_a_client_of_http_may_be_slow(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.advance(SILENCE)
    # Dialled in case that it speaks first, and closed again.
    assert len(endpoint.connections()) == 1
    client.send(GET[:9])
    simulation.advance(1.0)
    client.send(GET[9:])
    assert endpoint.connections()[0].saw_end()
    assert endpoint.connection().received().startswith(b"GET /a HTTP/1.1\r\n")
    endpoint.connection().send(OK)
    assert client.received().endswith(b"ok")
    assert log(simulation) == [(200, "", "books")]


@pytest.mark.parametrize("address", [f"{SERVICE}:80", f"{STRANGER}:4711"])
def test_http_2_on_a_port_that_says_nothing(begin: Begin, address: str) -> None:
    snapshot = make_snapshot()
    clusters = {name: msgspec.structs.replace(cluster, protocol="client") for name, cluster in snapshot.clusters.items()}
    simulation = begin(msgspec.structs.replace(snapshot, clusters=clusters))
    endpoint = Http2Endpoint(simulation.endpoint(BOOKS if address.startswith(SERVICE) else address))
    client = Browser(simulation.client(address, WORKLOAD))
    streams = [client.ask("POST", path=f"/{number}", body=b"hi") for number in range(2)]
    connection = endpoint.connection()
    assert len(connection.requests()) == 2
    for stream in connection.requests():
        connection.answer(stream, trailers=[("grpc-status", "0")])
    for stream in streams:
        status, fields, body, _ = client.answer(stream)
        assert (status, fields["grpc-status"], body) == (200, "0", b"ok")
    assert len(endpoint.connections()) == 1
    plain = simulation.client(address, WORKLOAD)
    plain.send(b"\x00octets")
    assert endpoint.endpoint.connections()[1].received() == b"\x00octets", "what is not HTTP has a connection of its own"


def test_what_is_not_http_passes_both_ways(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x16\x03\x01hello")
    assert endpoint.connection().received() == b"\x16\x03\x01hello"
    endpoint.connection().send(b"world")
    assert client.received() == b"world"
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert endpoint.connection().received() == b"GET / HTTP/1.1\r\n\r\n"
    assert log(simulation) == []
    client.close()
    assert endpoint.connection().saw_end()
    endpoint.connection().close()
    simulation.run()
    [record] = simulation.records
    assert (record.status, record.reason, record.bytes_received, record.bytes_sent) == (0, None, 26, 5)
    assert record.downstream_local == f"{SERVICE}:80"
    assert record.upstream_host == BOOKS
    assert record.response_details() == "-"
    assert simulation.core.active() == 0
    assert simulation.network.descriptors() == 2


def test_an_endpoint_may_speak_first(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.advance(SILENCE)
    endpoint.connection().send(b"220 mail.test ESMTP\r\n")
    assert client.received() == b"220 mail.test ESMTP\r\n"
    # What would be a request of HTTP elsewhere is none here.
    client.send(b"GET / HTTP/1.1\r\n")
    assert endpoint.connection().received() == b"GET / HTTP/1.1\r\n"


def test_an_endpoint_is_dialled_as_soon_as_the_client_is_silent_for_a_moment(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.run()
    assert endpoint.connections() == []
    simulation.advance(MOMENT_SECONDS)
    endpoint.connection().send(b"220 mail.test ESMTP\r\n")
    # Nothing more is waited for: two proxies one after the other hold a greeting up by two moments.
    assert client.received() == b"220 mail.test ESMTP\r\n"


def test_a_client_that_speaks_within_that_moment_causes_no_connection_in_vain(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.advance(MOMENT_SECONDS / 2)
    client.send(GET)
    assert endpoint.connection().received().startswith(b"GET /a HTTP/1.1\r\n")
    simulation.advance(1.0)
    assert len(endpoint.connections()) == 1


def test_connections_of_one_host_go_to_one_endpoint_where_its_address_is_hashed(begin: Begin) -> None:
    other = "192.0.2.21:9080"
    snapshot = make_snapshot("tcp")
    books = Cluster(
        endpoints=(Endpoint(address=BOOKS), Endpoint(address=other)),
        load_balancing="maglev",
        hash_by=HashBy(source_address=True),
        hash_table_size=101,
    )
    simulation = begin(msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, "books": books}))
    endpoints = (simulation.endpoint(BOOKS), simulation.endpoint(other))
    taken: set[int] = set()
    for number in range(12):
        before = [len(endpoint.connections()) for endpoint in endpoints]
        simulation.network.capture(f"198.51.100.{number}", OUTBOUND)
        for _ in range(3):
            simulation.client(f"{SERVICE}:80", host=f"198.51.100.{number}")
        grown = [len(endpoint.connections()) - count for endpoint, count in zip(endpoints, before, strict=True)]
        assert sorted(grown) == [0, 3]
        taken.add(grown.index(3))
    assert taken == {0, 1}


def test_where_nobody_looks_octets_pass_at_once(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.run()
    endpoint.connection().send(b"hello")
    assert client.received() == b"hello"


@pytest.mark.parametrize("protocol", ["tcp", "detect"])
def test_each_side_ends_by_itself(begin: Begin, protocol: str) -> None:
    simulation = begin(make_snapshot(protocol))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x00question")
    assert endpoint.connection().received() == b"\x00question"
    client.half_close()
    assert endpoint.connection().saw_end()
    simulation.advance(100.0)
    endpoint.connection().send(b"answer")
    assert client.received() == b"answer"
    endpoint.connection().close()
    assert client.saw_end()
    assert log(simulation) == [(0, "", "books")]
    assert simulation.core.active() == 0


def test_a_client_that_says_nothing_and_ends_is_passed_on(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.half_close()
    assert endpoint.connection().saw_end()
    endpoint.connection().send(b"the time is now")
    endpoint.connection().close()
    assert client.received() == b"the time is now"


def test_whoever_does_not_keep_up_holds_the_other_up(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.run()
    much = b"x" * (4 << 20)
    client.pause()
    endpoint.connection().send(much)
    simulation.run()
    assert endpoint.connection().unsent() > 2 << 20
    client.resume()
    assert len(client.received()) == len(much)
    endpoint.connection().pause()
    client.send(much)
    simulation.run()
    assert client.unsent() > 2 << 20
    endpoint.connection().resume()
    assert len(endpoint.connection().received()) == len(much)


def test_a_reset_reaches_the_other_side(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x00")
    assert endpoint.connection().received() == b"\x00"
    endpoint.connection().reset()
    assert client.saw_reset()
    assert log(simulation) == [(0, "upstream_reset", "books")]
    client = call(simulation)
    client.send(b"\x00")
    assert endpoint.connection().received() == b"\x00"
    client.reset()
    assert endpoint.connection().saw_reset()
    assert log(simulation) == [(0, "client_gone", "books")]


def test_no_endpoint_is_told_by_its_reason(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    client = call(simulation)
    client.send(b"\x00")
    assert client.saw_reset()
    assert log(simulation) == [(0, "connect_failed", "books")]
    client = call(simulation)
    # The endpoint is tried while it is silent; what it then says is answered all the same.
    simulation.advance(SILENCE)
    client.send(GET)
    assert client.received().startswith(b"HTTP/1.1 503 ")
    assert log(simulation) == [(503, "connect_failed", "books")]
    silent = call(simulation)
    simulation.advance(10.0)
    assert silent.saw_reset()
    assert log(simulation) == [(0, "connect_failed", "books")]


def test_a_connection_where_nothing_moves_is_closed(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp", idle=30.0))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x00")
    simulation.advance(20.0)
    endpoint.connection().send(b"\x01")
    simulation.advance(20.0)
    assert not client.saw_end()
    simulation.advance(20.0)
    assert client.saw_end()
    assert endpoint.connection().saw_end()
    assert simulation.core.active() == 0


def test_a_connection_on_which_nobody_ever_speaks_is_closed(begin: Begin) -> None:
    simulation = begin(make_snapshot(idle=30.0))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.advance(20.0)
    assert endpoint.connection().is_connected()
    assert client.is_connected()
    simulation.advance(20.0)
    assert client.saw_end()
    assert not endpoint.connection().is_connected()
    assert simulation.core.active() == 0
    assert log(simulation) == []


def test_what_is_unknown_goes_where_it_was_going(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(f"{STRANGER}:443")
    web = simulation.endpoint(f"{STRANGER}:80")
    client = call(simulation, f"{STRANGER}:443")
    client.send(b"\x16\x03\x01")
    assert endpoint.connection().received() == b"\x16\x03\x01"
    assert endpoint.connection().peer().startswith("127.0.0.6:")
    browser = call(simulation, f"{STRANGER}:80")
    other = call(simulation, f"{STRANGER}:80")
    for one in (browser, other):
        one.send(GET)
        assert web.connection().received().startswith(b"GET /a ")
        web.connection().send(OK)
        assert one.received().endswith(b"ok")
    # One after the other, on one kept connection.
    assert len(web.connections()) == 1


def test_where_nothing_may_leave_the_answer_says_so(begin: Begin) -> None:
    simulation = begin(make_snapshot(stranger="blackhole"))
    endpoint = simulation.endpoint(f"{STRANGER}:80")
    browser = call(simulation, f"{STRANGER}:80")
    browser.send(GET)
    answer = browser.received()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"hauberk-reason: not_registered\r\n" in answer
    client = call(simulation, f"{STRANGER}:443")
    client.send(b"\x16\x03\x01")
    assert client.saw_reset()
    assert log(simulation) == [(502, "not_registered", "blackhole"), (0, "not_registered", "blackhole")]
    assert endpoint.connections() == []


def test_what_was_going_to_the_listener_itself_is_reset(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    assert simulation.client(OUTBOUND, "198.51.100.7").saw_reset()
    assert simulation.core.active() == 0


def test_a_change_leaves_what_passes_alone(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x00")
    assert endpoint.connection().received() == b"\x00"
    simulation.apply(make_snapshot("detect"))
    simulation.advance(60.0)
    client.send(b"\x01")
    assert endpoint.connection().received() == b"\x01"


def test_draining_gives_what_passes_its_time(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x00")
    simulation.run()
    simulation.core.drain()
    simulation.advance(3.0)
    endpoint.connection().send(b"last words")
    assert client.received() == b"last words"
    simulation.advance(3.0)
    assert client.saw_end()
    assert simulation.core.active() == 0


@pytest.mark.parametrize("said", [0, 2, 20])
def test_a_request_that_crosses_a_drain_is_answered_though_nobody_knew_it_for_one(begin: Begin, said: int) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(GET[:said])
    simulation.run()
    simulation.core.drain()
    simulation.advance(0.3)
    client.send(GET[said:])
    simulation.run()
    endpoint.connections()[-1].send(OK)
    answer = client.received()
    assert b"Connection: close" in answer
    assert answer.endswith(b"ok")
    assert client.saw_end()
    assert simulation.core.active() == 0


def test_http_2_that_crosses_a_drain_is_served_and_told_to_go(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    peer = call(simulation)
    simulation.run()
    simulation.core.drain()
    client = Browser(peer, H2Client(HttpLimits()))
    stream = client.ask(authority="books")
    endpoint.connection().send(OK)
    assert client.answer(stream)[0] == 200
    simulation.advance(1.5)
    client.talk()
    assert isinstance(client.events[0][-1], GoingAway)
    assert client.peer.saw_end()
    assert simulation.core.active() == 0


def test_who_says_nothing_during_a_drain_is_not_waited_for(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    client = call(simulation)
    simulation.run()
    simulation.core.drain()
    simulation.advance(2.5)
    assert client.saw_end()
    assert simulation.core.active() == 0


def test_octets_that_cross_a_drain_pass_for_its_time(begin: Begin) -> None:
    simulation = begin(make_snapshot())
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    simulation.run()
    simulation.core.drain()
    client.send(b"\x00\x01")
    simulation.advance(3.0)
    endpoint.connection().send(b"last words")
    assert client.received() == b"last words"
    simulation.advance(3.0)
    assert client.saw_end()
    assert simulation.core.active() == 0


def test_a_place_that_does_not_answer_keeps_nobody_for_ever(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    simulation.network.doom(BOOKS, Fate.BLACK_HOLE)
    client = call(simulation)
    client.send(b"\x00")
    simulation.advance(20.0)
    assert client.saw_reset()
    assert log(simulation) == [(0, "connect_timeout", "books")]


def test_nobody_waits_for_ever_for_a_connection_of_the_cluster(begin: Begin) -> None:
    snapshot = make_snapshot("tcp")
    books = msgspec.structs.replace(snapshot.clusters["books"], max_connections=1)
    simulation = begin(msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, "books": books}))
    endpoint = simulation.endpoint(BOOKS)
    first, second, third = (call(simulation) for _ in range(3))
    for client in (first, second, third):
        client.send(b"\x00")
    simulation.run()
    assert len(endpoint.connections()) == 1
    simulation.advance(20.0)
    first.reset()
    assert endpoint.connection().received() == b"\x00"
    assert len(endpoint.connections()) == 2
    simulation.advance(60.0)
    assert third.saw_reset()
    assert not second.saw_reset()
    assert log(simulation) == [(0, "client_gone", "books"), (0, "connect_timeout", "books")]


def test_whom_tls_is_for_is_logged_though_nobody_opens_it(begin: Begin) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    words = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), words, server_hostname="www.example.test").do_handshake()
    simulation = begin(make_snapshot(stranger="blackhole"))
    client = call(simulation, f"{STRANGER}:443")
    client.send(words.read())
    assert client.saw_reset()
    [record] = simulation.records
    assert record.reason is not None
    assert record.reason.code == "not_registered"
    assert record.server_name in {"www.example.test", ""}
    if simulation.network.random is None:
        assert record.server_name == "www.example.test"


def hello(name: str) -> bytes:
    """What a client says that asks for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    words = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), words, server_hostname=name).do_handshake()
    return words.read()


def by_name(**names: str) -> Snapshot:
    """A listener whose TLS passes: names of servers by clusters."""
    chains = [
        FilterChain(protocol="tls", server_names=(name,), backends=(WeightedCluster(cluster=cluster),))
        for cluster, name in names.items()
    ]
    snapshot = Snapshot(
        listeners={"tls": Listener(address=f"{PROXY_HOST}:443", filter_chains=tuple(chains))},
        clusters={cluster: Cluster(endpoints=(Endpoint(address=BOOKS),)) for cluster in names},
    )
    assert check_snapshot(snapshot) == []
    return snapshot


@pytest.fixture(params=[None, 1, 2])
def tls(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    with Simulation(by_name(books="*.books.test"), seed=request.param) as simulation:
        yield simulation
        simulation.run()
        assert simulation.faults == []


def test_tls_passes_whole_by_its_name(tls: Simulation) -> None:
    endpoint = tls.endpoint(BOOKS)
    client = tls.client(f"{PROXY_HOST}:443")
    words = hello("a.books.test")
    client.send(words[:40])
    tls.advance(1.0)
    assert endpoint.connections() == []
    client.send(words[40:] + b"more")
    assert endpoint.connection().received() == words + b"more"
    endpoint.connection().send(b"answer")
    endpoint.connection().half_close()
    assert client.received() == b"answer"
    client.half_close()
    assert log(tls) == [(0, "", "books")]


def test_whom_a_refused_client_asked_for_is_logged(tls: Simulation) -> None:
    client = tls.client(f"{PROXY_HOST}:443")
    client.send(hello("a.other.test"))
    assert client.saw_reset()
    [record] = tls.records
    assert record.server_name == "a.other.test"
    assert log(tls) == [(0, "no_listener", "")]


@pytest.mark.parametrize("words", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"])
def test_a_client_that_does_not_say_whom_it_wants_is_not_waited_for(tls: Simulation, words: bytes) -> None:
    client = tls.client(f"{PROXY_HOST}:443")
    client.send(words)
    tls.advance(11.0)
    assert client.saw_end() or client.saw_reset()
    assert tls.core.active() == 0
    assert log(tls) == []


def test_what_passes_stays_while_its_name_is_served(tls: Simulation) -> None:
    endpoint = tls.endpoint(BOOKS)
    client = tls.client(f"{PROXY_HOST}:443")
    words = hello("a.books.test")
    client.send(words)
    assert endpoint.connection().received() == words
    tls.apply(by_name(more="more.test", books="*.books.test"))
    tls.advance(60.0)
    client.send(b"more")
    assert endpoint.connection().received() == b"more"
    tls.apply(by_name(more="more.test"))
    tls.advance(31.0)
    assert client.saw_end()


BULK = bytes(range(256)) * 2048


def bulk_call(simulation: Simulation) -> tuple[Peer, Peer]:
    """A client and its endpoint's side, between which octets pass."""
    endpoint = simulation.endpoint(BOOKS)
    client = call(simulation)
    client.send(b"\x16")
    assert endpoint.connection().received() == b"\x16"
    return client, endpoint.connection()


def test_long_transfers_go_past_the_proxy_both_ways_and_are_counted(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    client, endpoint = bulk_call(simulation)
    client.send(BULK)
    endpoint.send(BULK * 2)
    simulation.run()
    assert (endpoint.received(), client.received()) == (BULK, BULK * 2)
    # Where transfers are cut, reads may be too short for it, or something always be left unsent.
    assert simulation.loop.bypasses == 2 or simulation.network.random is not None
    client.send(b"more")
    assert endpoint.received() == b"more"
    client.half_close()
    assert endpoint.saw_end()
    endpoint.send(BULK)
    assert client.received() == BULK
    endpoint.close()
    assert client.saw_end()
    [record] = simulation.records
    assert (record.reason, record.bytes_received, record.bytes_sent) == (None, 1 + len(BULK) + 4, 3 * len(BULK))
    assert simulation.loop.bypasses == 0
    client.close()
    simulation.run()
    assert simulation.core.active() == 0
    assert simulation.network.descriptors() == 2


def test_a_long_transfer_waits_for_whom_it_is_for(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    client, endpoint = bulk_call(simulation)
    client.pause()
    endpoint.send(BULK * 4)
    simulation.run()
    first = endpoint.unsent()
    assert first > 0
    simulation.run()
    assert endpoint.unsent() == first
    client.resume()
    assert client.received() == BULK * 4
    assert endpoint.unsent() == 0


@pytest.mark.parametrize("who", ["client", "endpoint"])
def test_a_long_transfer_that_breaks_ends_both_sides(begin: Begin, who: str) -> None:
    simulation = begin(make_snapshot("tcp"))
    client, endpoint = bulk_call(simulation)
    endpoint.send(BULK)
    assert client.received() == BULK
    assert simulation.loop.bypasses == 1 or simulation.network.random is not None
    client.pause()
    endpoint.send(BULK * 4)
    simulation.run()
    (client if who == "client" else endpoint).reset()
    simulation.run()
    client.resume()
    assert (endpoint if who == "client" else client).saw_reset()
    [record] = simulation.records
    assert record.reason is not None
    assert simulation.loop.bypasses == 0
    assert simulation.core.active() == 0


def test_beyond_so_many_at_once_long_transfers_are_read_and_written(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    simulation.loop.bypasses = MOST_BYPASSES
    client, endpoint = bulk_call(simulation)
    client.send(BULK)
    assert endpoint.received() == BULK
    assert simulation.loop.bypasses == MOST_BYPASSES


def test_a_long_transfer_that_has_ended_keeps_no_other_from_the_same_treatment(begin: Begin) -> None:
    simulation = begin(make_snapshot("tcp"))
    client, endpoint = bulk_call(simulation)
    client.send(BULK)
    assert endpoint.received() == BULK
    client.half_close()
    assert endpoint.saw_end()
    # The other way may stay open for as long as anything moves there.
    assert simulation.loop.bypasses == 0
    endpoint.send(b"thanks")
    assert client.received() == b"thanks"
    endpoint.close()
    assert client.saw_end()
    client.close()
    assert log(simulation) == [(0, "", "books")]
