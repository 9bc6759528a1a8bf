"""A connection that has read other heads before reads the next one like a fresh connection."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, Data, End, Event, Fault, Request, Response
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

# Few and alike, so that the same section, one of the same length, and one that begins the same come one after another.
LINES = st.sampled_from(
    ["GET / HTTP/1.1", "GET /a HTTP/1.1", "HEAD / HTTP/1.1", "GET http://b/ HTTP/1.1", "GET /\0 HTTP/1.1", "GET /"]
)
STATUS = st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 404 No", "HTTP/1.1 204 -", "HTTP/1.0 200 OK", "HTTP/1.1 200 O\0"])
SECTION = st.sampled_from(
    [
        "Host: a\r\nX: 1\r\n",
        "Host: a\r\nX: 2\r\n",
        "Host: a\r\nX: 1\r\nY: 2\r\n",
        "Host: a\r\nContent-Length: 2\r\n",
        "Host: a\r\nConnection: close\r\n",
        "Host: a\r\nConnection: X\r\nX: 1\r\n",
        "Host: a\r\nX : 1\r\n",
        "X: 1\r\n",
        "Transfer-Encoding: chunked\r\nHost: a\r\n",
    ]
)
CHANGE = st.sampled_from(["", "X: changed", "Host: changed"])


def summary(event: Event | None) -> object:
    if isinstance(event, Request):
        return (event.method, event.authority, event.path, event.headers.items(), event.framing, event.length)
    if isinstance(event, Response):
        return (event.status, event.reason, event.headers.items(), event.framing, event.length)
    return (event.reason, event.detail) if isinstance(event, Fault) else type(event)


def finish(server: H1Server) -> bool:
    """Bring an exchange to its end. Returns: whether another may follow."""
    while (event := server.next_event()) is not None:
        assert isinstance(event, Data | End), event
    server.send_response(Response(200, "OK", 11, Headers()), False)
    server.send_end(None)
    if server.may_keep_alive():
        server.start_next_exchange()
        return True
    return False


@given(st.lists(st.tuples(LINES, SECTION, CHANGE), min_size=2, max_size=8))
def test_requests(made: list[tuple[str, str, str]]) -> None:
    used = H1Server("http", HttpLimits())
    for line, section, change in made:
        octets = (line + "\r\n" + section + "\r\n").encode()
        fresh = H1Server("http", HttpLimits())
        fresh.receive(octets)
        used.receive(octets)
        expected = fresh.next_event()
        got = used.next_event()
        assert summary(got) == summary(expected)
        if not isinstance(got, Request):
            return
        if change:
            # What a filter does to one request must not show in the next.
            name, value = change.split(": ")
            got.headers.set(name, value)
        body = {NO_BODY: b"", COUNTED: b"ab", CHUNKED: b"0\r\n\r\n"}[got.framing]
        if body:
            used.receive(body)
        if not finish(used):
            return


@given(st.lists(st.tuples(STATUS, SECTION, CHANGE), min_size=2, max_size=8))
def test_responses(made: list[tuple[str, str, str]]) -> None:
    used = H1Client(HttpLimits())
    headers = Headers()
    headers.add("Host", "a")
    for line, section, change in made:
        octets = (line + "\r\n" + section + "\r\n").encode()
        fresh = H1Client(HttpLimits())
        for client in (fresh, used):
            client.send_request(Request("GET", "a", "/", "", 11, headers))
            client.send_end(None)
            client.receive(octets)
        expected = fresh.next_event()
        got = used.next_event()
        assert summary(got) == summary(expected)
        if not isinstance(got, Response):
            return
        if change:
            name, value = change.split(": ")
            got.headers.set(name, value)
        body = {COUNTED: b"ab", CHUNKED: b"0\r\n\r\n"}.get(got.framing, b"")
        if body:
            used.receive(body)
        while used.next_event() is not None:
            pass
        if not used.may_keep_alive():
            return
        used.start_next_exchange()
