import pytest
from h2_wire import GET, POST, Frame, Peer, frame, settings

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, Data, End, Fault, Request, Reset, Response, Writable
from hauberk_core.http.h2.codes import (
    CANCEL,
    CONTINUATION_FRAME,
    DATA_FRAME,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    INITIAL_WINDOW_SIZE,
    LARGEST_STREAM,
    NO_ERROR,
    PADDED,
    PING_FRAME,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM_FRAME,
    STREAM_CLOSED,
    WINDOW_UPDATE_FRAME,
)
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.server import CONCURRENT_STREAMS, CONNECTION_WINDOW, H2Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason


def serve(limits: HttpLimits | None = None) -> Peer:
    return Peer(H2Server("http", limits or HttpLimits()))


def response(status: int = 200, length: int | None = None) -> Response:
    made = Response(status, "OK", 11, Headers())
    made.framing = CHUNKED if length is None else COUNTED
    made.length = length or 0
    return made


def answer(peer: Peer, stream: int, body: bytes = b"") -> list[Frame]:
    peer.machine.send_response(stream, response(length=len(body)))
    peer.machine.send_data(stream, body)
    peer.machine.send_end(stream, None)
    return peer.listen()


def test_a_request_and_its_response() -> None:
    peer = serve()
    (_, request), (stream, end) = peer.headers(1, [*GET, ("cookie", "a=1"), ("x-b", "2"), ("cookie", "c=3")])
    assert isinstance(request, Request)
    assert (request.method, request.authority, request.path, request.query, request.version) == ("GET", "a.test", "/", "", 20)
    assert request.headers.lines == ["host: a.test", "x-b: 2", "cookie: a=1; c=3"]
    assert request.framing == NO_BODY
    assert (stream, type(end)) == (1, End)
    head, data = answer(peer, 1, b"hello")
    assert (head.kind, head.flags) == (HEADERS_FRAME, END_HEADERS)
    assert peer.fields(head) == [(":status", "200"), ("content-length", "5")]
    assert data == Frame(DATA_FRAME, END_STREAM, 1, b"hello"), "the end is a flag, not a frame"
    assert peer.machine.open_streams() == 0


def test_the_end_marks_the_head_where_there_is_no_body() -> None:
    peer = serve()
    peer.headers(1, [(":method", "HEAD"), *GET[1:]])
    assert [said.flags for said in answer(peer, 1, b"hello")] == [END_HEADERS | END_STREAM]


def test_a_body_with_trailers() -> None:
    peer = serve()
    ((_, request),) = peer.headers(1, [*POST, ("te", "trailers")], ends=False)
    assert isinstance(request, Request)
    assert request.framing == CHUNKED
    ((_, data),) = peer.data(1, b"abc")
    assert isinstance(data, Data)
    ((_, end),) = peer.headers(1, [("grpc-status", "0"), ("content-length", "9")])
    assert isinstance(end, End)
    assert end.trailers is not None
    assert end.trailers.lines == ["grpc-status: 0"], "what decides about the message does not come behind it"
    peer.machine.send_response(1, response())
    peer.machine.send_data(1, b"xyz")
    trailers = Headers()
    trailers.add("Grpc-Status", "0")
    peer.machine.send_end(1, trailers)
    *_, last = peer.listen()
    assert (last.kind, last.flags) == (HEADERS_FRAME, END_HEADERS | END_STREAM)


def test_trailers_are_encoded_when_they_go_out() -> None:
    """A header block made meanwhile comes before them: the peer's table must see both in the order of the wire."""
    peer = serve()
    peer.send(settings((INITIAL_WINDOW_SIZE, 4)))
    peer.headers(1, GET)
    peer.headers(3, GET)
    peer.said.clear()
    peer.machine.send_response(1, response())
    peer.machine.send_data(1, b"12345")
    trailers = Headers()
    trailers.add("x-checked", "yes")
    peer.machine.send_end(1, trailers)
    other = response(length=0)
    other.headers.add("x-other", "table")
    peer.machine.send_response(3, other)
    peer.machine.send_end(3, None)
    peer.listen()
    peer.send(frame(WINDOW_UPDATE_FRAME, 0, 1, (10).to_bytes(4, "big")))
    blocks = [peer.fields(said) for said in peer.said if said.kind == HEADERS_FRAME]
    assert blocks[1][-1] != blocks[2][-1]
    assert blocks[2] == [("x-checked", "yes")]


def test_interim_responses() -> None:
    peer = serve()
    ((_, request),) = peer.headers(1, [*POST, ("expect", "100-continue"), ("content-length", "3")], ends=False)
    assert isinstance(request, Request)
    assert request.expects_continue
    peer.machine.send_interim(1, Response(100, "", 11, Headers()))
    (head,) = peer.listen()
    assert peer.fields(head) == [(":status", "100")]
    peer.data(1, b"abc", ends=True)
    assert answer(peer, 1)[0].flags == END_HEADERS | END_STREAM
    with pytest.raises(LocalProtocolError):
        peer.machine.send_interim(1, Response(100, "", 11, Headers()))


@pytest.mark.parametrize(
    "fields",
    [
        [*GET, ("connection", "close")],
        [*GET, ("transfer-encoding", "chunked")],
        [*GET, ("te", "gzip")],
        [*GET, ("X-Upper", "1")],
        [*GET, ("content-length", "1")],
        [*GET, ("x-a", "1"), (":path", "/")],
        [*GET, (":path", "/")],
        [*GET, (":status", "200")],
        [*GET, ("host", "other.test")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/")],
        [(":method", "GET"), (":scheme", "ftp"), (":authority", "a"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":authority", "u@a"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/a b")],
        [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "http://b/")],
        [(":method", "G T"), (":scheme", "http"), (":authority", "a"), (":path", "/")],
        [(":method", "CONNECT"), (":authority", "a"), (":path", "/")],
    ],
    ids=lambda fields: str(fields[-1])[:40],
)
def test_malformed_requests_reset_their_stream(fields: list[tuple[str, str]]) -> None:
    peer = serve()
    ((stream, fault),) = peer.headers(1, fields)
    assert stream == 1
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.BAD_REQUEST
    assert peer.resets() == [(1, PROTOCOL_ERROR)]
    assert len(peer.headers(3, GET)) == 2, "the connection goes on"


@pytest.mark.parametrize(
    ("limits", "fields", "reason"),
    [
        (HttpLimits(head_bytes=512), [*GET, ("x-long", "v" * 600)], Reason.HEAD_TOO_LARGE),
        (HttpLimits(header_count=4), [*GET, *[(f"x-{n}", "1") for n in range(9)]], Reason.HEAD_TOO_LARGE),
        (HttpLimits(request_line_bytes=64), [*GET[:3], (":path", "/" + "a" * 80)], Reason.LINE_TOO_LONG),
        (HttpLimits(body_bytes=5), [*POST, ("content-length", "6")], Reason.BODY_TOO_LARGE),
        (HttpLimits(), [*POST, ("expect", "a miracle"), ("content-length", "6")], Reason.EXPECTATION_FAILED),
    ],
)
def test_what_is_sound_but_not_taken_can_be_answered(limits: HttpLimits, fields: list[tuple[str, str]], reason: Reason) -> None:
    peer = serve(limits)
    ((_, fault),) = peer.headers(1, fields, ends=False)
    assert isinstance(fault, Fault)
    assert fault.reason is reason
    assert peer.machine.is_open(1)
    assert answer(peer, 1)[0].stream == 1


def test_a_body_longer_than_the_limit() -> None:
    peer = serve(HttpLimits(body_bytes=5))
    peer.headers(1, POST, ends=False)
    peer.data(1, b"12345")
    ((_, fault),) = peer.data(1, b"6")
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("body", [b"12", b"1234"])
def test_a_body_that_is_not_as_long_as_it_says(body: bytes) -> None:
    peer = serve()
    peer.headers(1, [*POST, ("content-length", "3")], ends=False)
    *_, (_, fault) = peer.data(1, body, ends=True)
    assert isinstance(fault, Fault)
    assert peer.resets() == [(1, PROTOCOL_ERROR)]


def test_windows_open_only_as_octets_are_used() -> None:
    peer = serve()
    peer.headers(1, POST, ends=False)
    sent = 0
    while sent + 16384 <= STREAM_WINDOW:
        peer.data(1, b"x" * 16384)
        sent += 16384
    assert not [said for said in peer.said if said.kind == WINDOW_UPDATE_FRAME]
    peer.machine.consume(1, STREAM_WINDOW // 2)
    assert [(said.stream, int.from_bytes(said.payload, "big")) for said in peer.listen()] == [(1, STREAM_WINDOW // 2)]
    peer.data(1, b"x" * (16384))
    peer.machine.consume(1, STREAM_WINDOW // 2)
    peer.listen()
    left = CONNECTION_WINDOW - STREAM_WINDOW - 16384
    assert left > 2 * STREAM_WINDOW
    for stream in (3, 5, 7):
        peer.headers(stream, POST, ends=False)
        for _ in range(min(STREAM_WINDOW, left) // 16384):
            peer.data(stream, b"x" * 16384)
            left -= 16384
    assert peer.goodbye() is None, "what is used of the connection's window is told by halves"
    peer.data(7, b"x")
    assert peer.goodbye() == FLOW_CONTROL_ERROR


def test_more_than_a_stream_takes() -> None:
    peer = serve()
    peer.headers(1, POST, ends=False)
    for _ in range(STREAM_WINDOW // 16384):
        peer.data(1, b"x" * 16384)
    ((_, fault),) = peer.data(1, b"x")
    assert isinstance(fault, Fault)
    assert peer.resets() == [(1, FLOW_CONTROL_ERROR)]
    # Nobody will read what came on it: the connection's window opens again for the others.
    peer.headers(3, POST, ends=False)
    peer.machine.reset(3, CANCEL)
    assert peer.goodbye() is None


def test_what_a_client_does_not_take_waits() -> None:
    peer = serve()
    peer.send(settings((INITIAL_WINDOW_SIZE, 100)))
    peer.headers(1, GET)
    body = bytes(range(256)) * 1000
    peer.machine.send_response(1, response(length=len(body)))
    peer.machine.send_data(1, body)
    peer.machine.send_end(1, None)
    assert peer.machine.pending(1) == len(body) - 100
    events = peer.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    assert not events, "the connection's window is the bound now"
    events = peer.send(frame(WINDOW_UPDATE_FRAME, 0, 0, (1 << 20).to_bytes(4, "big")))
    assert [(stream, type(event)) for stream, event in events] == [(1, Writable)] or peer.machine.open_streams() == 0
    assert b"".join(said.payload for said in peer.said if said.kind == DATA_FRAME) == body
    assert max(len(said.payload) for said in peer.said) == 16384


def test_streams_share_the_connections_window_by_turns() -> None:
    peer = serve()
    peer.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    for stream in (1, 3, 5):
        peer.headers(stream, GET)
        peer.machine.send_response(stream, response())
        peer.machine.send_data(stream, b"x" * 100_000)
    peer.said.clear()
    peer.send(frame(WINDOW_UPDATE_FRAME, 0, 0, (6 * 16384).to_bytes(4, "big")))
    order = [said.stream for said in peer.said if said.kind == DATA_FRAME]
    assert sorted(set(order)) == [1, 3, 5]
    assert max(order.count(stream) for stream in (1, 3, 5)) <= 3


def test_padding_counts_and_is_dropped() -> None:
    peer = serve()
    peer.headers(1, POST, ends=False)
    ((_, data), _) = peer.send(frame(DATA_FRAME, PADDED | END_STREAM, 1, b"\x03abc\0\0\0"))
    assert isinstance(data, Data)
    assert data.data == b"abc"
    peer.send(frame(DATA_FRAME, PADDED, 1, b"\x03ab"))
    assert peer.goodbye() == PROTOCOL_ERROR


def test_a_header_block_in_pieces_and_one_interrupted() -> None:
    peer = serve()
    block = peer.encoder.encode([*GET, ("x-a", "1")])
    peer.send(frame(HEADERS_FRAME, END_STREAM, 1, block[:3]) + frame(CONTINUATION_FRAME, 0, 1, block[3:5]))
    assert not peer.events
    events = peer.send(frame(CONTINUATION_FRAME, END_HEADERS, 1, block[5:]))
    assert [type(event) for _, event in events] == [Request, End]
    peer.send(frame(HEADERS_FRAME, END_STREAM, 3, b"\x82") + frame(PING_FRAME, 0, 0, b"12345678"))
    assert peer.goodbye() == PROTOCOL_ERROR


def test_streams_beyond_the_allowed_are_refused() -> None:
    peer = serve()
    for number in range(CONCURRENT_STREAMS + 1):
        peer.headers(1 + 2 * number, GET)
    assert peer.resets() == [(1 + 2 * CONCURRENT_STREAMS, REFUSED_STREAM)]
    answer(peer, 1)
    assert len(peer.headers(3 + 2 * CONCURRENT_STREAMS, GET)) == 2


def test_a_client_gives_up_a_stream() -> None:
    peer = serve()
    peer.headers(1, GET)
    ((stream, event),) = peer.send(frame(RST_STREAM_FRAME, 0, 1, CANCEL.to_bytes(4, "big")))
    assert stream == 1
    assert isinstance(event, Reset)
    assert event.code == CANCEL
    assert not peer.machine.is_open(1)
    with pytest.raises(LocalProtocolError):
        peer.machine.send_response(1, response())


def test_what_comes_late_for_a_stream_that_we_reset_is_passed_over() -> None:
    peer = serve()
    peer.headers(1, POST, ends=False)
    peer.machine.reset(1, CANCEL)
    assert peer.data(1, b"late") == []
    assert peer.headers(1, [("x-late", "1")]) == []
    assert peer.goodbye() is None
    peer.headers(3, GET)
    answer(peer, 3)
    peer.headers(3, GET)
    assert peer.goodbye() == STREAM_CLOSED


def test_going_away_in_two_steps() -> None:
    peer = serve()
    peer.headers(1, GET)
    peer.machine.go_away(True)
    peer.machine.go_away(True)
    (first,) = peer.listen()
    assert (first.kind, int.from_bytes(first.payload[:4], "big"), first.code) == (GOAWAY_FRAME, LARGEST_STREAM, NO_ERROR)
    assert len(peer.headers(3, GET)) == 2, "what was on its way is served"
    peer.machine.go_away(False)
    (second,) = peer.listen()
    assert int.from_bytes(second.payload[:4], "big") == 3
    assert peer.headers(5, GET) == []
    answer(peer, 1)
    answer(peer, 3)
    assert peer.machine.open_streams() == 0


def test_a_mistake_behind_the_goodbye_takes_nothing_of_it_back() -> None:
    peer = serve()
    peer.headers(1, GET)
    peer.machine.go_away(False)
    peer.headers(3, GET)
    peer.send(frame(PING_FRAME, 0, 1, bytes(8)))
    goodbyes = [said.payload[:8] for said in peer.said if said.kind == GOAWAY_FRAME]
    one = (1).to_bytes(4, "big")
    assert goodbyes == [one + NO_ERROR.to_bytes(4, "big"), one + PROTOCOL_ERROR.to_bytes(4, "big")]


def test_pings() -> None:
    peer = serve()
    peer.send(frame(PING_FRAME, 0, 0, b"12345678"))
    assert peer.said == [Frame(PING_FRAME, 1, 0, b"12345678")]
    peer.machine.ping()
    (ping,) = peer.listen()
    assert peer.machine.pongs() == 0
    peer.send(frame(PING_FRAME, 1, 0, ping.payload))
    assert peer.machine.pongs() == 1


def test_lengths_of_ours_are_kept() -> None:
    peer = serve()
    peer.headers(1, GET)
    peer.machine.send_response(1, response(length=3))
    with pytest.raises(LocalProtocolError):
        peer.machine.send_end(1, None)
    with pytest.raises(LocalProtocolError):
        peer.machine.send_data(1, b"1234")


@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_how_the_octets_are_cut_changes_nothing(step: int) -> None:
    def heard(step: int) -> list[object]:
        peer = serve()
        octets = peer.block(1, [*POST, ("x-a", "1")], ends=False)
        octets += frame(DATA_FRAME, 0, 1, b"a" * 300) + frame(PING_FRAME, 0, 0, b"12345678")
        octets += peer.block(3, GET) + frame(DATA_FRAME, PADDED | END_STREAM, 1, b"\x01bb\0") + frame(77, 0, 0, b"?")
        log: list[object] = []
        for start in range(0, len(octets), step):
            for stream, event in peer.send(octets[start : start + step]):
                if isinstance(event, Data) and log and isinstance(log[-1], list) and log[-1][0] == stream:
                    log[-1][1] += event.data
                else:
                    log.append([stream, event.data] if isinstance(event, Data) else (stream, type(event)))
        return [*log, peer.said]

    assert heard(step) == heard(1 << 20)
