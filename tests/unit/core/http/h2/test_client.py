import pytest
from h2_wire import Fields, Frame, Peer, frame, settings

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, Data, End, Fault, GoingAway, Request, Reset, Response
from hauberk_core.http.h2.client import CONCURRENT_STREAMS, H2Client
from hauberk_core.http.h2.codes import (
    CANCEL,
    CONTINUATION_FRAME,
    DATA_FRAME,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    MAX_CONCURRENT_STREAMS,
    PREFACE,
    PROTOCOL_ERROR,
    PUSH_PROMISE_FRAME,
    REFUSED_STREAM,
    RST_STREAM_FRAME,
)
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

OK: Fields = ((":status", "200"),)


def ask() -> Peer:
    return Peer(H2Client(HttpLimits()), settings())


def request(method: str = "GET", length: int | None = None, framing: int = NO_BODY) -> Request:
    headers = Headers()
    headers.add("Host", "a.test")
    headers.add("X-Mixed", "Case")
    made = Request(method, "a.test", "/p", "?q", 11, headers)
    made.framing = framing if length is None else COUNTED
    made.length = length or 0
    return made


def send(peer: Peer, made: Request) -> tuple[int, list[Frame]]:
    stream = peer.machine.send_request(made)
    if made.framing == NO_BODY:
        peer.machine.send_end(stream, None)
    return stream, peer.listen()


def test_it_greets_and_asks() -> None:
    machine = H2Client(HttpLimits())
    assert machine.take_output().startswith(PREFACE)
    peer = ask()
    stream, (head,) = send(peer, request())
    assert stream == 1
    assert head.flags & END_STREAM
    assert peer.fields(head) == [
        (":method", "GET"),
        (":authority", "a.test"),
        (":scheme", "http"),
        (":path", "/p?q"),
        ("x-mixed", "Case"),
    ]
    (_, first), (_, data), (_, end) = peer.send(peer.block(1, OK, ends=False) + frame(DATA_FRAME, END_STREAM, 1, b"hello"))
    assert isinstance(first, Response)
    assert (first.status, first.framing) == (200, CHUNKED)
    assert isinstance(data, Data)
    assert isinstance(end, End)
    assert peer.machine.open_streams() == 0


def test_interim_then_final_then_trailers() -> None:
    peer = ask()
    send(peer, request())
    ((_, interim),) = peer.headers(1, [(":status", "103"), ("link", "x")], ends=False)
    assert isinstance(interim, Response)
    assert interim.status == 103
    peer.headers(1, [(":status", "200"), ("content-length", "1")], ends=False)
    peer.data(1, b"x")
    ((_, end),) = peer.headers(1, [("grpc-status", "5")])
    assert isinstance(end, End)
    assert end.trailers is not None
    assert end.trailers.lines == ["grpc-status: 5"]


def test_trailers_only() -> None:
    peer = ask()
    send(peer, request())
    (_, head), (_, end) = peer.headers(1, [(":status", "200"), ("grpc-status", "5")])
    assert isinstance(head, Response)
    assert (head.framing, head.headers.lines) == (NO_BODY, ["grpc-status: 5"])
    assert isinstance(end, End)


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ([], True),
        ([(":status", "20")], True),
        ([(":status", "101")], False),
        ([(":status", "103")], True),
        ([(":status", "200"), (":path", "/")], True),
        ([(":status", "200"), ("content-length", "3")], True),
        ([(":status", "200"), ("connection", "close")], True),
    ],
)
def test_malformed_responses(fields: Fields, ends: bool) -> None:
    peer = ask()
    send(peer, request())
    ((_, fault),) = peer.headers(1, fields, ends)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.UPSTREAM_PROTOCOL
    assert peer.resets() == [(1, PROTOCOL_ERROR)]


def test_data_before_a_response() -> None:
    peer = ask()
    send(peer, request())
    ((_, fault),) = peer.data(1, b"x")
    assert isinstance(fault, Fault)


def test_the_answer_to_head_has_no_body() -> None:
    peer = ask()
    send(peer, request("HEAD"))
    (_, head), _ = peer.headers(1, [(":status", "200"), ("content-length", "3")])
    assert isinstance(head, Response)
    assert (head.framing, head.headers.lines) == (NO_BODY, ["content-length: 3"])


def test_room_is_what_the_server_allows() -> None:
    peer = ask()
    assert peer.machine.room() == CONCURRENT_STREAMS
    peer.send(settings((MAX_CONCURRENT_STREAMS, 2)))
    send(peer, request())
    send(peer, request())
    assert peer.machine.room() == 0
    with pytest.raises(LocalProtocolError):
        peer.machine.send_request(request())
    peer.headers(1, OK)
    assert peer.machine.room() == 1


def test_a_server_that_goes_away() -> None:
    peer = ask()
    send(peer, request())
    send(peer, request())
    ((stream, event),) = peer.send(frame(GOAWAY_FRAME, 0, 0, (1).to_bytes(4, "big") + b"\0\0\0\0"))
    assert stream == 0
    assert isinstance(event, GoingAway)
    assert event.last == 1
    assert peer.machine.room() == 0
    assert len(peer.headers(1, OK)) == 2, "what it has begun it finishes"


def test_a_stream_that_is_refused() -> None:
    peer = ask()
    send(peer, request("POST", 5))
    ((_, event),) = peer.send(frame(RST_STREAM_FRAME, 0, 1, REFUSED_STREAM.to_bytes(4, "big")))
    assert isinstance(event, Reset)
    assert event.code == REFUSED_STREAM


@pytest.mark.parametrize(
    "octets",
    [
        frame(PUSH_PROMISE_FRAME, 4, 1, b"\0\0\0\x02\x82"),
        frame(HEADERS_FRAME, 5, 2, b"\x88"),
        frame(HEADERS_FRAME, 5, 9, b"\x88"),
        frame(CONTINUATION_FRAME, 4, 1, b"\x88"),
    ],
    ids=["push", "a stream of its own", "an idle stream", "continuation"],
)
def test_what_a_server_must_not_do(octets: bytes) -> None:
    peer = ask()
    send(peer, request())
    ((stream, fault),) = peer.send(octets)
    assert stream == 0
    assert isinstance(fault, Fault)
    assert peer.goodbye() == PROTOCOL_ERROR


def test_what_comes_for_a_stream_that_we_gave_up_is_passed_over() -> None:
    peer = ask()
    send(peer, request())
    peer.machine.reset(1, CANCEL)
    assert peer.headers(1, OK, ends=False) == []
    assert peer.data(1, b"late", ends=True) == []
    assert peer.goodbye() is None


def test_clients_who_leave_downloads_do_not_end_the_connection() -> None:
    peer = ask()
    streams = [send(peer, request())[0] for _ in range(20)]
    kept, _ = send(peer, request())
    for stream in streams:
        peer.headers(stream, OK, ends=False)
        peer.machine.reset(stream, CANCEL)
    for _ in range(16):
        for stream in streams:
            assert peer.data(stream, bytes(STREAM_WINDOW // 16)) == [], "what was on its way is passed over"
    assert peer.goodbye() is None
    assert len(peer.headers(kept, OK)) == 2


def test_nothing_in_frames_for_a_stream_that_we_gave_up_is_a_flood() -> None:
    peer = ask()
    send(peer, request())
    peer.machine.reset(1, CANCEL)
    for _ in range(201):
        peer.data(1, b"")
    assert peer.goodbye() == ENHANCE_YOUR_CALM


def test_however_fast_clients_leave_late_answers_do_not_end_the_connection() -> None:
    peer = ask()
    streams: list[int] = []
    for _ in range(1000):
        stream, _ = send(peer, request())
        peer.machine.reset(stream, CANCEL)
        streams.append(stream)
    kept, _ = send(peer, request())
    for stream in streams:
        assert peer.headers(stream, OK) == []
    assert peer.goodbye() is None
    assert len(peer.headers(kept, OK)) == 2
