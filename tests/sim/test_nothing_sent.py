"""A proxy that could not reach its workload says that nothing was sent, and its caller tries another endpoint."""

from typing import TYPE_CHECKING, Any

import pytest
from circuit_steps import Circuits
from plugin_fixtures import filters_host, use

from hauberk_core.model import Endpoint, JsonObject
from hauberk_core.plugin.data import Exchange, Reply, SyncFilter
from hauberk_core.proxy.exchange import REPLAY_BYTES
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

PEER = "spiffe://cluster.local/ns/default/sa/books"
FIRST = Endpoint(address="192.0.2.20:9080")
SECOND = Endpoint(address="192.0.2.21:9080")
NOTHING_SENT = (
    b"HTTP/1.1 503 Unavailable\r\nhauberk-reason: connect_failed\r\nhauberk-sent: nothing\r\nContent-Length: 2\r\n\r\nno"
)


def in_mesh(build: "Build", **more: Any) -> "Scenario":
    """A proxy with two endpoints behind proxies of the mesh; it has asked nobody yet."""
    cluster = {"endpoints": (FIRST, SECOND), "load_balancing": "round_robin", **more.pop("cluster", {})}
    scenario = build(cluster=cluster, **more)
    for endpoint in (FIRST, SECOND):
        scenario.network.identify(endpoint.address.rpartition(":")[0], PEER)
    return scenario


def serve(scenario: "Scenario") -> list[ScriptedEndpoint]:
    return [scenario.serve(FIRST.address), scenario.serve(SECOND.address)]


def asked(servers: list[ScriptedEndpoint]) -> tuple[Peer, bytes]:
    """The one connection on which something has come, and what."""
    [found] = [(peer, data) for server in servers for peer in server.connections() if (data := peer.received())]
    return found


def test_the_caller_is_told_if_it_is_of_the_mesh(build: "Build") -> None:
    scenario = build(cluster={"connect_attempts": 1})
    scenario.network.identify("198.51.100.7", "spiffe://cluster.local/ns/default/sa/web")
    of_the_mesh, other = scenario.client(scenario.web, "198.51.100.7"), scenario.browser()
    for client in (of_the_mesh, other):
        scenario.get(client)
    assert b"\r\nhauberk-sent: nothing\r\n" in of_the_mesh.received()
    answer = other.received()
    assert b"hauberk-reason: connect_failed" in answer
    assert b"hauberk-sent" not in answer


def test_an_answer_of_the_workload_is_not_taken_for_its_proxys(build: "Build") -> None:
    scenario = build()
    endpoint = scenario.serve()
    scenario.network.identify("198.51.100.7", "spiffe://cluster.local/ns/default/sa/web")
    client = scenario.client(scenario.web, "198.51.100.7")
    scenario.get(client)
    endpoint.connection().send(NOTHING_SENT)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"hauberk-sent" not in answer
    assert len(endpoint.connections()) == 1


@pytest.mark.parametrize("body", [b"", b"x" * 10, b"x" * 30_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_post_goes_to_another_endpoint_whole(build: "Build", body: bytes, chunked: bool) -> None:
    scenario = in_mesh(build)
    servers = serve(scenario)
    client = scenario.browser()
    if chunked:
        framed = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + framed)
    else:
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    peer, first = asked(servers)
    peer.send(NOTHING_SENT)
    other, second = asked(servers)
    assert other.address() != peer.address()
    assert second == first
    assert second.count(b"x") >= len(body)
    other.send(scenario.ok)
    assert client.received().endswith(b"ok")
    record = scenario.record()
    assert (record.status, record.reason, record.upstream_tried) == (200, None, peer.address())
    scenario.get(client)
    asked(servers)[0].send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_body_that_is_still_coming_goes_on_to_the_other_endpoint(build: "Build") -> None:
    scenario = in_mesh(build)
    servers = serve(scenario)
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabc")
    peer, _ = asked(servers)
    peer.send(NOTHING_SENT)
    other, data = asked(servers)
    assert data.endswith(b"\r\n\r\nabc")
    client.send(b"def")
    assert other.received() == b"def"
    other.send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_body_that_is_too_long_to_keep_is_not_sent_twice(build: "Build") -> None:
    scenario = in_mesh(build)
    servers = serve(scenario)
    client = scenario.browser()
    size = REPLAY_BYTES + 1
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    peer, _ = asked(servers)
    peer.send(NOTHING_SENT)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"hauberk-sent" not in answer
    assert sum(len(server.connections()) for server in servers) == 1


def test_attempts_are_bounded(build: "Build") -> None:
    scenario = in_mesh(build, cluster={"connect_attempts": 3})
    servers = serve(scenario)
    client = scenario.browser()
    scenario.get(client)
    for _ in range(3):
        peer, _ = asked(servers)
        peer.send(NOTHING_SENT)
    assert client.received().startswith(b"HTTP/1.1 503")
    assert sum(len(server.connections()) for server in servers) == 3


def test_an_endpoint_outside_of_the_mesh_is_not_believed(build: "Build") -> None:
    scenario = build(cluster={"endpoints": (FIRST, SECOND)})
    servers = serve(scenario)
    client = scenario.browser()
    scenario.get(client)
    peer, _ = asked(servers)
    peer.send(NOTHING_SENT)
    assert client.received().startswith(b"HTTP/1.1 503")
    assert sum(len(server.connections()) for server in servers) == 1


def test_for_circuits_it_is_a_failure_to_reach_the_endpoint(build: "Build") -> None:
    config = JsonObject.of(
        {"outliers": {"split": True, "consecutive_local": 1, "consecutive_5xx": 1, "max_ejection_percent": 50}}
    )
    scenario = in_mesh(build, cluster={"plugins": (use("circuitbreaker", config.text),)})
    servers = serve(scenario)
    client = scenario.browser()
    scenario.get(client)
    peer, _ = asked(servers)
    peer.send(NOTHING_SENT)
    other, _ = asked(servers)
    other.send(scenario.ok)
    assert client.received().endswith(b"ok")
    shown = Circuits(scenario).endpoint(peer.address())
    assert (shown.state, shown.ejections_local) == ("open", 1)
    assert shown.tripped is not None
    assert shown.tripped.reason == "connect_failed"


def test_filters_do_not_see_the_answer_that_was_tried_elsewhere(build: "Build") -> None:
    seen: list[int] = []

    class Seeing(SyncFilter):
        def response(self, exchange: Exchange) -> Reply | None:
            seen.append(exchange.status)
            return None

    scenario = in_mesh(build, chain={"plugins": (use("seeing"),)}, plugins=filters_host(seeing=lambda config: Seeing()))
    servers = serve(scenario)
    client = scenario.browser()
    scenario.get(client)
    peer, _ = asked(servers)
    peer.send(NOTHING_SENT)
    other, _ = asked(servers)
    other.send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert seen == [200]
