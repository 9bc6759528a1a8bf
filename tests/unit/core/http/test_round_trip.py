"""What one machine writes, the other reads as it was meant, however the octets are cut."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, UNTIL_CLOSE, Data, End, Request, Response
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.h11_codec import H11Client, H11Server
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.model.listener import HttpLimits

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30).map(
    lambda text: text.strip(" ")
)
FIELDS = st.lists(st.tuples(st.from_regex(r"[xX]-[A-Za-z0-9!#$%&'*+.^`|~\-]{1,12}", fullmatch=True), TEXT), max_size=6)
TARGET = st.tuples(st.from_regex(r"/[!-\"$->@-~]{0,20}", fullmatch=True), st.from_regex(r"(\?[!-\"$-~]{0,10})?", fullmatch=True))
BODY = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
CUTS = st.lists(st.integers(1, 60), max_size=20)


def headers_of(fields: list[tuple[str, str]], host: bool) -> Headers:
    headers = Headers()
    if host:
        headers.add("Host", "a.test")
    for name, value in fields:
        headers.add(name, value)
    return headers


def deliver(
    machine: ServerMachine | ClientMachine, octets: bytes, cuts: list[int]
) -> tuple[Request | Response, bytes, Headers | None]:
    head: Request | Response | None = None
    body = b""
    start = 0
    for size in [*cuts, len(octets)]:
        if start < len(octets):
            machine.receive(octets[start : start + size])
            start += size
        while (event := machine.next_event()) is not None:
            if isinstance(event, Request | Response):
                head = event
            elif isinstance(event, Data):
                body += event.data
            else:
                assert isinstance(event, End), event
                assert head is not None
                return head, body, event.trailers
    raise AssertionError("the message did not end")


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PURGE"]),
    TARGET,
    FIELDS,
    BODY,
    st.sampled_from([NO_BODY, COUNTED, CHUNKED]),
    FIELDS,
    CUTS,
    st.sampled_from([H1Client, H11Client]),
    st.sampled_from([H1Server, H11Server]),
)
def test_requests(
    method: str,
    target: tuple[str, str],
    fields: list[tuple[str, str]],
    body: list[bytes],
    framing: int,
    trailers: list[tuple[str, str]],
    cuts: list[int],
    client_class: type[H1Client | H11Client],
    server_class: type[H1Server | H11Server],
) -> None:
    client = client_class(HttpLimits())
    request = Request(method, "a.test", target[0], target[1], 11, headers_of(fields, host=True))
    request.framing = framing
    pieces = [] if framing == NO_BODY else body
    request.length = len(b"".join(pieces)) if framing == COUNTED else 0
    octets = client.send_request(request)
    sent = request.headers.lines.copy()
    for piece in pieces:
        octets += client.send_data(piece)
    octets += client.send_end(headers_of(trailers, host=False) if trailers else None)
    head, got, tail = deliver(server_class("http", HttpLimits()), octets, cuts)
    assert isinstance(head, Request)
    assert (head.method, head.authority, head.path, head.query) == (method, "a.test", *target)
    assert (head.headers.lines, head.framing, head.length, got) == (sent, framing, request.length, b"".join(pieces))
    if framing == CHUNKED and trailers:
        assert tail is not None
        assert tail.items() == trailers
    else:
        assert tail is None


@given(
    st.sampled_from([200, 201, 404, 503]),
    TEXT,
    FIELDS,
    BODY,
    st.sampled_from([COUNTED, CHUNKED, UNTIL_CLOSE]),
    FIELDS,
    CUTS,
    st.sampled_from([H1Client, H11Client]),
    st.sampled_from([H1Server, H11Server]),
)
def test_responses(
    status: int,
    reason: str,
    fields: list[tuple[str, str]],
    body: list[bytes],
    framing: int,
    trailers: list[tuple[str, str]],
    cuts: list[int],
    client_class: type[H1Client | H11Client],
    server_class: type[H1Server | H11Server],
) -> None:
    client = client_class(HttpLimits())
    server = server_class("http", HttpLimits())
    deliver(server, client.send_request(Request("GET", "a.test", "/", "", 11, headers_of([], host=True))), [])
    response = Response(status, reason, 11, headers_of(fields, host=False))
    response.framing = framing
    response.length = len(b"".join(body)) if framing == COUNTED else 0
    octets = server.send_response(response, False)
    sent = response.headers.lines.copy()
    for piece in body:
        octets += server.send_data(piece)
    octets += server.send_end(headers_of(trailers, host=False) if trailers else None)
    head, got, tail = deliver(client, octets, cuts)
    assert isinstance(head, Response)
    assert (head.status, head.reason, head.headers.lines, got) == (status, reason, sent, b"".join(body))
    assert head.framing == (COUNTED if framing == COUNTED else CHUNKED)
    if framing != COUNTED and trailers:
        assert tail is not None
        assert tail.items() == trailers
    assert server.may_keep_alive()
