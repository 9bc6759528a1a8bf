"""Clients that leave and endpoints that fail, at every stage: what the other side sees, and what is recorded."""

from typing import TYPE_CHECKING

import pytest

from hauberk_core.model import Duration, Endpoint
from hauberk_core.sim.network import Fate

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

HEAD_TO_COME = b"GET / HTTP/1.1\r\nHost: a.te"
BOTH = (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))
PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n"


# Clients.


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_without_a_request_is_no_exchange(any_proxy: "Scenario", how: str) -> None:
    for start in (b"", HEAD_TO_COME):
        client = any_proxy.browser()
        client.send(start)
        any_proxy.run()
        getattr(client, how)()
        assert any_proxy.log() == []
        assert any_proxy.core.active() == 0


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_within_its_body(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(PUT + b"half")
    assert endpoint.connection().received()
    getattr(client, how)()
    record = any_proxy.record()
    assert (record.status, record.reason and record.reason.code) == (499, "client_gone")
    # The endpoint must not take the half for the whole.
    assert not endpoint.connection().is_connected()
    assert any_proxy.upstream_connections() == 0


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_client_that_leaves_before_its_answer_cancels_the_work(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    assert endpoint.connection().received()
    getattr(client, how)()
    assert any_proxy.log() == [(499, "client_gone")]
    assert not endpoint.connection().is_connected()
    assert any_proxy.core.active() == 0


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_within_its_answer(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert client.received()
    getattr(client, how)()
    assert any_proxy.log() == [(200, "client_gone")]
    assert not endpoint.connection().is_connected()


def test_client_that_leaves_while_connecting_leaves_the_connection_to_others(scenario: "Scenario") -> None:
    scenario.network.doom(scenario.books, Fate.BLACK_HOLE)
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    client.close()
    assert scenario.log() == [(499, "client_gone")]
    assert scenario.upstream_connections() == 1
    scenario.advance(6)
    assert scenario.upstream_connections() == 0


def test_client_that_leaves_the_queue(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 1})
    endpoint = scenario.serve()
    first, second, third = scenario.browser(), scenario.browser(), scenario.browser()
    for number, client in enumerate((first, second, third)):
        scenario.get(client, f"/{number}")
        scenario.run()
    second.close()
    assert scenario.log() == [(499, "client_gone")]
    assert b"GET /0 " in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert b"GET /2 " in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert third.received().endswith(b"ok")
    assert len(endpoint.connections()) == 1


# Endpoints.


def test_refused_connect_is_answered(any_proxy: "Scenario") -> None:
    client = any_proxy.browser()
    any_proxy.get(client)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"hauberk-reason: connect_failed\r\n" in answer
    record = any_proxy.record()
    assert record.reason is not None
    assert record.reason.flag == "UF"
    assert "Connection refused" in record.upstream_failure
    assert client.is_connected()


def test_unreachable_network_is_answered(any_proxy: "Scenario") -> None:
    any_proxy.network.doom(any_proxy.books, Fate.UNREACHABLE)
    client = any_proxy.browser()
    any_proxy.get(client)
    assert b"connect_failed" in client.received()
    assert any_proxy.log() == [(503, "connect_failed")]


def test_black_hole_ends_with_the_connect_timeout(build: "Build") -> None:
    scenario = build(cluster={"connect_timeout": Duration(2.0), "connect_attempts": 2})
    scenario.network.doom(scenario.books, Fate.BLACK_HOLE)
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(3.9)
    assert client.received() == b""
    scenario.advance(0.2)
    assert b"hauberk-reason: connect_timeout" in client.received()
    assert scenario.log() == [(503, "connect_timeout")]
    assert scenario.upstream_connections() == 0


@pytest.mark.parametrize("fate", list(Fate))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_endpoint_is_tried_before_anything_was_sent(build: "Build", fate: Fate, method: str) -> None:
    scenario = build(cluster={"load_balancing": "round_robin", "endpoints": BOTH})
    scenario.network.doom(scenario.other, fate)
    endpoint = scenario.serve()
    for _ in range(4):
        client = scenario.browser()
        client.send(f"{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody".encode())
        scenario.advance(6)
        assert endpoint.connection().received().endswith(b"body")
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
    assert scenario.other in {record.upstream_tried for record in scenario.records}
    assert scenario.log() == [(200, "")] * 4


def test_every_endpoint_is_tried_before_any_is_tried_again(build: "Build") -> None:
    addresses = [f"192.0.2.{number}:80" for number in range(30, 35)]
    scenario = build(cluster={"endpoints": tuple([Endpoint(address=address) for address in addresses]), "connect_attempts": 5})
    endpoint = scenario.endpoint(addresses[2])
    for _ in range(20):
        client = scenario.browser()
        scenario.get(client)
        assert endpoint.connection().received()
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        assert client.received().startswith(b"HTTP/1.1 200 ")


def test_attempts_have_a_limit(build: "Build") -> None:
    scenario = build(cluster={"endpoints": BOTH, "connect_attempts": 1, "load_balancing": "round_robin"})
    scenario.serve()
    for _ in range(4):
        scenario.get(scenario.browser())
        scenario.run()
    # Every other request meets the one that is not there.
    assert scenario.log() == [(503, "connect_failed")] * 2


@pytest.mark.parametrize("how", ["close", "reset"])
def test_endpoint_that_ends_before_its_answer_is_not_asked_again(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    assert endpoint.connection().received()
    getattr(endpoint.connection(), how)()
    assert b"hauberk-reason: upstream_reset" in client.received()
    assert any_proxy.log() == [(502, "upstream_reset")]
    assert len(endpoint.connections()) == 1
    assert client.is_connected()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_endpoint_that_ends_within_its_head(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    assert endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 200 O")
    any_proxy.run()
    getattr(endpoint.connection(), how)()
    assert b"hauberk-reason: upstream_reset" in client.received()
    assert any_proxy.log() == [(502, "upstream_reset")]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_cut_body_is_seen_by_the_client(any_proxy: "Scenario", how: str, version: str, framing: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(f"GET / HTTP/{version}\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n".encode())
    assert endpoint.connection().received()
    endpoint.connection().send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nhello".encode())
    assert client.received()
    getattr(endpoint.connection(), how)()
    # An orderly end would let a body that ends with the connection pass for complete.
    assert client.saw_reset()
    assert any_proxy.log() == [(200, "upstream_reset")]


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    ],
)
def test_nonsense_of_an_endpoint_is_its_mistake(any_proxy: "Scenario", answer: bytes) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    assert endpoint.connection().received()
    endpoint.connection().send(answer)
    assert b"hauberk-reason: upstream_protocol" in client.received()
    assert any_proxy.log() == [(502, "upstream_protocol")]
    assert any_proxy.upstream_connections() == 0


def test_broken_chunk_cuts_the_answer(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
    assert client.saw_reset()
    assert any_proxy.log() == [(200, "upstream_protocol")]


def test_octets_behind_an_answer_answer_nobody(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(any_proxy.ok + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    assert client.received().endswith(b"ok")
    assert any_proxy.upstream_connections() == 0
    assert any_proxy.exchange(client, endpoint).endswith(b"ok")
    assert len(endpoint.connections()) == 2


@pytest.mark.parametrize("what", ["close", "reset", "send"])
def test_idle_connection_that_speaks_or_ends_is_not_used(any_proxy: "Scenario", what: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.exchange(client, endpoint)
    if what == "send":
        endpoint.connection().send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    else:
        getattr(endpoint.connection(), what)()
    assert any_proxy.upstream_connections() == 0
    assert any_proxy.exchange(client, endpoint).endswith(b"ok")
    assert len(endpoint.connections()) == 2


# While nobody reads.


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_leaves_while_its_endpoint_does_not_keep_up(any_proxy: "Scenario", how: str) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000000\r\n\r\n")
    endpoint.connection().pause()
    client.send(b"x" * 1_500_000)
    assert client.unsent() > 0
    getattr(client, how)()
    # Reading is paused: it is noticed when the endpoint goes on. (A close waits behind what is to be sent.)
    any_proxy.run()
    endpoint.connection().resume()
    assert not endpoint.connection().is_connected()
    assert any_proxy.log() == [(499, "client_gone")]


def test_endpoint_that_breaks_while_its_client_does_not_keep_up(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    client.pause()
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 1_500_000)
    assert endpoint.connection().unsent() > 0
    endpoint.connection().reset()
    any_proxy.run()
    assert any_proxy.log() == []
    client.resume()
    assert client.saw_reset()
    assert any_proxy.log() == [(200, "upstream_reset")]


# Limits.


def test_requests_wait_for_a_connection_in_their_order(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 2, "max_pending": 3})
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(6)]
    for number, client in enumerate(clients):
        scenario.get(client, f"/{number}")
        scenario.run()
    refused = clients.pop()
    assert b"hauberk-reason: overflow" in refused.received()
    record = scenario.record()
    assert record.reason is not None
    assert (record.status, record.reason.flag) == (503, "UO")
    assert len(endpoint.connections()) == 2
    served: list[bytes] = []
    for _ in range(3):
        for server in endpoint.connections():
            if request := server.received():
                served.append(request.split(b" ")[1])
                server.send(scenario.ok)
        scenario.run()
    assert served == [b"/0", b"/1", b"/2", b"/3", b"/4"]
    assert scenario.log() == [(200, "")] * 5


def test_waiting_requests_take_over_from_connections_that_end(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 1})
    endpoint = scenario.serve()
    first, second = scenario.browser(), scenario.browser()
    scenario.get(first)
    scenario.run()
    scenario.get(second)
    endpoint.connection().reset()
    assert b"upstream_reset" in first.received()
    assert endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert second.received().endswith(b"ok")


@pytest.mark.parametrize("fate", list(Fate))
def test_long_queue_before_a_dead_endpoint_is_refused(build: "Build", fate: Fate) -> None:
    scenario = build(
        cluster={"max_connections": 1, "max_pending": 1000, "connect_attempts": 1, "connect_timeout": Duration(0.02)}
    )
    scenario.network.doom(scenario.books, Fate.BLACK_HOLE)
    clients = [scenario.browser() for _ in range(1000)]
    for client in clients:
        scenario.get(client)
    scenario.run()
    assert scenario.log() == []
    scenario.network.doom(scenario.books, fate)
    scenario.advance(60)
    assert len(scenario.records) == 1000
    assert {record.status for record in scenario.records} == {503}
    assert scenario.upstream_connections() == 0


def test_idle_connection_makes_room_for_another_endpoint(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 1, "endpoints": BOTH, "load_balancing": "round_robin"})
    endpoints = [scenario.serve(), scenario.serve(scenario.other)]
    client = scenario.browser()
    asked: list[str] = []
    for _ in range(4):
        scenario.get(client)
        for endpoint in endpoints:
            if endpoint.connections() and endpoint.connection().received():
                asked.append(endpoint.address())
                endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
        assert scenario.upstream_connections() == 1
    assert asked[:2] == asked[2:]
    assert len(set(asked)) == 2
