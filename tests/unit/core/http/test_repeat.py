"""A connection that has seen a header section before must report what a fresh one would, whatever came in between."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.events import END, NO_BODY, Event, Fault, Request, Response
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.head import Fields
from hauberk_core.http.headers import Headers
from hauberk_core.http.repeat import MISSES_LIMIT, REPEAT_LIMIT, RepeatedFields
from hauberk_core.model.listener import HttpLimits

SECTIONS = [
    b"Host: a.test\r\n",
    b"Host: b.test\r\n",
    b"Host: a.test\r\nX-One: 1\r\nConnection: x-one\r\n",
    b"Host: a.test\r\nX-One: 2\r\nConnection: keep-alive\r\n",
    b"Host: a.test\r\nTE: trailers\r\n",
    b"Host: a.test\r\nContent-Length: 0\r\n",
]
FIRST_LINES = [
    b"GET / HTTP/1.1",
    b"GET /longer?q=1 HTTP/1.1",
    b"HEAD http://a.test/absolute HTTP/1.1",
    b"GET /\x01 HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET /" + b"p" * 100 + b" HTTP/1.1",
]


def summary(event: Event | None) -> tuple[object, ...]:
    if isinstance(event, Request):
        lines = event.headers.lines.copy()
        # What the proxy does to a request's headers must not be seen by the next one.
        event.headers.add("x-added", "later")
        event.headers.remove("host")
        return (event.method, event.authority, event.path, event.query, event.version, lines, event.framing, event.length)
    if isinstance(event, Response):
        lines = event.headers.lines.copy()
        event.headers.add("x-added", "later")
        return (event.status, event.reason, event.version, lines, event.framing, event.length)
    if isinstance(event, Fault):
        return (event.reason, event.detail)
    return (None if event is None else event.kind,)


@given(st.lists(st.tuples(st.sampled_from(FIRST_LINES), st.sampled_from(SECTIONS)), min_size=2, max_size=12), st.booleans())
def test_a_server_reads_a_repeated_section_as_a_fresh_one_does(heads: list[tuple[bytes, bytes]], pipelined: bool) -> None:
    limits = HttpLimits(request_line_bytes=64)
    old = H1Server("http", limits)
    octets = [line + b"\r\n" + section + b"\r\n" for line, section in heads]
    if pipelined:
        old.receive(b"".join(octets))
    for head in octets:
        fresh = H1Server("http", limits)
        fresh.receive(head)
        if not pipelined:
            old.receive(head)
        said = summary(old.next_event())
        assert said == summary(fresh.next_event())
        if len(said) <= 2:
            return
        after = old.next_event()
        assert after is not None
        assert after.kind == END
        answer = Response(204, "", 11, Headers())
        answer.framing = NO_BODY
        for machine in (old, fresh):
            machine.send_response(answer, False)
            machine.send_end(None)
        if not old.may_keep_alive():
            return
        old.start_next_exchange()


RESPONSE_SECTIONS = [
    b"Content-Length: 2\r\n",
    b"Content-Length: 2\r\nX: 1\r\n",
    b"content-length: 02\r\n",
    b"Date: x\r\nContent-Length: 2\r\n",
]
STATUS_LINES = [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found", b"HTTP/1.1 2000", b"HTTP/1.1 200 O\x00K"]


@given(st.lists(st.tuples(st.sampled_from(STATUS_LINES), st.sampled_from(RESPONSE_SECTIONS)), min_size=2, max_size=10))
def test_a_client_reads_a_repeated_section_as_a_fresh_one_does(heads: list[tuple[bytes, bytes]]) -> None:
    old = H1Client(HttpLimits())
    for line, section in heads:
        fresh = H1Client(HttpLimits())
        for machine in (old, fresh):
            machine.send_request(Request("GET", "a.test", "/", "", 11, Headers()))
            machine.send_end(None)
            machine.receive(line + b"\r\n" + section + b"\r\nok")
        said = summary(old.next_event())
        assert said == summary(fresh.next_event())
        if len(said) <= 2:
            return
        while (event := old.next_event()) is not None and event.kind != END:
            pass
        old.start_next_exchange()


def test_only_a_section_of_the_same_length_is_kept_and_only_up_to_the_bound() -> None:
    repeated = RepeatedFields()

    def offer(section: bytes) -> str | None:
        data = b"GET / HTTP/1.1" + section
        buffer = ReceiveBuffer()
        buffer.append(data)
        taken = repeated.take_first_line(buffer, 65536)
        if taken is None:
            repeated.remember(data, 14, len(data), Fields())
        return taken

    short = b"\r\nHost: a.test\r\n\r\n"
    assert offer(short) is None
    assert offer(short) is None
    assert offer(short) == "GET / HTTP/1.1"
    assert offer(b"\r\nHost: b.test\r\n\r\n") is None
    assert offer(short) is None

    long = b"\r\nHost: " + b"a" * REPEAT_LIMIT + b"\r\n\r\n"
    for _ in range(3):
        assert offer(long) is None


def test_a_repeated_head_keeps_to_the_limit_of_its_size() -> None:
    head = b"GET /%s HTTP/1.1\r\nHost: a.test\r\nX-Long: %s\r\n\r\n" % (b"", b"x" * 400)
    limits = HttpLimits(head_bytes=512)
    server = H1Server("http", limits)
    for _ in range(3):
        server.receive(head)
        assert isinstance(server.next_event(), Request)
        server.next_event()
        answer = Response(204, "", 11, Headers())
        server.send_response(answer, False)
        server.send_end(None)
        server.start_next_exchange()
    server.receive(head.replace(b"GET /", b"GET /" + b"p" * 200))
    assert isinstance(server.next_event(), Fault)


def test_sections_that_never_repeat_are_kept_no_longer() -> None:
    repeated = RepeatedFields()
    for number in range(MISSES_LIMIT + 2):
        data = b"GET / HTTP/1.1\r\nX-Id: %d\r\n\r\n" % number
        buffer = ReceiveBuffer()
        buffer.append(data)
        assert repeated.take_first_line(buffer, 65536) is None
        repeated.remember(data, 14, len(data), Fields())
    buffer = ReceiveBuffer()
    buffer.append(data)
    assert repeated.take_first_line(buffer, 65536) is None
