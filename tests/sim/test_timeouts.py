"""Every deadline, on virtual time: what passes just before it, and what happens just after."""

from typing import TYPE_CHECKING

import pytest

from hauberk_core.model import Duration, HttpTimeouts

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: a"])
def test_head_that_does_not_come(scenario: "Scenario", start: bytes) -> None:
    client = scenario.browser()
    client.send(start)
    scenario.advance(14.9)
    assert client.is_connected()
    scenario.advance(0.2)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"hauberk-reason: request_timeout" in answer
    assert client.saw_end()
    assert scenario.log() == [(408, "request_timeout")]
    scenario.advance(3)
    assert scenario.core.active() == 0


def test_head_that_trickles_is_no_excuse(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.log()
    for octet in b"GET / HTTP/1.1\r\n":
        client.send(bytes([octet]))
        scenario.advance(1)
    assert scenario.log() == [(408, "request_timeout")]


def test_idle_client_is_closed_without_a_word(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.log()
    scenario.advance(299)
    assert client.is_connected()
    scenario.advance(2)
    assert client.received() == b""
    assert client.saw_end()
    assert scenario.log() == []


def test_idle_endpoint_connection_expires(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.advance(59)
    scenario.exchange(client, endpoint)
    scenario.advance(59)
    assert endpoint.connection().is_connected()
    assert len(endpoint.connections()) == 1
    scenario.advance(2)
    assert endpoint.connection().saw_end()
    assert scenario.upstream_connections() == 0


def test_idle_endpoint_connection_may_live_for_ever(build: "Build") -> None:
    scenario = build(cluster={"idle_timeout": Duration(0.0)}, route={"backend_timeout": Duration(5.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.advance(100_000)
    assert endpoint.connection().is_connected()


def test_most_recently_used_connection_is_used_again(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(3)]
    for client in clients:
        scenario.get(client)
    scenario.run()
    for server in endpoint.connections():
        server.send(scenario.ok)
        scenario.run()
    assert scenario.upstream_connections() == 3
    for _ in range(8):
        scenario.advance(10)
        scenario.get(clients[0])
        last = endpoint.connections()[2]
        assert last.received()
        last.send(scenario.ok)
        assert clients[0].received().endswith(b"ok")
    # The others were not needed and grew old.
    assert scenario.upstream_connections() == 1


def test_request_body_that_stands_still(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(PUT)
    scenario.advance(50)
    client.send(b"half")
    scenario.advance(59)
    assert client.received() == b""
    scenario.advance(2)
    assert b"hauberk-reason: request_timeout" in client.received()
    assert client.saw_end()
    assert scenario.log() == [(408, "request_timeout")]
    assert not endpoint.connection().is_connected()
    scenario.advance(3)
    assert scenario.core.active() == 0


def test_endpoint_that_stands_still(scenario: "Scenario") -> None:
    scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(59)
    assert client.received() == b""
    scenario.advance(2)
    assert b"hauberk-reason: upstream_timeout" in client.received()
    assert scenario.log() == [(504, "upstream_timeout")]
    assert scenario.upstream_connections() == 0
    assert client.is_connected()


def test_answer_that_stands_still(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    for _ in range(5):
        scenario.advance(50)
        endpoint.connection().send(b"x")
    scenario.advance(59)
    assert client.is_connected()
    scenario.advance(2)
    assert client.saw_reset()
    assert scenario.log() == [(200, "upstream_timeout")]


@pytest.mark.parametrize("timeout", ["timeout", "backend_timeout"])
def test_route_timeouts(build: "Build", timeout: str) -> None:
    scenario = build(route={timeout: Duration(2.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(1.9)
    assert client.received() == b""
    scenario.advance(0.2)
    assert b"hauberk-reason: upstream_timeout" in client.received()
    record = scenario.record()
    assert record.reason is not None
    assert (record.status, record.reason.flag) == (504, "UT")
    assert not endpoint.connection().is_connected()
    # The next request has its own time.
    scenario.advance(1.5)
    assert scenario.exchange(client, endpoint).endswith(b"ok")
    scenario.advance(10)
    assert scenario.log() == [(200, "")]
    assert client.is_connected()


@pytest.mark.parametrize("timeout", ["timeout", "backend_timeout"])
def test_route_timeout_within_an_answer_cuts_it(build: "Build", timeout: str) -> None:
    scenario = build(route={timeout: Duration(2.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    scenario.advance(2.1)
    assert client.saw_reset()
    assert scenario.log() == [(200, "upstream_timeout")]
    assert scenario.upstream_connections() == 0


def test_route_timeout_counts_the_time_in_the_queue(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 1}, route={"timeout": Duration(2.0)})
    endpoint = scenario.serve()
    first, second = scenario.browser(), scenario.browser()
    scenario.get(first)
    scenario.advance(1)
    scenario.get(second)
    scenario.advance(0.5)
    endpoint.connection().send(scenario.ok)
    assert first.received().endswith(b"ok")
    scenario.advance(1.6)
    assert b"upstream_timeout" in second.received()
    assert scenario.log() == [(200, ""), (504, "upstream_timeout")]


def test_route_timeout_while_the_body_still_comes(build: "Build") -> None:
    scenario = build(route={"timeout": Duration(2.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(PUT + b"half")
    scenario.advance(2.1)
    assert b"upstream_timeout" in client.received()
    client.send(b"rest!!")
    assert client.is_connected()
    assert scenario.log() == [(504, "upstream_timeout")]
    assert scenario.exchange(client, endpoint).endswith(b"ok")


def test_route_timeout_whose_request_never_ends(build: "Build") -> None:
    scenario = build(route={"timeout": Duration(2.0)})
    scenario.serve()
    client = scenario.browser()
    client.send(PUT + b"half")
    scenario.advance(2.1)
    assert b"upstream_timeout" in client.received()
    scenario.advance(70)
    assert client.saw_end()
    assert scenario.core.active() == 0
    assert scenario.log() == [(504, "upstream_timeout")]


def test_timeouts_may_be_off(build: "Build") -> None:
    never = Duration(0.0)
    scenario = build(chain={"timeouts": HttpTimeouts(head=never, idle=never, stall=never, handshake=never)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.advance(10_000)
    client.send(PUT[:10])
    scenario.advance(10_000)
    client.send(PUT[10:])
    scenario.advance(10_000)
    client.send(b"0123456789")
    scenario.advance(10_000)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    scenario.advance(10_000)
    assert client.is_connected()


def test_lingering_has_an_end(scenario: "Scenario") -> None:
    client = scenario.browser()
    client.send(b"nonsense\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 400 ")
    assert client.saw_end()
    client.send(b"more of it" * 100)
    scenario.advance(1.9)
    assert scenario.core.active() == 1
    scenario.advance(0.2)
    assert scenario.core.active() == 0


def test_lingering_ends_with_the_client(scenario: "Scenario") -> None:
    client = scenario.browser()
    client.send(b"nonsense\r\n\r\n")
    assert client.saw_end()
    client.close()
    scenario.run()
    assert scenario.core.active() == 0
