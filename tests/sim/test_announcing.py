"""Connections that begin by telling whose they are: octets pass behind that, and requests share with those of one client."""

from typing import TYPE_CHECKING

import pytest
from h2_browser import Browser
from http2_endpoint import Http2Connection

from hauberk_core.model import Cluster, Endpoint, FilterChain, Listener, Snapshot, WeightedCluster
from hauberk_core.net.proxy_protocol import ProxyHeader, read_proxy_header
from hauberk_core.sim.peer import Peer
from hauberk_core.sim.simulation import Simulation

if TYPE_CHECKING:
    from tests.sim.conftest import Build

WEB = "192.0.2.10:8080"
BOOKS = "192.0.2.20:9080"
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


def announced(peer: Peer) -> tuple[str, bytes]:
    """Whose connection it is that an endpoint was told, and what came behind that."""
    data = peer.received()
    header = read_proxy_header(data)
    assert isinstance(header, ProxyHeader)
    assert header.destination == WEB
    return header.source, data[header.size :]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_octets_follow_the_header(version: str, seed: int | None) -> None:
    cluster = Cluster(endpoints=(Endpoint(address=BOOKS),), proxy_protocol="v1" if version == "v1" else "v2")
    chain = FilterChain(protocol="tcp", backends=(WeightedCluster(cluster="books"),))
    snapshot = Snapshot(listeners={"web": Listener(address=WEB, filter_chains=(chain,))}, clusters={"books": cluster})
    with Simulation(snapshot, seed) as simulation:
        endpoint = simulation.endpoint(BOOKS)
        client = simulation.client(WEB)
        client.send(b"hello")
        simulation.run()
        assert announced(endpoint.connection()) == (client.address(), b"hello")
        endpoint.connection().send(b"world")
        assert client.received() == b"world"
        assert simulation.faults == []


def test_requests_of_one_client_share_a_connection_and_those_of_another_do_not(build: "Build") -> None:
    scenario = build(cluster={"proxy_protocol": "v2"})
    endpoint = scenario.endpoint(scenario.books)
    first, second = scenario.client(scenario.web), scenario.client(scenario.web)
    for client in (first, second, first, second):
        client.send(GET)
        scenario.run()
        for connection in endpoint.connections():
            if connection.received():
                connection.send(scenario.ok)
        assert client.received().endswith(b"ok")
    assert len(endpoint.connections()) == 2


def test_each_of_two_connections_tells_its_client(build: "Build") -> None:
    scenario = build(cluster={"proxy_protocol": "v1"})
    endpoint = scenario.endpoint(scenario.books)
    clients = [scenario.client(scenario.web) for _ in range(2)]
    for client in clients:
        client.send(GET)
        scenario.run()
    told = [announced(connection)[0] for connection in endpoint.connections()]
    assert told == [client.address() for client in clients]
    for connection in endpoint.connections():
        connection.send(scenario.ok)
    assert [client.received()[-2:] for client in clients] == [b"ok", b"ok"]


def test_a_client_that_waits_for_room_gets_a_connection_of_its_own(build: "Build") -> None:
    scenario = build(cluster={"proxy_protocol": "v1", "max_connections": 1})
    endpoint = scenario.endpoint(scenario.books)
    first, second = scenario.client(scenario.web), scenario.client(scenario.web)
    first.send(GET)
    scenario.run()
    second.send(GET)
    scenario.run()
    assert announced(endpoint.connection())[0] == first.address()
    endpoint.connection().send(scenario.ok)
    assert first.received().endswith(b"ok")
    assert len(endpoint.connections()) == 2
    assert announced(endpoint.connection())[0] == second.address()
    endpoint.connection().send(scenario.ok)
    assert second.received().endswith(b"ok")


def told(peer: Peer) -> tuple[str, Http2Connection]:
    """Whose connection of HTTP/2 it is that an endpoint was told, and what speaks on it behind that."""
    source, octets = announced(peer)
    connection = Http2Connection(peer)
    connection.hear(octets)
    return source, connection


@pytest.mark.parametrize("seed", [None, 1])
def test_over_http_2_too_only_requests_of_one_client_share_a_connection(build: "Build", seed: int | None) -> None:
    scenario = build(cluster={"proxy_protocol": "v2", "protocol": "http2"}, seed=seed)
    endpoint = scenario.endpoint(scenario.books)
    browsers = [Browser(scenario.browser()) for _ in range(2)]
    streams = [(browser, browser.ask(path=f"/{number}")) for number in range(3) for browser in browsers]
    connections = dict(told(peer) for peer in endpoint.connections())
    assert set(connections) == {browser.peer.address() for browser in browsers}
    assert len(endpoint.connections()) == 2
    for connection in connections.values():
        assert len(connection.requests()) == 3
        for stream in connection.requests():
            connection.answer(stream)
    for browser, stream in streams:
        assert browser.answer(stream)[0] == 200
    # Kept for that client, and taken by nobody else.
    again = browsers[0].ask()
    other = scenario.browser()
    other.send(GET)
    scenario.run()
    assert len(endpoint.connections()) == 3
    assert told(endpoint.connection())[0] == other.address()
    mine = connections[browsers[0].peer.address()]
    assert len(mine.requests()) == 4
    mine.answer(max(mine.requests()))
    assert browsers[0].answer(again)[0] == 200
    other.close()
    scenario.run()
    scenario.log()


def test_over_http_2_a_client_that_waits_for_room_gets_a_connection_of_its_own(build: "Build") -> None:
    scenario = build(cluster={"proxy_protocol": "v1", "protocol": "http2", "max_connections": 1})
    endpoint = scenario.endpoint(scenario.books)
    first, second = scenario.client(scenario.web), scenario.client(scenario.web)
    first.send(GET)
    scenario.run()
    second.send(GET)
    source, connection = told(endpoint.connection())
    assert source == first.address()
    connection.answer(1)
    assert first.received().endswith(b"ok\r\n0\r\n\r\n")
    assert len(endpoint.connections()) == 2
    source, connection = told(endpoint.connection())
    assert source == second.address()
    connection.answer(1)
    assert second.received().endswith(b"ok\r\n0\r\n\r\n")
