"""The server's side as its user sees it: exchanges, framing of responses, keep-alive, tunnels, and what it refuses to send."""

import pytest

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import (
    CHUNKED,
    CLOSED,
    COUNTED,
    END,
    FAULT,
    NO_BODY,
    REQUEST,
    UNTIL_CLOSE,
    Data,
    Fault,
    Request,
    Response,
)
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.h11_codec import H11Server
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ServerMachine
from hauberk_core.model.listener import HttpLimits

ServerClass = type[H1Server | H11Server]

GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"


def begin(server_class: ServerClass, octets: bytes) -> ServerMachine:
    server = server_class("http", HttpLimits())
    server.receive(octets)
    event = server.next_event()
    assert isinstance(event, Request)
    assert event.scheme == "http"
    return server


def to_end(server: ServerMachine) -> None:
    for _ in range(10):
        event = server.next_event()
        assert event is not None
        if event.kind == END:
            return
    raise AssertionError("no end")


def respond(framing: int = NO_BODY, length: int = 0, status: int = 200, *fields: tuple[str, str]) -> Response:
    headers = Headers()
    for name, value in fields:
        headers.add(name, value)
    response = Response(status, "Fine", 11, headers)
    response.framing = framing
    response.length = length
    return response


def lines(head: bytes) -> list[bytes]:
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


def test_one_exchange_after_another(server_class: ServerClass) -> None:
    server = begin(server_class, GET + POST + b"hello" + GET)
    for _ in range(3):
        to_end(server)
        assert server.next_event() is None
        assert not server.may_keep_alive()
        head = server.send_response(respond(COUNTED, 2, 200, ("Content-Length", "2"), ("X-Two", "2")), False)
        assert lines(head) == [b"HTTP/1.1 200 Fine", b"Content-Length: 2", b"X-Two: 2"]
        assert server.send_data(b"o") + server.send_data(b"k") == b"ok"
        assert server.send_end(None) == b""
        assert server.may_keep_alive()
        server.start_next_exchange()
        event = server.next_event()
        assert event is None or event.kind == REQUEST
    assert event is None
    server.receive(b"")
    closed = server.next_event()
    assert closed is not None
    assert closed.kind == CLOSED
    assert server.next_event() is None


def test_pipelined_requests_wait_unread(server_class: ServerClass) -> None:
    server = begin(server_class, GET + GET)
    to_end(server)
    assert server.buffered() == len(GET)
    server.receive(GET)
    assert server.next_event() is None
    assert server.buffered() == 2 * len(GET)


@pytest.mark.parametrize(
    ("request_line", "connection", "kept"),
    [("1.1", "", True), ("1.1", "close", False), ("1.1", "keep-alive, Close", False), ("1.0", "", False)],
)
def test_keep_alive_is_the_clients_choice(server_class: ServerClass, request_line: str, connection: str, kept: bool) -> None:
    server = begin(server_class, f"GET / HTTP/{request_line}\r\nHost: a\r\nConnection: {connection}\r\n\r\n".encode())
    to_end(server)
    head = server.send_response(respond(COUNTED, 0, 200, ("Content-Length", "0")), False)
    server.send_end(None)
    assert server.may_keep_alive() is kept
    assert (b"connection: close" in head.lower()) is not kept


@pytest.mark.strict_http
def test_a_client_of_version_1_0_may_keep_alive(server_class: ServerClass) -> None:
    server = begin(server_class, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    to_end(server)
    head = server.send_response(respond(COUNTED, 0, 200, ("Content-Length", "0")), False)
    assert lines(head) == [b"HTTP/1.1 200 Fine", b"Content-Length: 0", b"Connection: keep-alive"]
    server.send_end(None)
    assert server.may_keep_alive()


def test_closing_is_our_choice_too(server_class: ServerClass) -> None:
    server = begin(server_class, GET)
    to_end(server)
    assert lines(server.send_response(respond(), True))[1:] == [b"Content-Length: 0", b"Connection: close"]
    server.send_end(None)
    assert not server.may_keep_alive()
    with pytest.raises(LocalProtocolError):
        server.start_next_exchange()


@pytest.mark.parametrize("framing", [CHUNKED, UNTIL_CLOSE])
def test_a_body_of_unknown_length(server_class: ServerClass, framing: int) -> None:
    server = begin(server_class, GET)
    to_end(server)
    trailers = Headers()
    trailers.add("X-Sum", "1")
    assert lines(server.send_response(respond(framing), False)) == [b"HTTP/1.1 200 Fine", b"Transfer-Encoding: chunked"]
    assert server.send_data(b"hello") == b"5\r\nhello\r\n"
    assert server.send_data(b"") == b""
    assert server.send_end(trailers) == b"0\r\nX-Sum: 1\r\n\r\n"
    assert server.may_keep_alive()


def test_a_body_of_unknown_length_for_version_1_0(server_class: ServerClass) -> None:
    server = begin(server_class, b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    to_end(server)
    assert lines(server.send_response(respond(CHUNKED), False)) == [b"HTTP/1.1 200 Fine", b"Connection: close"]
    assert server.send_data(b"hello") == b"hello"
    assert server.send_end(Headers()) == b""
    assert not server.may_keep_alive()


@pytest.mark.parametrize(
    ("method", "status", "framing", "length", "expected"),
    [
        ("HEAD", 200, COUNTED, 5, [b"Content-Length: 5"]),
        ("GET", 304, NO_BODY, 5, [b"Content-Length: 5"]),
        ("GET", 204, NO_BODY, 0, []),
    ],
)
def test_responses_without_a_body(
    server_class: ServerClass, method: str, status: int, framing: int, length: int, expected: list[bytes]
) -> None:
    server = begin(server_class, method.encode() + GET[3:])
    to_end(server)
    response = respond(framing, length, status, ("Content-Length", str(length)))
    assert lines(server.send_response(response, False))[1:] == expected
    assert server.send_data(b"hello") == b""
    assert server.send_end(None) == b""
    assert server.may_keep_alive()


@pytest.mark.strict_http
def test_a_head_response_of_unknown_length(server_class: ServerClass) -> None:
    server = begin(server_class, b"HEAD" + GET[3:])
    to_end(server)
    assert lines(server.send_response(respond(CHUNKED), False)) == [b"HTTP/1.1 200 Fine"]
    assert server.send_data(b"hello") + server.send_end(None) == b""
    assert server.may_keep_alive()


def test_a_body_that_outgrows_its_length_is_stopped(server_class: ServerClass) -> None:
    server = begin(server_class, GET)
    to_end(server)
    server.send_response(respond(COUNTED, 5, 200, ("Content-Length", "5")), False)
    server.send_data(b"hell")
    with pytest.raises(LocalProtocolError):
        server.send_data(b"o\r\nHTTP/1.1 200 OK\r\n")


def test_a_body_that_falls_short_of_its_length_is_stopped(server_class: ServerClass) -> None:
    server = begin(server_class, GET)
    to_end(server)
    server.send_response(respond(COUNTED, 5, 200, ("Content-Length", "5")), False)
    server.send_data(b"hell")
    with pytest.raises(LocalProtocolError):
        server.send_end(None)


@pytest.mark.strict_http
@pytest.mark.parametrize("fields", [[("Content-Length", "6")], [("Content-Length", "5"), ("content-length", "5")]])
def test_a_length_that_contradicts_the_head_is_not_sent(server_class: ServerClass, fields: list[tuple[str, str]]) -> None:
    server = begin(server_class, GET)
    to_end(server)
    with pytest.raises(LocalProtocolError):
        server.send_response(respond(COUNTED, 5, 200, *fields), False)


@pytest.mark.parametrize("framing", [CHUNKED, UNTIL_CLOSE])
def test_a_stray_length_is_not_sent_beside_a_coding(server_class: ServerClass, framing: int) -> None:
    server = begin(server_class, GET)
    to_end(server)
    assert b"Content-Length" not in server.send_response(respond(framing, 0, 200, ("Content-Length", "5")), False)


def test_what_is_out_of_turn_is_refused(server_class: ServerClass) -> None:
    server = begin(server_class, GET)
    to_end(server)
    server.send_response(respond(), False)
    with pytest.raises(LocalProtocolError):
        server.send_response(respond(), False)


def test_an_early_response(server_class: ServerClass) -> None:
    server = begin(server_class, POST + b"he")
    data = server.next_event()
    assert isinstance(data, Data)
    server.send_response(respond(), False)
    server.send_end(None)
    assert not server.may_keep_alive()
    server.receive(b"llo")
    to_end(server)
    assert server.may_keep_alive()


class TestExpectation:
    OCTETS = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

    def test_continue(self, server_class: ServerClass) -> None:
        server = begin(server_class, self.OCTETS)
        assert server.next_event() is None
        assert server.send_interim(Response(100, "Continue", 11, Headers())) == b"HTTP/1.1 100 Continue\r\n\r\n"
        server.receive(b"hello")
        to_end(server)
        assert lines(server.send_response(respond(), False)) == [b"HTTP/1.1 200 Fine", b"Content-Length: 0"]

    def test_a_final_answer_to_a_client_that_waits_closes(self, server_class: ServerClass) -> None:
        server = begin(server_class, self.OCTETS)
        assert b"Connection: close" in lines(server.send_response(respond(), False))

    def test_no_interim_response_for_version_1_0(self, server_class: ServerClass) -> None:
        server = begin(server_class, GET.replace(b"1.1", b"1.0"))
        assert server.send_interim(Response(103, "Early Hints", 11, Headers())) == b""


class TestTunnel:
    def test_upgrade(self, server_class: ServerClass) -> None:
        octets = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"
        server = begin(server_class, octets + b"early")
        to_end(server)
        response = respond(NO_BODY, 0, 101)
        response.upgrade = "chat"
        assert lines(server.send_response(response, False)) == [
            b"HTTP/1.1 101 Fine",
            b"Connection: upgrade",
            b"Upgrade: chat",
        ]
        assert server.send_data(b"raw") == b"raw"
        assert server.take_rest() == b"early"
        assert not server.may_keep_alive()
        assert server.next_event() is None

    def test_connect(self, server_class: ServerClass) -> None:
        server = begin(server_class, b"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nearly")
        to_end(server)
        assert lines(server.send_response(respond(), False)) == [b"HTTP/1.1 200 Fine"]
        assert server.take_rest() == b"early"

    def test_a_refused_upgrade_is_an_ordinary_exchange(self, server_class: ServerClass) -> None:
        octets = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"
        server = begin(server_class, octets + GET)
        to_end(server)
        server.send_response(respond(), False)
        server.send_end(None)
        server.start_next_exchange()
        event = server.next_event()
        assert event is not None
        assert event.kind == REQUEST


class TestFaults:
    def test_the_client_is_answered_and_nothing_more_is_read(self, server_class: ServerClass) -> None:
        server = server_class("http", HttpLimits())
        server.receive(b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        fault = server.next_event()
        assert isinstance(fault, Fault)
        assert server.next_event() is None
        head = server.send_response(respond(COUNTED, 2, fault.reason.status, ("Content-Length", "2")), True)
        assert lines(head) == [b"HTTP/1.1 400 Fine", b"Content-Length: 2", b"Connection: close"]
        assert server.send_data(b"no") + server.send_end(None) == b"no"
        assert not server.may_keep_alive()

    @pytest.mark.strict_http
    def test_it_is_answered_after_a_head_request_too(self, server_class: ServerClass) -> None:
        server = begin(server_class, b"HEAD" + GET[3:])
        to_end(server)
        server.send_response(respond(), False)
        server.send_end(None)
        server.start_next_exchange()
        server.receive(b"\0")
        fault = server.next_event()
        assert fault is not None
        assert fault.kind == FAULT
        server.send_response(respond(COUNTED, 2, 400), True)
        assert server.send_data(b"no") == b"no"

    @pytest.mark.parametrize("octets", [GET[:-2], POST, POST + b"hell", POST[:-2]])
    def test_the_client_goes_away(self, server_class: ServerClass, octets: bytes) -> None:
        server = server_class("http", HttpLimits())
        server.receive(octets)
        server.receive(b"")
        events = [event for event in (server.next_event() for _ in range(4)) if event is not None]
        assert isinstance(events[-1], Fault)
        assert events[-1].reason.code == "client_gone"

    def test_the_client_goes_away_between_requests(self, server_class: ServerClass) -> None:
        server = server_class("http", HttpLimits())
        server.receive(b"")
        event = server.next_event()
        assert event is not None
        assert event.kind == CLOSED

    def test_a_body_that_is_announced_too_large(self, server_class: ServerClass) -> None:
        server = server_class("http", HttpLimits(body_bytes=4))
        server.receive(POST)
        fault = server.next_event()
        assert isinstance(fault, Fault)
        assert fault.reason.code == "body_too_large"
        assert "limits.body_bytes" in fault.detail


def test_what_was_received_is_not_copied() -> None:
    server = H1Server("http", HttpLimits())
    server.receive(POST.replace(b"5", b"5000"))
    server.next_event()
    received = bytes(5000)
    server.receive(received)
    event = server.next_event()
    assert isinstance(event, Data)
    assert event.data is received
