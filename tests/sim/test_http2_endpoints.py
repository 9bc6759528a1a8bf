"""HTTP/2 to endpoints: many requests share a connection, and what befalls one is not the others'. The endpoint is h2's."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from h2_browser import Browser
from h2_wire import frame, frames, settings
from http2_endpoint import Http2Connection, Http2Endpoint

from hauberk_core.http.events import Response
from hauberk_core.http.h2.codes import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    HEADERS_FRAME,
    INTERNAL_ERROR,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    REFUSED_STREAM,
    RST_STREAM_FRAME,
)
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.h2.server import H2Server
from hauberk_core.model import Endpoint
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import HttpLimits, HttpTimeouts
from hauberk_core.model.retry import Retry
from hauberk_core.net.connection import HIGH_MARK
from hauberk_core.proxy.exchange import REPLAY_BYTES
from hauberk_core.upstream.pool import EXPECTED_STREAMS

if TYPE_CHECKING:
    from hauberk_core.sim.peer import Peer
    from tests.sim.conftest import Build, Scenario

BODY = bytes(range(256)) * 16_384


def make(build: "Build", *, cluster: dict[str, Any] | None = None, **more: Any) -> "Scenario":
    return build(cluster={"protocol": "http2", **(cluster or {})}, **more)


@pytest.fixture(params=["strict", "h2", "seed 1"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy with either codec, and with transfers cut at random."""
    if request.param == "seed 1":
        return make(build, seed=1)
    return make(build, cluster={"http2_codec": request.param})


def serve(scenario: "Scenario", address: str = "") -> Http2Endpoint:
    return Http2Endpoint(scenario.serve(address or scenario.books))


def post(client: Any, body: bytes, path: str = "/") -> None:
    client.send(f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


# One connection for many.


def test_requests_of_many_clients_share_a_connection(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    clients = [proxy.browser() for _ in range(5)]
    for number, client in enumerate(clients):
        proxy.get(client, f"/{number}?q", "X-One: 1", "Connection: close, x-hop", "X-Hop: 1", "TE: gzip, trailers")
    [connection] = endpoint.connections()
    requests = connection.requests()
    assert len(requests) == 5
    for stream, request in requests.items():
        fields = dict(request.headers.items())
        assert (request.method, request.authority, request.query) == ("GET", "a.test", "?q")
        assert (fields["x-one"], fields["te"], fields["via"]) == ("1", "trailers", "1.1 hauberk")
        assert not {"connection", "x-hop", "transfer-encoding"} & set(fields)
        connection.answer(stream, request.path.encode(), [("content-length", "2")])
    for number, client in enumerate(clients):
        answer = client.received()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(f"\r\n\r\n/{number}".encode())
    assert proxy.log() == [(200, "")] * 5
    assert proxy.upstream_connections() == 1


def test_http_2_on_both_sides(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    stream = client.ask("POST", fields=[("te", "trailers")], body=b"ping")
    connection = endpoint.connection()
    [(there, request)] = connection.requests().items()
    assert dict(request.headers.items())["te"] == "trailers"
    connection.head(there, 103, [("link", "x")])
    connection.head(there, 200, [("x-a", "b")])
    connection.machine.send_data(there, b"pong")
    connection.talk()
    status, fields, body, ending = client.answer(stream)
    assert (status, fields["x-a"], body, ending) == (200, "b", b"pong", ""), "both ways while both sides are open"
    client.machine.send_data(stream, b"!")
    client.machine.send_end(stream, None)
    client.talk()
    assert connection.body(there) == (b"ping!", "end")
    connection.end(there, [("grpc-status", "0")])
    _, fields, _, ending = client.answer(stream)
    assert (fields["grpc-status"], ending) == ("0", "end")
    assert [event.status for event in client.events[stream] if isinstance(event, Response)] == [103, 200]


def test_trailers_of_a_chunked_request(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = proxy.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\n\r\n")
    connection = endpoint.connection()
    assert connection.body(1) == (b"hi", "end {'x-sum': '2'}")
    connection.answer(1, b"ok", trailers=[("x-sum", "3")])
    assert client.received().endswith(b"\r\n2\r\nok\r\n0\r\nx-sum: 3\r\n\r\n")


def test_answers_without_a_body(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = proxy.browser()
    for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)):
        client.send(f"{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        connection = endpoint.connection()
        stream = max(connection.requests())
        connection.head(stream, status, [("x-kind", f"{method} {status}")])
        connection.end(stream)
        assert f"x-kind: {method} {status}".encode() in client.received()
    assert proxy.log() == [(200, ""), (204, ""), (304, ""), (200, "")]


# How many, and what waits.


def test_those_who_come_while_it_is_opened_wait_for_it(build: "Build") -> None:
    proxy = make(build, cluster={"max_pending": 3})
    endpoint = serve(proxy)
    clients = [proxy.browser() for _ in range(5)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert len(endpoint.connections()) == 1
    assert sorted(proxy.log()) == [(503, "overflow")], "one opens it and three may wait"
    for stream in endpoint.connection().requests():
        endpoint.connection().answer(stream)
    assert proxy.log() == [(200, "")] * 4


def test_another_connection_where_a_request_would_wait(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    clients = [Browser(proxy.browser()) for _ in range(2)]
    clients[0].ask()
    first = endpoint.connection()
    first.allow(2)
    for number in range(4):
        clients[number % 2].ask(path=f"/{number}")
    assert [len(connection.requests()) for connection in endpoint.connections()] == [2, 3]
    for stream in (1, 3):
        first.answer(stream)
    clients[0].ask(path="/later")
    assert [len(connection.requests()) for connection in endpoint.connections()] == [3, 3], "that with the fewest gets it"
    assert len(first.requests()) == 3


def test_our_own_bound_on_requests_at_a_time(build: "Build") -> None:
    proxy = make(build, cluster={"max_concurrent_streams": 2, "max_connections": 2, "max_pending": 1})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    streams = [client.ask(path=f"/{number}") for number in range(6)]
    assert [len(connection.requests()) for connection in endpoint.connections()] == [2, 2]
    assert client.answer(streams[5])[0] == 503
    assert proxy.log() == [(503, "overflow")]
    endpoint.connections()[1].answer(3)
    assert client.answer(streams[3])[0] == 200
    assert [len(connection.requests()) for connection in endpoint.connections()] == [2, 3], "who waited has its place"


def test_settings_that_shrink_and_grow(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    proxy.apply(_changed(proxy, max_connections=1))
    streams = [client.ask() for _ in range(3)]
    connection = endpoint.connection()
    connection.allow(1)
    waiting = client.ask()
    connection.answer(1)
    assert len(connection.requests()) == 3, "two are more than it takes"
    connection.allow(4)
    assert len(connection.requests()) == 4
    for stream in (3, 5, 7):
        connection.answer(stream)
    assert [client.answer(stream)[0] for stream in (*streams, waiting)] == [200] * 4


def test_more_than_a_connection_is_trusted_with_before_it_stands(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    clients = [Browser(proxy.browser()) for _ in range(2)]
    for number in range(EXPECTED_STREAMS + 5):
        clients[number % 2].ask()
    assert sum(len(connection.requests()) for connection in endpoint.connections()) == EXPECTED_STREAMS + 5
    assert len(endpoint.connections()) <= 2


def test_a_long_queue_of_what_ends_as_soon_as_it_has_begun(build: "Build") -> None:
    """One that ends makes room for the next: they go by turns, not one within the other."""
    proxy = make(build, cluster={"max_concurrent_streams": 1, "max_connections": 1})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    first = client.ask()
    askers = [proxy.browser() for _ in range(300)]
    for asker in askers:
        asker.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: a, b\r\n\r\n")
    proxy.run()
    last = client.ask()
    connection = endpoint.connection()
    connection.answer(1)
    connection.answer(3)
    assert [client.answer(stream)[0] for stream in (first, last)] == [200, 200]
    assert sorted(proxy.log()) == [(200, "")] * 2 + [(501, "not_implemented")] * 300


def test_connections_that_cannot_be_had(build: "Build") -> None:
    proxy = make(build)
    client = Browser(proxy.browser())
    answers = [client.answer(client.ask())[0] for _ in range(3)]
    assert answers == [503] * 3
    assert proxy.log() == [(503, "connect_failed")] * 3


def test_another_endpoint_where_one_cannot_be_reached(build: "Build") -> None:
    proxy = make(build, cluster={"endpoints": (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))})
    endpoint = serve(proxy, proxy.other)
    clients = [Browser(proxy.browser()) for _ in range(4)]
    for client in clients:
        client.ask("POST", body=b"x")
    for connection in endpoint.connections():
        for stream in connection.requests():
            connection.answer(stream)
    assert [client.answer(1)[0] for client in clients] == [200] * 4


def test_a_client_that_leaves_while_it_waits(build: "Build") -> None:
    proxy = make(build, cluster={"max_concurrent_streams": 1, "max_connections": 1})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    client.ask()
    waiting = client.ask()
    client.machine.reset(waiting, CANCEL)
    client.talk()
    assert proxy.log() == [(499, "client_gone")]
    endpoint.connection().answer(1)
    assert len(endpoint.connection().requests()) == 1


# The end of connections.


def test_one_that_nobody_uses_is_closed(build: "Build") -> None:
    proxy = make(build, cluster={"idle_timeout": Duration(10.0)})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    client.ask()
    connection = endpoint.connection()
    proxy.advance(15)
    connection.answer(1)
    proxy.advance(9)
    assert connection.peer.is_connected()
    proxy.advance(2)
    assert connection.said_goodbye()
    assert connection.peer.saw_end()


def test_one_that_has_had_its_requests_ends_behind_the_last(build: "Build") -> None:
    proxy = make(build, cluster={"max_requests_per_connection": 2})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    streams = [client.ask() for _ in range(3)]
    first, second = endpoint.connections()
    assert [len(first.requests()), len(second.requests())] == [2, 1]
    first.answer(3)
    assert first.peer.is_connected()
    first.answer(1)
    assert first.said_goodbye()
    assert not first.peer.is_connected()
    second.answer(1)
    assert [client.answer(stream)[0] for stream in streams] == [200] * 3


def test_one_that_is_too_old_takes_no_further_request(build: "Build") -> None:
    proxy = make(build, cluster={"max_connection_duration": Duration(10.0)})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    client.ask()
    proxy.advance(11)
    client.ask()
    first, second = endpoint.connections()
    assert [len(first.requests()), len(second.requests())] == [1, 1]
    first.answer(1)
    assert not first.peer.is_connected()


def test_an_endpoint_that_leaves_the_configuration_finishes(build: "Build") -> None:
    proxy = make(build)
    endpoint, other = serve(proxy), serve(proxy, proxy.other)
    client = Browser(proxy.browser())
    begun = client.ask()
    connection = endpoint.connection()
    proxy.apply(_changed(proxy, endpoints=(Endpoint(address="192.0.2.21:9080"),)))
    later = client.ask()
    other.connection().answer(1)
    assert client.answer(later)[0] == 200
    connection.answer(1)
    assert client.answer(begun)[0] == 200
    assert not connection.peer.is_connected()
    assert proxy.upstream_connections() == 1


def test_a_change_of_protocol_is_another_cluster(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    client.ask()
    first = endpoint.connection()
    proxy.apply(_changed(proxy, protocol="http1"))
    later = client.ask()
    plain = endpoint.endpoint.connection()
    assert plain.received().startswith(b"GET / HTTP/1.1\r\n")
    plain.send(proxy.ok)
    assert client.answer(later)[0] == 200
    first.answer(1)
    assert client.answer(1)[0] == 200
    assert not first.peer.is_connected()


# What an endpoint does not look at.


@pytest.mark.parametrize("codec", ["strict", "h2"])
def test_a_refused_stream_is_asked_again_elsewhere(build: "Build", codec: str) -> None:
    proxy = make(build, cluster={"endpoints": (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))})
    proxy.apply(_changed(proxy, http2_codec=codec))
    endpoints = [serve(proxy), serve(proxy, proxy.other)]
    client = proxy.browser()
    post(client, b"once")
    refusing, taking = endpoints if endpoints[0].connections() else endpoints[::-1]
    refusing.connection().machine.reset(1, REFUSED_STREAM)
    refusing.connection().talk()
    assert taking.connection().body(1) == (b"once", "end")
    taking.connection().answer(1)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    record = proxy.record()
    assert (record.status, record.reason, record.upstream_tried) == (200, None, refusing.endpoint.address())
    assert refusing.connection().peer.is_connected(), "it is only full"


@pytest.mark.parametrize("how", ["refused", "goodbye"])
def test_what_has_begun_to_answer_is_not_asked_again(proxy: "Scenario", how: str) -> None:
    endpoint = serve(proxy)
    client = proxy.browser()
    proxy.get(client)
    connection = endpoint.connection()
    connection.head(1)
    connection.machine.send_data(1, b"a part")
    connection.talk()
    if how == "refused":
        connection.machine.reset(1, REFUSED_STREAM)
        connection.talk()
    else:
        connection.go_away(0)
    assert sum(len(each.requests()) for each in endpoint.connections()) == 1, "the client has a part of an answer"
    answer = client.received()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not answer.endswith(b"0\r\n\r\n")
    assert not client.is_connected(), "it must not take the part for the whole"
    assert proxy.log() == [(200, "upstream_reset")]


def test_refusals_come_to_an_end(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = proxy.browser()
    post(client, b"x")
    refused = 0
    proxy.run()
    while proxy.core.exchanges():
        for connection in endpoint.connections():
            for stream in connection.requests():
                if connection.machine.is_open(stream):
                    connection.machine.reset(stream, REFUSED_STREAM)
                    refused += 1
            connection.talk()
        assert refused < 10
    assert refused == 3, "as many attempts as the cluster says"
    assert b"hauberk-reason: upstream_refused" in client.received()
    assert proxy.log() == [(503, "upstream_refused")]


def test_a_body_that_is_too_long_to_keep_is_not_asked_again(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = proxy.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 999999\r\n\r\n" + bytes(REPLAY_BYTES + 1))
    endpoint.connection().machine.reset(1, REFUSED_STREAM)
    endpoint.connection().talk()
    assert b"hauberk-reason: upstream_refused" in client.received()
    assert len(endpoint.connection().requests()) == 1
    client.close()


def test_goodbye_in_the_middle(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    clients = [proxy.browser() for _ in range(3)]
    for number, client in enumerate(clients):
        post(client, b"body", f"/{number}")
    first = endpoint.connection()
    by_path = {request.path: stream for stream, request in first.requests().items()}
    first.go_away(3)
    second = endpoint.connection()
    assert second is not first
    late = next(path for path, stream in by_path.items() if stream == 5)
    assert [request.path for request in second.requests().values()] == [late]
    second.answer(1)
    assert first.peer.is_connected(), "it serves what it has begun"
    first.answer(3)
    first.answer(1)
    assert not first.peer.is_connected()
    assert [client.received()[:12] for client in clients] == [b"HTTP/1.1 200"] * 3
    assert proxy.log() == [(200, "")] * 3


@pytest.mark.parametrize("seed", range(4))
def test_goodbye_of_an_endpoint_that_hangs_up_at_once(build: "Build", seed: int) -> None:
    """That nothing more can be sent to it is no reason to give up the requests that it says it has not acted on."""
    proxy = make(build, seed=seed)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    begun = client.ask()
    first = endpoint.connection()
    first.answer(1)
    assert client.answer(begun)[0] == 200
    first.peer.pause()
    later = [client.ask("POST", body=bytes(40_000)) for _ in range(2)]
    proxy.run()
    first.go_away(1)
    first.peer.close()
    second = endpoint.connection()
    assert second is not first
    for stream in list(second.requests()):
        assert second.body(stream)[0] == bytes(40_000)
        second.answer(stream)
    assert [client.answer(stream)[0] for stream in later] == [200, 200]


@pytest.mark.parametrize("waits", [False, True])
def test_goodbye_where_no_more_connections_may_be_opened(build: "Build", waits: bool) -> None:
    """One that the endpoint has not looked at goes on a connection that stands, rather than wait for a new one."""
    proxy = make(build, cluster={"max_concurrent_streams": 2, "max_connections": 2})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    for number in range(4 if waits else 3):
        client.ask(path=f"/{number}")
    leaving, other = endpoint.connections()
    proxy.advance(0.01)
    leaving.go_away(1)
    if waits:
        assert len(other.requests()) == 2
        proxy.advance(0.01)
        client.machine.reset(7, CANCEL)
        client.talk()
    assert "/2" in [request.path for request in other.requests().values()]


def test_goodbye_in_two_steps(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    before = client.ask()
    first = endpoint.connection()
    first.requests()
    first.go_away((1 << 31) - 1)
    after = client.ask()
    first.go_away(1)
    second = endpoint.connection()
    assert len(second.requests()) == 1, "it crossed the goodbye on its way"
    second.answer(1)
    first.answer(1)
    assert [client.answer(stream)[0] for stream in (before, after)] == [200, 200]


def test_an_endpoint_that_gives_up_all_says_why(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    stream = client.ask("POST", body=b"x")
    endpoint.connection().go_away(1, ENHANCE_YOUR_CALM)
    endpoint.connection().peer.close()
    status, fields, body, _ = client.answer(stream)
    assert (status, fields["hauberk-reason"]) == (502, "upstream_reset")
    assert b"GOAWAY: ENHANCE_YOUR_CALM" in body


def test_a_copy_that_is_turned_away_goes_elsewhere(build: "Build") -> None:
    from hauberk_core.model import Cluster
    from hauberk_core.model.mirror import Mirror

    scenario = build(route={"mirrors": (Mirror(cluster="books"), Mirror(cluster="shadow"))})
    shadow = Cluster(endpoints=(Endpoint(address="192.0.2.30:1"),), protocol="http2")
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={**scenario.snapshot.clusters, "shadow": shadow}))
    endpoint, copies = scenario.serve(), serve(scenario, "192.0.2.30:1")
    client = scenario.browser()
    scenario.get(client, "/copied")
    first = copies.connection()
    assert [request.path for request in first.requests().values()] == ["/copied"]
    first.go_away(0)
    assert [request.path for request in copies.connection().requests().values()] == ["/copied"]
    copies.connection().answer(1)
    for connection in endpoint.connections():
        assert connection.received().startswith(b"GET /copied ")
        connection.send(scenario.ok)
    assert client.received().endswith(b"ok")


# What befalls one and not the others.


def test_a_stream_that_is_reset_leaves_the_others_alone(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    before, within, sound = client.ask(), client.ask(), client.ask()
    connection = endpoint.connection()
    connection.requests()
    connection.machine.reset(1, INTERNAL_ERROR)
    connection.head(3)
    connection.machine.send_data(3, b"half")
    connection.talk()
    connection.machine.reset(3, INTERNAL_ERROR)
    connection.answer(5)
    status, fields, body, _ = client.answer(before)
    assert (status, fields["hauberk-reason"]) == (502, "upstream_reset")
    assert b"INTERNAL_ERROR" in body
    assert client.answer(within)[3] == f"reset {INTERNAL_ERROR}", "half an answer must not pass for a whole one"
    assert client.answer(sound)[:1] == (200,)
    assert proxy.upstream_connections() == 1


def test_an_answer_that_breaks_the_rules_leaves_the_others_alone(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    bad, sound = client.ask(), client.ask()
    connection = endpoint.connection()
    connection.requests()
    connection.head(1, 200, [("content-length", "5")])
    connection.machine.send_data(1, b"more than five")
    connection.answer(3)
    assert client.answer(bad)[3] == f"reset {INTERNAL_ERROR}"
    assert client.answer(sound)[0] == 200
    assert proxy.upstream_connections() == 1


def test_a_client_that_gives_up_is_told_to_the_endpoint(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    given_up, kept = client.ask(), client.ask()
    connection = endpoint.connection()
    connection.requests()
    client.machine.reset(given_up, CANCEL)
    client.talk()
    assert connection.body(1)[1] == f"reset {CANCEL}"
    connection.answer(3)
    assert client.answer(kept)[0] == 200
    assert sorted(proxy.log()) == [(200, ""), (499, "client_gone")]


def test_an_answer_before_the_request_is_complete(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    stream = client.ask("POST", body=b"x")
    other = client.ask()
    connection = endpoint.connection()
    connection.answer(1, b"enough")
    connection.machine.reset(1, NO_ERROR)
    connection.talk()
    status, _, body, _ = client.answer(stream)
    assert (status, body) == (200, b"enough")
    connection.answer(3)
    assert client.answer(other)[0] == 200
    assert sorted(proxy.log()) == [(200, ""), (200, "")]
    assert proxy.upstream_connections() == 1


def test_endpoints_may_answer_early_as_often_as_they_like(build: "Build") -> None:
    proxy = make(build)
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    for number in range(220):
        client.ask("POST", body=b"x")
        connection = endpoint.connection()
        stream = 2 * number + 1
        connection.answer(stream)
        connection.machine.reset(stream, NO_ERROR)
        connection.talk()
    assert len(endpoint.connections()) == 1
    assert proxy.log() == [(200, "")] * 220


def test_a_connection_that_breaks_ends_each_request_with_its_reason(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    before, within = client.ask(), client.ask()
    connection = endpoint.connection()
    connection.head(3)
    connection.machine.send_data(3, b"half")
    connection.talk()
    client.talk()
    connection.peer.reset()
    assert client.answer(before)[0] == 502
    assert client.answer(within)[3] == f"reset {INTERNAL_ERROR}"
    assert sorted(proxy.log()) == [(200, "upstream_reset"), (502, "upstream_reset")]
    assert proxy.upstream_connections() == 0
    later = client.ask()
    endpoint.connection().answer(1)
    assert client.answer(later)[0] == 200


def test_an_endpoint_of_http_1_is_found_out(build: "Build") -> None:
    proxy = make(build)
    endpoint = proxy.serve()
    client = proxy.browser()
    proxy.get(client)
    endpoint.connection().send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    answer = client.received()
    assert b"hauberk-reason: upstream_protocol" in answer
    assert b"answers in HTTP/1.1" in answer
    assert proxy.log() == [(502, "upstream_protocol")]


# Slow sides.


def test_a_client_that_does_not_read_holds_its_stream_and_nobody_else(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    slow = proxy.browser()
    slow.pause()
    proxy.get(slow, "/slow")
    connection = endpoint.connection()
    connection.head(1, 200, [("content-length", str(len(BODY)))])
    connection.machine.send_data(1, BODY)
    connection.talk()
    for _ in range(40):
        connection.talk()
    held = len(BODY) - connection.machine.pending(1)
    assert held <= HIGH_MARK + 3 * STREAM_WINDOW, "what waits for it here is bounded"
    quick = proxy.browser()
    proxy.get(quick, "/quick")
    connection.answer(3)
    assert quick.received().endswith(b"ok\r\n0\r\n\r\n")
    assert len(endpoint.connections()) == 1
    connection.machine.send_end(1, None)
    slow.resume()
    answer = b""
    for _ in range(100):
        connection.talk()
        answer += slow.received()
    assert answer.endswith(BODY)
    assert proxy.log() == [(200, ""), (200, "")]


@pytest.mark.parametrize("version", [1, 2])
def test_an_endpoint_that_does_not_read_holds_the_client(proxy: "Scenario", version: int) -> None:
    endpoint = serve(proxy)
    if version == 1:
        client: Any = proxy.browser()
        proxy.get(client, "/first")
        endpoint.connection().answer(1)
        endpoint.connection().reads = False
        client.received()
        post(client, BODY)
        stream = 3
    else:
        client = Browser(proxy.browser())
        first = client.ask("POST", body=b"x")
        endpoint.connection().reads = False
        client.machine.send_data(first, BODY)
        client.machine.send_end(first, None)
        stream = 1
    connection = endpoint.connection()

    def unsent() -> int:
        if version == 1:
            return int(client.unsent())
        client.talk()
        return int(client.machine.pending(1))

    connection.talk()
    assert unsent() > len(BODY) // 2
    connection.reads = True
    taken = len(connection.body(stream)[0])
    connection.machine.consume(stream, taken)
    for _ in range(100):
        connection.talk()
        if not unsent():
            break
    assert unsent() == 0
    assert connection.body(stream)[0].endswith(BODY)
    connection.answer(stream)
    proxy.run()
    assert proxy.log()[-1] == (200, "")


# Time.


def test_a_request_that_takes_too_long_is_given_up_alone(build: "Build") -> None:
    proxy = make(build, route={"backend_timeout": Duration(3.0)})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    slow = client.ask()
    proxy.advance(2)
    later = client.ask()
    connection = endpoint.connection()
    connection.requests()
    connection.head(3)
    proxy.advance(1.5)
    assert client.answer(slow)[0] == 504
    assert connection.body(1)[1] == f"reset {CANCEL}"
    connection.end(3)
    assert client.answer(later)[0] == 200
    assert connection.peer.is_connected(), "its endpoint is there: it has answered meanwhile"
    assert proxy.upstream_connections() == 1


def test_an_endpoint_that_is_gone_without_a_word(build: "Build") -> None:
    proxy = make(build, cluster={"ping_timeout": Duration(5.0)})
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    watching = client.ask()
    first = endpoint.connection()
    first.head(1)
    first.peer.pause()
    proxy.advance(10)
    lost = client.ask()
    proxy.advance(3.5)
    client.machine.reset(lost, CANCEL)
    client.talk()
    later = client.ask()
    second = endpoint.endpoint.connections()[-1]
    assert second is not first.peer, "nobody is sent there any more"
    Http2Connection(second).answer(1)
    assert client.answer(later)[0] == 200
    proxy.advance(5.5)
    assert client.answer(watching)[3] == f"reset {INTERNAL_ERROR}"
    assert proxy.log() == [(499, "client_gone"), (200, ""), (200, "upstream_reset")]


def test_silence_that_is_asked_about(build: "Build") -> None:
    timeouts = HttpTimeouts(stall=Duration(0.0))
    proxy = make(
        build,
        cluster={"ping_interval": Duration(20.0), "ping_timeout": Duration(5.0)},
        chain={"timeouts": timeouts},
        route={"timeout": Duration(0.0)},
    )
    endpoint = serve(proxy)
    client = Browser(proxy.browser())
    stream = client.ask()
    connection = endpoint.connection()
    connection.requests()
    for _ in range(20):
        proxy.advance(4)
        connection.talk()
    assert connection.peer.is_connected(), "it answers"
    connection.peer.pause()
    proxy.advance(50)
    status, _, body, _ = client.answer(stream)
    assert status == 502
    assert b"PING" in body
    assert proxy.upstream_connections() == 0


# With what a route asks for.


def test_another_attempt_after_an_answer(build: "Build") -> None:
    proxy = make(build, route={"retry": Retry(codes=(503,), attempts=2, backoff=Duration(0.1))})
    endpoint = serve(proxy)
    client = proxy.browser()
    post(client, b"twice")
    connection = endpoint.connection()
    connection.head(1, 503)
    proxy.advance(0.3)
    assert connection.body(3) == (b"twice", "end")
    connection.answer(3)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    assert len(endpoint.connections()) == 1, "one request failed, not the connection"


def test_another_attempt_after_a_deadline(build: "Build") -> None:
    retry = Retry(codes=(503,), attempts=1, backoff=Duration(0.1))
    proxy = make(build, route={"retry": retry, "backend_timeout": Duration(2.0)})
    endpoint = serve(proxy)
    client = proxy.browser()
    proxy.get(client)
    endpoint.connection().requests()
    proxy.advance(0.5)
    endpoint.connection().head(1, 103)
    proxy.advance(1.8)
    [connection] = endpoint.connections()
    assert connection.body(1)[1] == f"reset {CANCEL}"
    connection.answer(3)
    assert b"HTTP/1.1 200 " in client.received()


# As clients speak.


def test_each_client_in_its_own_protocol(build: "Build") -> None:
    proxy = make(build, cluster={"protocol": "client"})
    endpoint = proxy.serve()
    old, new = proxy.browser(), Browser(proxy.browser())
    proxy.get(old)
    plain = endpoint.connection()
    assert plain.received().startswith(b"GET / HTTP/1.1\r\n")
    streams = [new.ask(), new.ask()]
    both = Http2Connection(endpoint.connections()[1])
    assert len(both.requests()) == 2
    plain.send(proxy.ok)
    assert old.received().endswith(b"ok")
    for stream in both.requests():
        both.answer(stream)
    assert [new.answer(stream)[0] for stream in streams] == [200, 200]
    assert len(endpoint.connections()) == 2


def test_the_machine_that_a_proxy_has_itself(build: "Build") -> None:
    proxy = make(build)
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask("POST", body=b"x")
    connection = Http2Connection(endpoint.connection(), H2Server("http", HttpLimits()))
    connection.answer(1)
    assert client.answer(stream)[0] == 200


def _changed(scenario: "Scenario", **cluster: Any) -> Any:
    books = msgspec.structs.replace(scenario.snapshot.clusters["books"], **cluster)
    return msgspec.structs.replace(scenario.snapshot, clusters={"books": books})


# Until an endpoint has said how many it takes.


def takes_one(peer: "Peer") -> Http2Connection:
    """A connection whose first word is that it takes one request at a time."""
    machine = LibraryMachine(False, "http", HttpLimits())
    machine.take_output()
    peer.send(settings((MAX_CONCURRENT_STREAMS, 1)))
    return Http2Connection(peer, machine)


def requests_in(octets: bytes) -> int:
    return len([one for one in frames(octets) if one.kind == HEADERS_FRAME])


def test_an_endpoint_that_takes_one_request_at_a_time_is_asked_for_no_more(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    clients = [proxy.browser() for _ in range(20)]
    for client in clients:
        proxy.get(client)
    connections: list[Http2Connection] = []
    answered: set[tuple[int, int]] = set()
    while len(answered) < len(clients):
        before = len(answered)
        connections += [takes_one(peer) for peer in endpoint.connections()[len(connections) :]]
        for number, connection in enumerate(connections):
            asked = [stream for stream in connection.requests() if (number, stream) not in answered]
            assert len(asked) <= 1
            for stream in asked:
                answered.add((number, stream))
                connection.answer(stream)
        assert len(answered) > before
    assert proxy.log() == [(200, "")] * len(clients)
    assert len(connections) > 1, "nobody waits for another's answer while connections may be opened"


def test_an_endpoint_that_takes_no_request_is_not_tried_for_ever(build: "Build") -> None:
    proxy = make(build)
    endpoint = proxy.serve()
    for _ in range(3):
        proxy.get(proxy.browser())
    seen = 0
    while len(endpoint.connections()) > seen:
        for peer in endpoint.connections()[seen:]:
            seen += 1
            octets = peer.received()
            peer.send(settings((MAX_CONCURRENT_STREAMS, 0)))
            for one in frames(octets):
                if one.kind == HEADERS_FRAME:
                    peer.send(frame(RST_STREAM_FRAME, 0, one.stream, REFUSED_STREAM.to_bytes(4, "big")))
    assert proxy.log() == [(503, "upstream_refused")] * 3
    assert seen <= 9


def test_an_endpoint_that_says_nothing_of_it_gets_what_is_recommended(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    for _ in range(5):
        proxy.get(proxy.browser())
    assert requests_in(endpoint.connection().received()) == 1
    proxy.advance(4.0)
    assert endpoint.connection().received() == b""
    proxy.advance(2.0)
    assert requests_in(endpoint.connection().received()) == 4
    assert len(endpoint.connections()) == 1


def test_those_who_wait_for_an_endpoints_word_ask_again_where_its_connection_breaks(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    for _ in range(5):
        proxy.get(proxy.browser())
    assert requests_in(endpoint.connection().received()) == 1
    endpoint.connection().reset()
    assert proxy.log() == [(502, "upstream_reset")], "the first was on its way"
    connection = Http2Connection(endpoint.connection())
    for stream in connection.requests():
        connection.answer(stream)
    assert proxy.log() == [(200, "")] * 4


def test_those_who_wait_for_the_word_of_an_endpoint_that_is_replaced_are_served(proxy: "Scenario") -> None:
    endpoint = serve(proxy)
    for _ in range(5):
        proxy.get(proxy.browser())
    proxy.run()
    proxy.apply(_changed(proxy, endpoints=(Endpoint(address=proxy.other),)))
    connection = endpoint.connection()
    assert len(connection.requests()) == 5
    for stream in connection.requests():
        connection.answer(stream)
    assert proxy.log() == [(200, "")] * 5
    assert proxy.upstream_connections() == 0


# Kept connections that are no more.


def kept(build: "Build", number: int) -> tuple["Scenario", Http2Endpoint, "Peer"]:
    """A client, and so many connections to the endpoint that have served a request each."""
    proxy = make(build, cluster={"max_concurrent_streams": 1})
    endpoint = serve(proxy)
    clients = [proxy.browser() for _ in range(number)]
    for client in clients:
        proxy.get(client)
    for connection in endpoint.connections():
        connection.answer(1)
    assert proxy.log() == [(200, "")] * number
    assert proxy.upstream_connections() == number
    proxy.advance(1.0)
    assert clients[0].received()
    return proxy, endpoint, clients[0]


@pytest.mark.parametrize("leaves", [False, True])
def test_a_request_that_a_kept_connection_has_failed_goes_on_none_that_may_be_dead_as_well(build: "Build", leaves: bool) -> None:
    proxy, endpoint, client = kept(build, 5)
    proxy.get(client)
    client.act()
    # All are ready in the same batch, the request first.
    for connection in endpoint.connections():
        if leaves:
            connection.go_away(1)
            connection.peer.act()
        else:
            connection.peer.reset()
    proxy.run()
    assert len(endpoint.connections()) == 6
    endpoint.connection().answer(1)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    proxy.log()


def test_where_no_other_may_be_opened_a_request_that_was_failed_takes_one_whose_endpoint_speaks(build: "Build") -> None:
    proxy = make(build, cluster={"max_concurrent_streams": 2, "max_connections": 2})
    endpoint = serve(proxy)
    for _ in range(3):
        proxy.get(proxy.browser())
    first, second = endpoint.connections()
    assert (len(first.requests()), len(second.requests())) == (2, 1)
    proxy.advance(1.0)
    proxy.get(proxy.browser())
    assert len(second.requests()) == 2
    second.go_away(1)
    proxy.run()
    assert len(endpoint.connections()) == 2
    first.answer(1)
    assert len(first.requests()) == 3
    for connection, stream in ((first, 3), (first, 5), (second, 1)):
        connection.answer(stream)
    assert proxy.log() == [(200, "")] * 4
