"""Requests and responses of every shape pass as they should, by either codec and however the octets are cut."""

from typing import TYPE_CHECKING

import pytest

from hauberk_core.model.route import Rewrite

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def head_of(message: bytes) -> list[str]:
    return message.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


def test_request_and_response_pass(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"GET /shelf?page=2 HTTP/1.1\r\nHost: a.test\r\nX-Case: Kept\r\n\r\n")
    head = head_of(endpoint.connection().received())
    assert head[0] == "GET /shelf?page=2 HTTP/1.1"
    assert "X-Case: Kept" in head
    assert "x-forwarded-for: 198.51.100.1" in head
    endpoint.connection().send(b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Other: too\r\n\r\nhello")
    answer = client.received()
    assert head_of(answer)[0] == "HTTP/1.1 200 Fine"
    assert "X-Other: too" in head_of(answer)
    assert body_of(answer) == b"hello"
    record = any_proxy.record()
    assert (record.status, record.reason, record.bytes_sent, record.cluster) == (200, None, 5, "books")
    assert record.upstream_host == any_proxy.books
    assert client.is_connected()


def test_connections_are_kept_on_both_sides(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    for number in range(5):
        assert body_of(any_proxy.exchange(client, endpoint, f"/{number}")) == b"ok"
    assert len(endpoint.connections()) == 1
    assert any_proxy.log() == [(200, "")] * 5


def test_clients_share_connections(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    for _ in range(3):
        client = any_proxy.browser()
        assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"
        client.close()
    assert len(endpoint.connections()) == 1
    assert any_proxy.log() == [(200, "")] * 3


def test_pipelined_requests_are_answered_in_order(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    for path in ("/1", "/2", "/3"):
        any_proxy.get(client, path)
    for path in ("/1", "/2", "/3"):
        # One at a time: the next is not sent on before this one is answered.
        assert head_of(endpoint.connection().received())[0] == f"GET {path} HTTP/1.1"
        endpoint.connection().send(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{path}".encode())
    bodies = [body_of(part) for part in client.received().split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"/1", b"/2", b"/3"]
    assert any_proxy.log() == [(200, "")] * 3


def test_octets_of_pipelined_requests_are_bounded(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    assert endpoint.connection().received()
    request = b"GET /next HTTP/1.1\r\nHost: a.test\r\nX: " + b"x" * 1000 + b"\r\n\r\n"
    client.send(request * 1000)
    # What is held here is at most the bound and one read, and what the network holds a window.
    assert client.unsent() > len(request) * 1000 - 3 * 64 * 1024
    endpoint.connection().send(scenario.ok)
    for _ in range(1000):
        assert endpoint.connection().received().startswith(b"GET /next ")
        endpoint.connection().send(scenario.ok)
    assert client.unsent() == 0
    assert client.received().count(b"200 OK") == 1001
    assert len(scenario.log()) == 1001


def test_answers_to_a_client_that_reads_none_are_bounded(build: "Build") -> None:
    scenario = build(route={"backends": ()})
    client = scenario.browser()
    client.pause()
    for _ in range(50_000):
        scenario.get(client)
    assert client.unsent() > 0
    held = len(scenario.log())
    # An answer has about 200 octets: a high mark and a window of them, and the rest of one read.
    assert held < (512 + 64 + 64) * 1024 / 150
    client.resume()
    assert client.received().count(b"no_backend") >= 50_000
    assert client.unsent() == 0
    assert held + len(scenario.log()) == 50_000


@pytest.mark.parametrize("size", [0, 1, 5000, 300_000])
def test_counted_request_body(any_proxy: "Scenario", size: int) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    body = b"x" * size
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % size + body)
    request = endpoint.connection().received()
    assert f"Content-Length: {size}" in head_of(request)
    assert body_of(request) == body
    endpoint.connection().send(any_proxy.ok)
    assert body_of(client.received()) == b"ok"
    record = any_proxy.record()
    assert (record.status, record.bytes_received) == (200, size)


def test_chunked_request_body_with_trailers(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n")
    first = endpoint.connection().received()
    assert "Transfer-Encoding: chunked" in head_of(first)
    assert b"hello" in body_of(first)
    client.send(b"6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n")
    rest = endpoint.connection().received()
    assert rest.endswith(b"0\r\nX-Sum: 42\r\n\r\n")
    endpoint.connection().send(any_proxy.ok)
    assert body_of(client.received()) == b"ok"
    record = any_proxy.record()
    assert (record.status, record.bytes_received) == (200, 11)


def test_chunked_response_body_with_trailers(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert b"abc" in client.received()
    endpoint.connection().send(b"0\r\nX-Sum: 7\r\n\r\n")
    assert client.received() == b"0\r\nX-Sum: 7\r\n\r\n"
    assert any_proxy.record().bytes_sent == 3
    assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"
    assert len(endpoint.connections()) == 1


def test_response_that_ends_with_its_connection(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\n\r\nall there is")
    endpoint.connection().close()
    answer = client.received()
    # The client's connection need not end: the length is told in chunks.
    assert "Transfer-Encoding: chunked" in head_of(answer)
    assert answer.endswith(b"0\r\n\r\n")
    assert any_proxy.record().bytes_sent == 12
    assert client.is_connected()
    assert any_proxy.upstream_connections() == 0
    assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"


def test_old_client_gets_a_streamed_response_up_to_the_close(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    answer = client.received()
    assert body_of(answer) == b"abc"
    assert client.saw_end()
    assert any_proxy.record().status == 200
    assert any_proxy.upstream_connections() == 1


def test_interim_responses_pass_at_once(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
    hint = head_of(client.received())
    assert hint[0] == "HTTP/1.1 103 Early Hints"
    assert "Link: </style.css>" in hint
    assert any_proxy.log() == []
    endpoint.connection().send(any_proxy.ok)
    assert body_of(client.received()) == b"ok"
    assert any_proxy.log() == [(200, "")]


def test_client_that_waits_for_100_continue(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    for _ in range(2):
        # The second time on a kept connection.
        client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert "Expect: 100-continue" in head_of(endpoint.connection().received())
        endpoint.connection().send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert head_of(client.received())[0] == "HTTP/1.1 100 Continue"
        client.send(b"data")
        assert endpoint.connection().received() == b"data"
        endpoint.connection().send(any_proxy.ok)
        assert body_of(client.received()) == b"ok"
        assert any_proxy.log() == [(200, "")]


def test_endpoint_that_does_not_want_the_body(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400000\r\nExpect: 100-continue\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
    answer = head_of(client.received())
    assert answer[0] == "HTTP/1.1 417 Expectation Failed"
    # It may send the body or not: only a new connection is unambiguous.
    assert "Connection: close" in answer
    assert any_proxy.log() == [(417, "")]
    any_proxy.advance(10)
    assert not client.is_connected()
    assert any_proxy.core.active() == 0


@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"])
def test_statuses_without_a_body(any_proxy: "Scenario", answer: bytes) -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(answer)
    got = client.received()
    assert got.startswith(answer[:12])
    assert body_of(got) == b""
    assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"
    assert len(endpoint.connections()) == 1


def test_head_has_a_length_and_no_body(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    answer = client.received()
    assert "Content-Length: 1000" in head_of(answer)
    assert body_of(answer) == b""
    assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"
    assert len(endpoint.connections()) == 1


def test_early_response_to_a_short_body_keeps_the_client(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n" + b"x" * 400)
    assert endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    assert body_of(client.received()) == b"no"
    # The endpoint's connection is in the middle of a body that nobody wants.
    assert any_proxy.upstream_connections() == 0
    client.send(b"x" * 600)
    assert client.is_connected()
    assert any_proxy.log() == [(403, "")]
    assert body_of(any_proxy.exchange(client, endpoint)) == b"ok"


def test_early_response_to_a_long_body_ends_the_connection_after_the_answer(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 400_000)
    assert endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
    assert body_of(client.received()) == b"no"
    client.send(b"x" * 8_600_000)
    assert client.saw_end()
    assert not client.saw_reset()
    # It is not read to the end.
    assert client.unsent() > 6_000_000
    assert any_proxy.log() == [(413, "")]
    any_proxy.advance(3)
    assert any_proxy.core.active() == 0


@pytest.mark.parametrize("seed", range(4))
def test_early_response_of_an_endpoint_that_hangs_up_is_passed_on(build: "Build", seed: int) -> None:
    """What it did not read it resets, and that may be noticed before the answer is."""
    scenario = build(seed=seed)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2000000\r\n\r\n")
    server = endpoint.connection()
    assert server.received()
    server.pause()
    client.send(b"x" * 1_000_000)
    scenario.run()
    server.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
    server.close()
    client.send(b"x" * 100_000)
    assert body_of(client.received()) == b"no"
    assert scenario.log() == [(413, "")]
    assert scenario.upstream_connections() == 0


def test_endpoint_that_hangs_up_without_a_response_fails_the_request(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2000000\r\n\r\n")
    server = endpoint.connection()
    assert server.received()
    server.pause()
    client.send(b"x" * 1_000_000)
    scenario.run()
    server.send(b"HTTP/1.1 413 Content Too Lar")
    server.close()
    assert client.received().startswith(b"HTTP/1.1 502 ")
    assert scenario.log() == [(502, "upstream_reset")]
    assert scenario.upstream_connections() == 0


def test_rest_of_an_answered_request_is_not_waited_for_for_ever(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n")
    endpoint.connection().send(scenario.ok)
    assert body_of(client.received()) == b"ok"
    scenario.advance(59)
    assert client.is_connected()
    scenario.advance(10)
    assert client.saw_end()
    assert scenario.core.active() == 0
    assert scenario.log() == [(200, "")]


def test_connection_close_of_the_client_is_kept(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client, "/", "Connection: close")
    endpoint.connection().send(any_proxy.ok)
    assert "Connection: close" in head_of(client.received())
    assert client.saw_end()
    assert any_proxy.upstream_connections() == 1


def test_connection_close_of_the_endpoint_is_not_the_clients(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    assert "Connection: close" not in head_of(client.received())
    assert client.is_connected()
    assert any_proxy.upstream_connections() == 0


def test_old_endpoint_closes_and_is_not_pooled(any_proxy: "Scenario") -> None:
    endpoint = any_proxy.serve()
    client = any_proxy.browser()
    any_proxy.get(client)
    endpoint.connection().send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert body_of(client.received()) == b"ok"
    assert any_proxy.upstream_connections() == 0


@pytest.mark.parametrize("rewritten", [None, Rewrite(host="b.test")])
def test_a_request_without_a_host_is_given_one(build: "Build", rewritten: Rewrite | None) -> None:
    scenario = build(route={"rewrite": rewritten})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    lines = endpoint.connection().received().decode().split("\r\n")
    host = scenario.web if rewritten is None else "b.test"
    assert [line for line in lines if line.lower().startswith("host:")] == [f"Host: {host}"]
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    scenario.log()
