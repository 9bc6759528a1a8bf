"""Connections that a trusted proxy announces by the PROXY protocol: whose they are counts, wherever a client's address does."""

import ssl
from collections.abc import Iterator
from typing import Final

import pytest

from hauberk_core.model import Cluster, Endpoint, FilterChain, Listener, Route, RouteTable, Snapshot, VirtualHost, WeightedCluster
from hauberk_core.model.check import check_snapshot
from hauberk_core.sim.simulation import CLIENT_HOST, PROXY_HOST, Simulation

WEB: Final = f"{PROXY_HOST}:80"
TLS: Final = f"{PROXY_HOST}:443"
BACKEND: Final = "192.0.2.20:9080"
STRANGER: Final = "203.0.113.9"
LINE: Final = b"PROXY TCP4 192.0.2.77 203.0.113.1 4000 80\r\n"
OF_ITSELF: Final = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
GET: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(params=[None, 1, 2])
def simulation(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    routes = (Route(name="all", backends=(WeightedCluster(cluster="backend"),)),)
    trusted = (f"{CLIENT_HOST}/32",)
    passing = FilterChain(protocol="tls", server_names=("a.test",), backends=(WeightedCluster(cluster="backend"),))
    snapshot = Snapshot(
        listeners={
            "web": Listener(address=WEB, filter_chains=(FilterChain(route_table="all"),), proxy_protocol_from=trusted),
            "tls": Listener(address=TLS, filter_chains=(passing,), proxy_protocol_from=trusted),
        },
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
        clusters={"backend": Cluster(endpoints=(Endpoint(address=BACKEND),))},
    )
    assert check_snapshot(snapshot) == []
    with Simulation(snapshot, seed=request.param) as made:
        yield made
        made.run()
        assert made.faults == []


def test_the_client_is_the_one_that_is_announced(simulation: Simulation) -> None:
    endpoint = simulation.endpoint(BACKEND)
    client = simulation.client(WEB)
    for octet in LINE:
        client.send(bytes((octet,)))
        simulation.run()
    client.send(GET)
    assert b"\r\nx-forwarded-for: 192.0.2.77\r\n" in endpoint.connection().received()
    endpoint.connection().send(OK)
    assert client.received().endswith(b"ok")
    [record] = simulation.records
    assert (record.downstream_remote, record.downstream_local) == ("192.0.2.77:4000", "203.0.113.1:80")


def test_a_proxy_that_speaks_for_itself_is_its_own_client(simulation: Simulation) -> None:
    endpoint = simulation.endpoint(BACKEND)
    client = simulation.client(WEB)
    client.send(OF_ITSELF + GET)
    assert f"\r\nx-forwarded-for: {CLIENT_HOST}\r\n".encode() in endpoint.connection().received()


def test_nobody_else_is_believed(simulation: Simulation) -> None:
    client = simulation.client(WEB, STRANGER)
    client.send(LINE + GET)
    assert client.received().startswith(b"HTTP/1.1 400 ")
    endpoint = simulation.endpoint(BACKEND)
    client = simulation.client(WEB, STRANGER)
    client.send(GET)
    assert f"\r\nx-forwarded-for: {STRANGER}\r\n".encode() in endpoint.connection().received()


@pytest.mark.parametrize("octets", [GET, b"POST / HTTP/1.1\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n"])
def test_a_trusted_proxy_must_announce(simulation: Simulation, octets: bytes) -> None:
    endpoint = simulation.endpoint(BACKEND)
    client = simulation.client(WEB)
    client.send(octets)
    simulation.run()
    assert not client.is_connected()
    assert endpoint.connections() == []
    assert simulation.core.active() == 0


@pytest.mark.parametrize("octets", [b"", LINE[:20], OF_ITSELF[:14]])
def test_an_announcement_is_not_waited_for_for_ever(simulation: Simulation, octets: bytes) -> None:
    client = simulation.client(WEB)
    client.send(octets)
    simulation.advance(11.0)
    assert not client.is_connected()
    assert simulation.core.active() == 0


def test_an_announcement_that_breaks_off_is_none(simulation: Simulation) -> None:
    client = simulation.client(WEB)
    client.send(LINE[:20])
    client.half_close()
    simulation.run()
    assert simulation.core.active() == 0


def test_tls_that_passes_may_be_announced(simulation: Simulation) -> None:
    words = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), words, server_hostname="a.test").do_handshake()
    hello = words.read()
    endpoint = simulation.endpoint(BACKEND)
    client = simulation.client(TLS)
    client.send(LINE + hello)
    assert endpoint.connection().received() == hello
    client.reset()
    simulation.run()
    [record] = simulation.records
    assert (record.downstream_remote, record.server_name) == ("192.0.2.77:4000", "a.test")
