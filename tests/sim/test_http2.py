"""HTTP/2 from a client: each stream goes the road that HTTP/1.1's requests go. The client is h2, behind the machines' seam."""

from typing import TYPE_CHECKING

import pytest
from h2_browser import Browser
from h2_wire import frame

from hauberk_core.http.events import End, GoingAway, Reset, Response
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.h2.codes import CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, PING_FRAME
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.server import CONNECTION_WINDOW
from hauberk_core.http.headers import Headers
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import HttpLimits, HttpTimeouts

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

BODY = bytes(range(256)) * 16_384


@pytest.fixture(params=["strict", "h2"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy with either codec."""
    return build(chain={"http2_codec": request.param})


def test_a_request_becomes_http_1(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask(path="/a?b", fields=[("cookie", "x=1"), ("x-request-id", "7")])
    lines = endpoint.connection().received().decode().split("\r\n")
    assert lines[:2] == ["GET /a?b HTTP/1.1", "host: a.test"]
    assert "via: 2 hauberk" in lines
    endpoint.connection().send(proxy.ok)
    status, fields, body, ending = client.answer(stream)
    assert (status, body, ending) == (200, b"ok", "end")
    assert fields["content-length"] == "2"
    record = proxy.record()
    assert (record.protocol, record.status, record.path, record.request_id) == ("HTTP/2", 200, "/a?b", "7")


def test_many_at_a_time_in_any_order(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    streams = [client.ask(path=f"/{number}") for number in range(5)]
    assert proxy.core.exchanges() == 5
    connections = endpoint.connections()
    assert len(connections) == 5
    for connection in reversed(connections):
        path = connection.received().split()[1]
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n" + path + b"\r\n0\r\nx-check: 1\r\n\r\n")
    for number, stream in enumerate(streams):
        status, fields, body, ending = client.answer(stream)
        assert (status, fields["x-check"], body, ending) == (200, "1", f"/{number}".encode(), "end")
    assert proxy.log() == [(200, "")] * 5


def test_a_preface_in_pieces(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    octets = client.machine.take_output()
    for start in range(len(octets)):
        client.peer.send(octets[start : start + 1])
        proxy.run()
    stream = client.ask()
    endpoint.connection().send(proxy.ok)
    assert client.answer(stream)[0] == 200


def test_a_body_and_its_trailers(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask("POST", body=b"hello")
    trailers = Headers()
    trailers.add("x-sum", "5")
    client.machine.send_end(stream, trailers)
    client.talk()
    octets = endpoint.connection().received()
    assert b"\r\nTransfer-Encoding: chunked\r\n" in octets
    assert octets.endswith(b"5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + proxy.ok)
    assert [event.status for event in client.events.get(stream, []) if isinstance(event, Response)] == []
    assert client.answer(stream)[0] == 200
    assert [event.status for event in client.events[stream] if isinstance(event, Response)] == [103, 200]
    assert proxy.record().bytes_received == 5


def test_a_client_that_does_not_read_holds_its_endpoint_and_nobody_else(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.reads = False
    slow = client.ask(path="/slow")
    server = endpoint.connection()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    client.talk()
    assert len(client.answer(slow)[2]) == STREAM_WINDOW, "as much as its window takes"
    assert server.unsent() > len(BODY) // 2
    client.reads = True
    quick = client.ask(path="/quick")
    endpoint.connections()[-1].send(proxy.ok)
    assert client.answer(quick)[2] == b"ok"
    client.machine.consume(slow, STREAM_WINDOW)
    assert client.answer(slow)[2] == BODY


def test_an_endpoint_that_does_not_read_holds_the_client(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask("POST", body=b"x")
    server = endpoint.connection()
    server.pause()
    client.machine.send_data(stream, BODY)
    client.talk()
    assert client.machine.pending(stream) > len(BODY) // 2, "the window does not open while the endpoint does not read"
    server.resume()
    client.machine.send_end(stream, None)
    for _ in range(100):
        client.talk()
    assert client.machine.pending(stream) == 0
    server.send(proxy.ok)
    assert client.answer(stream)[0] == 200
    assert proxy.record().bytes_received == len(BODY) + 1


def test_a_client_that_gives_up_a_request(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    given_up = client.ask()
    kept = client.ask()
    first, second = endpoint.connections()
    client.machine.reset(given_up, CANCEL)
    client.talk()
    assert not first.is_connected(), "the endpoint does not work for nobody"
    second.send(proxy.ok)
    assert client.answer(kept)[0] == 200
    assert sorted(proxy.log()) == [(200, ""), (499, "client_gone")]


def test_a_client_that_goes(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.ask()
    client.ask()
    client.peer.close()
    assert proxy.log() == [(499, "client_gone")] * 2
    assert not any(connection.is_connected() for connection in endpoint.connections())


def test_an_endpoint_that_breaks_off(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    before, within, sound = client.ask(), client.ask(), client.ask()
    connections = endpoint.connections()
    connections[0].close()
    connections[1].send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    client.talk()
    connections[1].close()
    connections[2].send(proxy.ok)
    status, fields, _, ending = client.answer(before)
    assert (status, fields["hauberk-reason"], ending) == (502, "upstream_reset", "end")
    assert client.answer(within)[3] == f"reset {INTERNAL_ERROR}", "half an answer must not pass for a whole one"
    assert client.answer(sound)[0] == 200


def test_answers_of_our_own(build: "Build") -> None:
    proxy = build(cluster={"endpoints": ()}, chain={"limits": HttpLimits(head_bytes=512, body_bytes=9)})
    client = Browser(proxy.browser())
    status, fields, body, ending = client.answer(client.ask())
    assert (status, fields["hauberk-reason"], ending) == (503, "no_endpoint", "end")
    assert b"no_endpoint" in body
    assert client.answer(client.ask("HEAD"))[:1] == (503,)
    status, fields, *_ = client.answer(client.ask(fields=[("x-large", "v" * 600)]))
    assert (status, fields["hauberk-reason"]) == (431, "head_too_large")
    unfinished = client.ask("POST", body=b"x")
    assert client.answer(unfinished)[0] == 503
    assert [type(event) for event in client.events[unfinished]][-1] in {End, Reset}
    assert client.answer(client.ask("CONNECT"))[3].startswith(("reset", "fault"))
    assert [status for status, _ in proxy.log()][:3] == [503, 503, 431]


def test_a_body_beyond_the_limit_ends_its_stream_and_no_other(build: "Build") -> None:
    proxy = build(chain={"limits": HttpLimits(body_bytes=1000)})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    other = client.ask()
    unanswered = client.ask("POST", body=b"")
    for _ in range(STREAM_WINDOW // 1000):
        # All of it is on its way before the answer comes.
        client.machine.send_data(unanswered, bytes(1000))
    status, fields, *_ = client.answer(unanswered)
    assert (status, fields["hauberk-reason"]) == (413, "body_too_large")
    answered = client.ask("POST", body=b"x")
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    assert client.answer(answered)[2] == b"half"
    client.machine.send_data(answered, bytes(1000))
    assert client.answer(answered)[3] == f"reset {ENHANCE_YOUR_CALM}"
    assert proxy.log() == [(413, "body_too_large"), (200, "body_too_large")]
    endpoint.connections()[0].send(proxy.ok)
    assert client.answer(other)[::3] == (200, "end")


def test_a_request_that_takes_too_long(build: "Build") -> None:
    proxy = build(route={"timeout": Duration(3.0)})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    slow = client.ask()
    proxy.advance(2)
    later = client.ask()
    proxy.advance(1.5)
    assert client.answer(slow)[:1] == (504,)
    assert client.answer(later)[3] == ""
    endpoint.connections()[-1].send(proxy.ok)
    assert client.answer(later)[0] == 200


@pytest.mark.parametrize("who", ["endpoint", "client", "reader"])
def test_what_stands_still_ends(build: "Build", who: str) -> None:
    proxy = build(chain={"timeouts": HttpTimeouts(stall=Duration(5.0))})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    if who == "client":
        stream = client.ask("POST", body=b"x")
    else:
        stream = client.ask()
    if who == "reader":
        client.reads = False
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        client.talk()
    proxy.advance(30)
    assert client.answer(stream)[3]
    status, reason = proxy.log()[0]
    assert (status, reason) == {
        "endpoint": (504, "upstream_timeout"),
        "client": (408, "request_timeout"),
        "reader": (200, "client_gone"),
    }[who]
    assert not endpoint.connection().is_connected()


def test_an_idle_connection_ends_with_a_goodbye(build: "Build") -> None:
    proxy = build(chain={"timeouts": HttpTimeouts(idle=Duration(10.0))})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = client.ask()
    endpoint.connection().send(proxy.ok)
    assert client.answer(stream)[0] == 200
    proxy.advance(9)
    assert client.peer.is_connected()
    proxy.advance(2)
    client.talk()
    assert isinstance(client.events[0][-1], GoingAway)
    assert client.peer.saw_end()


def test_draining_lets_nothing_be_lost(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    # To h2's own client a connection is closed as soon as the server goes away.
    client = Browser(proxy.browser(), H2Client(HttpLimits()))
    begun = client.ask()
    proxy.core.drain()
    crossing = client.ask()
    first, second = endpoint.connections()
    first.send(proxy.ok)
    assert client.answer(begun)[0] == 200
    proxy.advance(1.5)
    second.send(proxy.ok)
    assert client.answer(crossing)[0] == 200
    proxy.advance(0.1)
    assert isinstance(client.events[0][-1], GoingAway)
    assert client.peer.saw_end()
    assert proxy.core.active() == 0


def test_draining_a_connection_without_requests(proxy: "Scenario") -> None:
    client = Browser(proxy.browser())
    client.talk()
    proxy.core.drain()
    proxy.advance(1.5)
    client.talk()
    assert client.peer.saw_end()


def test_a_mistake_of_the_connection_ends_it_and_is_logged(build: "Build") -> None:
    proxy = build()
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.ask()
    client.peer.send(b"\0\0\x08\x06\0\0\0\0\x01notastrm")
    assert sorted(proxy.log()) == [(400, "bad_request"), (499, "client_gone")]
    assert not endpoint.connection().is_connected()
    assert not client.peer.is_connected()


def test_the_windows_hold_what_a_whole_connection_may_make_us_keep(build: "Build") -> None:
    proxy = build()
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    for number in range(8):
        client.ask("POST", path=f"/{number}", body=b"x")
        endpoint.connections()[-1].pause()
    for number in range(8):
        client.machine.send_data(1 + 2 * number, BODY)
    client.talk()
    kept = sum(len(BODY) - client.machine.pending(1 + 2 * number) for number in range(8))
    assert kept <= CONNECTION_WINDOW + 8 * (STREAM_WINDOW * 4), "what endpoints' sockets hold, and one window"


# More than a stream's window, and little enough that the endpoint can end its answer all the same.
_BEYOND_THE_WINDOW = bytes(STREAM_WINDOW + 10_000)


def test_an_answer_ahead_of_the_request_waits_for_the_window(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    client.reads = False
    stream = client.ask("POST", body=b"the beginning")
    head = f"HTTP/1.1 413 Too Much\r\nContent-Length: {len(_BEYOND_THE_WINDOW)}\r\n\r\n".encode()
    endpoint.connection().send(head + _BEYOND_THE_WINDOW)
    status, _, part, ending = client.answer(stream)
    assert (status, len(part), ending) == (413, STREAM_WINDOW, "")
    client.read_on()
    assert client.answer(stream)[2:] == (_BEYOND_THE_WINDOW, "reset 0"), "all of it, and no more of the request is wanted"
    assert proxy.record().status == 413


def test_draining_waits_for_the_window(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser(), H2Client(HttpLimits()))  # to h2 a connection is over when it is said that it will be
    client.reads = False
    stream = client.ask()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(_BEYOND_THE_WINDOW)}\r\n\r\n".encode()
    endpoint.connection().send(head + _BEYOND_THE_WINDOW)
    proxy.core.drain()
    proxy.advance(1.5)
    assert len(client.answer(stream)[2]) == STREAM_WINDOW
    client.read_on()
    assert client.answer(stream)[2:] == (_BEYOND_THE_WINDOW, "end")
    proxy.advance(0.1)
    client.talk()
    assert client.peer.saw_end()


def test_an_answer_that_waits_for_its_client_outlasts_the_idle_time(build: "Build") -> None:
    timeouts = HttpTimeouts(idle=Duration(10.0), stall=Duration(30.0))
    scenario = build(chain={"timeouts": timeouts})
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    client.reads = False
    stream = client.ask()
    body = bytes(STREAM_WINDOW + 50_000)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert len(client.answer(stream)[2]) == STREAM_WINDOW
    assert scenario.log() == [(200, "")], "to the proxy it is complete"
    scenario.advance(25.0)
    client.reads = True
    client.machine.consume(stream, STREAM_WINDOW)
    status, _, got, ending = client.answer(stream)
    assert (status, got, ending) == (200, body, "end")
    scenario.advance(25.0)
    assert client.peer.saw_end()


def test_a_client_that_takes_nothing_of_a_complete_answer_is_given_up(build: "Build") -> None:
    scenario = build(chain={"timeouts": HttpTimeouts(idle=Duration(10.0), stall=Duration(30.0))})
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    client.reads = False
    client.ask()
    size = STREAM_WINDOW + 50_000
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    client.talk()
    scenario.advance(100.0)
    assert not client.peer.is_connected()
    scenario.log()


def test_pings_are_no_taking_of_a_complete_answer(build: "Build") -> None:
    scenario = build(chain={"timeouts": HttpTimeouts(idle=Duration(10.0), stall=Duration(30.0))})
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    client.reads = False
    client.ask()
    size = STREAM_WINDOW + 50_000
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    client.talk()
    for _ in range(20):
        if client.peer.is_connected():
            client.peer.send(frame(PING_FRAME, 0, 0, bytes(8)))
            scenario.advance(10.0)
    assert not client.peer.is_connected()
    scenario.log()
