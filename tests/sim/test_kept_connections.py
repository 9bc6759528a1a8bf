"""Requests that cross the end of a kept connection: what is sent again, and what must not be."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hauberk_core.sim.peer import Peer, ScriptedEndpoint
    from tests.sim.conftest import Build, Scenario

HEAD = b"Host: a.test\r\n"


def kept(scenario: "Scenario") -> "tuple[Peer, ScriptedEndpoint]":
    """A client and an endpoint, with a connection between proxy and endpoint that has served once."""
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.log()
    return client, endpoint


def crossing(scenario: "Scenario", request: bytes) -> "tuple[Peer, ScriptedEndpoint]":
    """A request that goes out just when the endpoint closes the connection."""
    client, endpoint = kept(scenario)
    client.send(request)
    scenario.run()
    assert endpoint.connection().received()
    endpoint.connection().close()
    scenario.run()
    return client, endpoint


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_request_that_may_be_repeated_is_sent_again(scenario: "Scenario", method: str) -> None:
    client, endpoint = crossing(scenario, f"{method} / HTTP/1.1\r\n".encode() + HEAD + b"\r\n")
    assert len(endpoint.connections()) == 2
    assert endpoint.connection().received().startswith(method.encode())
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 200")
    record = scenario.record()
    assert record.status == 200
    assert "closed the connection" in record.upstream_failure


def test_body_is_sent_again_with_it(scenario: "Scenario") -> None:
    client, endpoint = crossing(scenario, b"PUT / HTTP/1.1\r\n" + HEAD + b"Content-Length: 10\r\n\r\n01234")
    assert endpoint.connection().received().endswith(b"\r\n\r\n01234")
    client.send(b"56789")
    assert endpoint.connection().received() == b"56789"
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_body_that_is_not_kept_is_not_sent_again(scenario: "Scenario") -> None:
    body = bytes(100_000)
    client, endpoint = crossing(scenario, b"PUT / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100000\r\n\r\n" + body)
    assert len(endpoint.connections()) == 1
    assert scenario.log() == [(502, "upstream_reset")]
    assert client.received().startswith(b"HTTP/1.1 502")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_have_been_done_is_not_done_twice(scenario: "Scenario", method: str) -> None:
    client, endpoint = crossing(scenario, f"{method} / HTTP/1.1\r\n".encode() + HEAD + b"Content-Length: 2\r\n\r\nhi")
    assert len(endpoint.connections()) == 1
    assert b"hauberk-reason: upstream_reset" in client.received()
    assert scenario.log() == [(502, "upstream_reset")]


def test_post_of_which_nothing_went_out_is_sent_again(scenario: "Scenario") -> None:
    client, endpoint = kept(scenario)
    connection = endpoint.connection()
    client.send(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi")
    client.act()
    # Both are ready in the same batch, the request first: sending it fails before anything is taken.
    connection.reset()
    scenario.run()
    assert len(endpoint.connections()) == 2
    assert endpoint.connection().received().endswith(b"\r\n\r\nhi")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    record = scenario.record()
    assert record.status == 200
    assert "broke" in record.upstream_failure


def test_once_is_enough(scenario: "Scenario") -> None:
    client, endpoint = crossing(scenario, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    endpoint.connection().close()
    assert b"hauberk-reason: upstream_reset" in client.received()
    assert len(endpoint.connections()) == 2


def test_other_kept_connections_are_not_tried_one_by_one(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(4)]
    for client in clients:
        scenario.get(client)
    scenario.run()
    old = endpoint.connections()
    for connection in old:
        connection.send(scenario.ok)
    scenario.run()
    scenario.get(clients[0])
    scenario.run()
    # The endpoint restarts: all that were kept end.
    for connection in old:
        connection.close()
    scenario.run()
    assert len(endpoint.connections()) == 5
    endpoint.connection().send(scenario.ok)
    assert clients[0].received().endswith(b"ok")


def test_answer_that_has_begun_is_not_begun_again(scenario: "Scenario") -> None:
    client, endpoint = kept(scenario)
    scenario.get(client)
    scenario.run()
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
    endpoint.connection().close()
    scenario.run()
    assert len(endpoint.connections()) == 1
    assert client.saw_reset()
    assert scenario.log() == [(200, "upstream_reset")]


def test_first_request_of_a_connection_is_not_sent_again(build: "Build") -> None:
    scenario = build()
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    endpoint.connection().close()
    assert b"hauberk-reason: upstream_reset" in client.received()
    assert len(endpoint.connections()) == 1
