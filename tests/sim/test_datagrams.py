"""UDP through a proxy: sessions by client, how they begin, are divided, are bounded, and end."""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest

from hauberk_core.model import Cluster, Datagrams, Duration, Endpoint, HashBy, Listener, Reason, Snapshot, WeightedCluster
from hauberk_core.model.check import check_snapshot
from hauberk_core.sim.datagrams import DatagramPeer
from hauberk_core.sim.simulation import PROXY_HOST, Simulation

DNS = f"{PROXY_HOST}:53"
ONE = "192.0.2.30:53"
TWO = "192.0.2.31:53"
CLIENT = "198.51.100.1:4000"
Start = Callable[[Snapshot], Simulation]


def make_snapshot(*backends: tuple[str, int], endpoints: tuple[str, ...] = (ONE,), **settings: object) -> Snapshot:
    """A listener of UDP before the clusters `one`, which has the endpoints, and `two`."""
    shares = tuple([WeightedCluster(cluster=name, weight=weight) for name, weight in backends or (("one", 1),)])
    snapshot = Snapshot(
        listeners={"dns": Listener(address=DNS, datagrams=msgspec.convert({"backends": shares, **settings}, Datagrams))},
        clusters={
            "one": Cluster(endpoints=tuple([Endpoint(address=address) for address in endpoints]), load_balancing="round_robin"),
            "two": Cluster(endpoints=(Endpoint(address=TWO),)),
        },
    )
    assert check_snapshot(snapshot) == []
    return snapshot


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[Simulation] = []

    def begin(snapshot: Snapshot) -> Simulation:
        begun.append(Simulation(snapshot))
        return begun[-1]

    yield begin
    for simulation in begun:
        assert simulation.faults == []
        simulation.close()


def ask(simulation: Simulation, client: DatagramPeer, data: bytes = b"?") -> None:
    assert client.send(data, DNS)
    simulation.run()


def test_a_session_carries_datagrams_both_ways_and_is_logged_once(start: Start) -> None:
    simulation = start(make_snapshot())
    client, endpoint = simulation.datagram_peer(CLIENT), simulation.datagram_peer(ONE)
    ask(simulation, client, b"who?")
    ask(simulation, client, b"")
    [(first, via), (second, again)] = endpoint.received()
    assert (first, second, via) == (b"who?", b"", again)
    endpoint.send(b"you", via)
    endpoint.send(b"and they", via)
    simulation.run()
    assert client.received() == [(b"you", DNS), (b"and they", DNS)]
    assert simulation.records == []
    simulation.advance(61.0)
    [record] = simulation.records
    assert (record.protocol, record.reason, record.bytes_received, record.bytes_sent) == ("UDP", None, 4, 11)
    assert (record.downstream_remote, record.downstream_local, record.upstream_host) == (CLIENT, DNS, ONE)
    assert (record.cluster, record.upstream_local) == ("one", via)
    assert 60.0 <= record.duration < 61.0
    assert simulation.datagram_cells("dns") == [1, 0, 2, 4, 2, 11]


def test_only_the_endpoint_of_a_session_can_answer_it(start: Start) -> None:
    simulation = start(make_snapshot())
    client, endpoint = simulation.datagram_peer(CLIENT), simulation.datagram_peer(ONE)
    ask(simulation, client)
    [(_, via)] = endpoint.received()
    assert not simulation.datagram_peer("203.0.113.66:53").send(b"forged", via)
    simulation.run()
    assert client.received() == []


def test_sessions_are_divided_by_weight_and_stay_where_they_are(start: Start) -> None:
    simulation = start(make_snapshot(("one", 7), ("two", 3)))
    first, second = simulation.datagram_peer(ONE), simulation.datagram_peer(TWO)
    clients = [simulation.datagram_peer(f"198.51.100.1:{4000 + number}") for number in range(100)]
    for client in clients * 3:
        ask(simulation, client)
    by_session = Counter([sender for peer in (first, second) for _, sender in peer.received()])
    assert len(by_session) == 100
    assert set(by_session.values()) == {3}
    simulation.core.drain()
    simulation.advance(6.0)
    shares = Counter([record.cluster for record in simulation.records])
    assert 66 <= shares["one"] <= 74
    assert shares["two"] == 100 - shares["one"]


def test_datagrams_of_one_client_are_divided_one_by_one_where_that_is_asked_for(start: Start) -> None:
    simulation = start(make_snapshot(endpoints=(ONE, TWO), balance="datagram"))
    first, second = simulation.datagram_peer(ONE), simulation.datagram_peer(TWO)
    client = simulation.datagram_peer(CLIENT)
    for _ in range(10):
        ask(simulation, client)
    at_first, at_second = first.received(), second.received()
    assert (len(at_first), len(at_second)) == (5, 5)
    assert len({sender for _, sender in at_first}) == 1
    second.send(b"answer", at_second[0][1])
    simulation.run()
    assert client.received() == [(b"answer", DNS)]


def test_a_host_stays_with_one_endpoint_where_its_address_is_hashed(start: Start) -> None:
    snapshot = make_snapshot(endpoints=(ONE, TWO))
    hashed = msgspec.structs.replace(
        snapshot.clusters["one"], load_balancing="maglev", hash_by=HashBy(source_address=True), hash_table_size=101
    )
    simulation = start(msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, "one": hashed}))
    peers = (simulation.datagram_peer(ONE), simulation.datagram_peer(TWO))
    taken: set[int] = set()
    for host in range(12):
        for port in (4000, 4001, 4002):
            ask(simulation, simulation.datagram_peer(f"198.51.100.{host}:{port}"))
        counts = [len(peer.received()) for peer in peers]
        assert sorted(counts) == [0, 3]
        taken.add(counts.index(3))
    assert taken == {0, 1}


def answer_all(simulation: Simulation, endpoint: DatagramPeer) -> int:
    questions = endpoint.received()
    for _, via in questions:
        endpoint.send(b"answer", via)
    simulation.run()
    return len(questions)


def test_when_all_places_are_taken_a_session_without_an_answer_makes_room(start: Start) -> None:
    simulation = start(make_snapshot(max_sessions=2))
    endpoint = simulation.datagram_peer(ONE)
    served, forged, late, later = [simulation.datagram_peer(f"198.51.100.{number}:4000") for number in range(1, 5)]
    ask(simulation, forged)
    ask(simulation, served)
    endpoint.send(b"answer", endpoint.received()[1][1])
    ask(simulation, late)
    [record] = simulation.records
    assert (record.reason, record.downstream_remote) == (Reason.OVERFLOW, forged.address())
    assert answer_all(simulation, endpoint) == 1
    for client in (served, late):
        ask(simulation, client)
    assert answer_all(simulation, endpoint) == 2
    ask(simulation, later)
    assert endpoint.received() == []
    assert simulation.dropped_datagrams("dns", "overflow") == 1
    ask(simulation, served)
    assert len(endpoint.received()) == 1


def test_forged_questions_that_were_answered_keep_nobody_out(start: Start) -> None:
    simulation = start(make_snapshot(max_sessions=4))
    endpoint = simulation.datagram_peer(ONE)
    talks = simulation.datagram_peer("198.51.100.200:4000")
    for _ in range(2):
        ask(simulation, talks)
        assert answer_all(simulation, endpoint) == 1
    forged = [simulation.datagram_peer(f"198.51.100.{number}:4000") for number in range(1, 10)]
    for client in forged:
        ask(simulation, client)
        assert answer_all(simulation, endpoint) == 1
    assert [record.downstream_remote for record in simulation.records] == [client.address() for client in forged[:6]]
    assert {record.reason for record in simulation.records} == {Reason.OVERFLOW}
    ask(simulation, talks)
    ask(simulation, simulation.datagram_peer("198.51.100.201:4000"))
    assert answer_all(simulation, endpoint) == 2
    assert simulation.dropped_datagrams("dns", "overflow") == 0


def test_an_endpoint_that_is_not_there_costs_its_session_and_the_next_datagram_goes_elsewhere(start: Start) -> None:
    simulation = start(make_snapshot(endpoints=(ONE, TWO)))
    there = simulation.datagram_peer(TWO)
    clients = [simulation.datagram_peer(f"198.51.100.1:{port}") for port in (4000, 4001)]
    for client in clients:
        ask(simulation, client)
    [record] = simulation.records
    assert (record.reason, record.upstream_host) == (Reason.CONNECT_FAILED, ONE)
    for client in clients * 2:
        ask(simulation, client)
    # One of them may draw the missing one again; whoever was answered nothing simply asks again, as clients of UDP do.
    assert {data for data, _ in there.received()} == {b"?"}


@pytest.mark.parametrize(
    ("backends", "endpoints", "cause"),
    [((("", 1),), (ONE,), "no_backend"), ((("one", 1),), (), "no_endpoint")],
)
def test_what_leads_nowhere_is_dropped_and_counted(
    start: Start, backends: tuple[tuple[str, int], ...], endpoints: tuple[str, ...], cause: str
) -> None:
    simulation = start(make_snapshot(*backends, endpoints=endpoints))
    ask(simulation, simulation.datagram_peer(CLIENT))
    assert simulation.dropped_datagrams("dns", cause) == 1
    assert simulation.records == []


def test_a_change_moves_those_sessions_alone_whose_endpoint_has_gone(start: Start) -> None:
    simulation = start(make_snapshot(endpoints=(ONE, TWO)))
    first, second = simulation.datagram_peer(ONE), simulation.datagram_peer(TWO)
    clients = [simulation.datagram_peer(f"198.51.100.1:{port}") for port in (4000, 4001)]
    for client in clients:
        ask(simulation, client)
    [(_, of_second)] = second.received()
    assert len(first.received()) == 1
    simulation.apply(make_snapshot(endpoints=(TWO,), idle_timeout=Duration(30.0)))
    for client in clients:
        ask(simulation, client)
    senders = {sender for _, sender in second.received()}
    assert of_second in senders
    assert len(senders) == 2
    assert first.received() == []
    assert [record.upstream_host for record in simulation.records] == [ONE]


def test_a_drain_passes_on_what_has_come_and_waits_for_its_answers_alone(start: Start) -> None:
    simulation = start(make_snapshot())
    endpoint = simulation.datagram_peer(ONE)
    at_rest, waiting = simulation.datagram_peer(CLIENT), simulation.datagram_peer("198.51.100.2:4000")
    ask(simulation, at_rest)
    endpoint.send(b"answer", endpoint.received()[0][1])
    simulation.run()
    waiting.send(b"?", DNS)
    simulation.core.drain()
    simulation.run()
    [(_, via)] = endpoint.received()
    assert simulation.core.active() == 1
    at_rest.send(b"?", DNS)
    endpoint.send(b"late", via)
    simulation.run()
    assert waiting.received() == [(b"late", DNS)]
    simulation.advance(0.1)
    assert simulation.core.active() == 0
    assert simulation.datagram_cells("dns")[1] == 0
    assert endpoint.received() == []


def test_a_drain_does_not_wait_for_an_answer_that_never_comes(start: Start) -> None:
    simulation = start(make_snapshot())
    simulation.datagram_peer(ONE)
    ask(simulation, simulation.datagram_peer(CLIENT))
    simulation.core.drain()
    assert simulation.core.active() == 1
    simulation.advance(6.0)
    assert simulation.core.active() == 0


def test_a_flood_does_not_hold_the_loop(start: Start) -> None:
    simulation = start(make_snapshot())
    endpoint = simulation.datagram_peer(ONE)
    client = simulation.datagram_peer(CLIENT)
    sent = sum([client.send(b"?", DNS) for _ in range(200)])
    assert sent == 200
    simulation.loop.run_ready()
    assert 0 < len(endpoint.received()) < 200
    simulation.run()
    assert simulation.datagram_cells("dns")[2] == 200


def test_a_host_that_crowds_all_places_makes_room_for_others(start: Start) -> None:
    simulation = start(make_snapshot(max_sessions=40))
    endpoint = simulation.datagram_peer(ONE)
    crowd = [simulation.datagram_peer(f"198.51.100.1:{4000 + number}") for number in range(40)]
    for client in crowd * 2:
        ask(simulation, client)
        assert answer_all(simulation, endpoint) == 1
    others = [simulation.datagram_peer(f"198.51.100.{2 + number}:4000") for number in range(24)]
    for client in others * 2:
        ask(simulation, client)
        assert answer_all(simulation, endpoint) == 1
    assert [record.downstream_remote for record in simulation.records] == [client.address() for client in crowd[:24]]
    assert {record.reason for record in simulation.records} == {Reason.OVERFLOW}
    # With 16 left it is none any more, and nobody's place is anybody's.
    ask(simulation, simulation.datagram_peer("198.51.100.200:4000"))
    assert endpoint.received() == []
    for client in [*crowd[24:], *others]:
        ask(simulation, client)
        assert answer_all(simulation, endpoint) == 1


@pytest.mark.parametrize("forged_for_it", [20, 5])
def test_a_host_in_whose_name_others_ask_keeps_its_own_sessions(start: Start, forged_for_it: int) -> None:
    simulation = start(make_snapshot(max_sessions=100))
    endpoint = simulation.datagram_peer(ONE)
    own = [simulation.datagram_peer(f"198.51.100.1:{4000 + number}") for number in range(15)]
    for client in own * 2:
        ask(simulation, client)
        assert answer_all(simulation, endpoint) == 1
    for number in range(forged_for_it):
        ask(simulation, simulation.datagram_peer(f"198.51.100.1:{5000 + number}"))
    for number in range(120):
        ask(simulation, simulation.datagram_peer(f"198.51.100.{2 + number}:4000"))
    ended = {record.downstream_remote for record in simulation.records}
    assert ended
    assert not ended & {client.address() for client in own}


def test_a_crowd_gets_no_place_of_others(start: Start) -> None:
    simulation = start(make_snapshot(max_sessions=40))
    endpoint = simulation.datagram_peer(ONE)
    silent = simulation.datagram_peer("198.51.100.2:4000")
    ask(simulation, silent)
    [(_, via)] = endpoint.received()
    for number in range(39):
        client = simulation.datagram_peer(f"198.51.100.1:{4000 + number}")
        for _ in range(2):
            ask(simulation, client)
            assert answer_all(simulation, endpoint) == 1
    ask(simulation, simulation.datagram_peer("198.51.100.1:5000"))
    assert endpoint.received() == []
    assert simulation.dropped_datagrams("dns", "overflow") == 1
    endpoint.send(b"late", via)
    simulation.run()
    assert silent.received() == [(b"late", DNS)]


def test_sessions_leave_descriptors_to_connections(start: Start) -> None:
    simulation = start(make_snapshot())
    endpoint = simulation.datagram_peer(ONE)
    pressure = simulation.core.pressure
    pressure.limit(8, 0, 0, 0.0)
    for number in range(10):
        ask(simulation, simulation.datagram_peer(f"198.51.100.{1 + number}:4000"))
    assert len(endpoint.received()) == 10
    assert pressure.sessions == 4
    pressure.connections = 5
    assert pressure.surplus(0, 0) == ""
    pressure.connections = 6
    assert "4 sessions of UDP" in pressure.surplus(0, 0)
    pressure.connections = 0
    simulation.core.drain()
    simulation.advance(6.0)
    assert pressure.sessions == 0
