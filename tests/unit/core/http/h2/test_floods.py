from collections.abc import Callable

import pytest
from h2_wire import GET, POST, Peer, frame, settings

from hauberk_core.http.events import CHUNKED, Response
from hauberk_core.http.h2.allowance import Allowance
from hauberk_core.http.h2.codes import (
    CANCEL,
    CONTINUATION_FRAME,
    DATA_FRAME,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS_FRAME,
    PING_FRAME,
    PRIORITY_FRAME,
    RST_STREAM_FRAME,
    WINDOW_UPDATE_FRAME,
)
from hauberk_core.http.h2.server import H2Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

_ONE = (1).to_bytes(4, "big")


def rapid_reset(peer: Peer, number: int) -> None:
    stream = 1 + 2 * number
    peer.send(peer.block(stream, GET) + frame(RST_STREAM_FRAME, 0, stream, CANCEL.to_bytes(4, "big")))


def made_you_reset(peer: Peer, number: int) -> None:
    stream = 1 + 2 * number
    peer.send(peer.block(stream, GET) + frame(WINDOW_UPDATE_FRAME, 0, stream, b"\0\0\0\0"))


def late_data(peer: Peer, number: int) -> None:
    stream = 1 + 2 * number
    peer.send(peer.block(stream, GET) + frame(DATA_FRAME, END_STREAM, stream, b""))


FLOODS: dict[str, Callable[[Peer, int], object]] = {
    "settings": lambda peer, _: peer.send(settings()),
    "acknowledgements": lambda peer, _: peer.send(frame(4, 1, 0)),
    "pings": lambda peer, _: peer.send(frame(PING_FRAME, 0, 0, b"12345678")),
    "pongs": lambda peer, _: peer.send(frame(PING_FRAME, 1, 0, b"12345678")),
    "empty data": lambda peer, _: peer.data(1, b""),
    "priority": lambda peer, _: peer.send(frame(PRIORITY_FRAME, 0, 1, b"\0\0\0\0\0")),
    "windows": lambda peer, _: peer.send(frame(WINDOW_UPDATE_FRAME, 0, 1, _ONE)),
    "unknown frames": lambda peer, _: peer.send(frame(99, 0, 0, b"?")),
    "rapid reset": rapid_reset,
    "made you reset": made_you_reset,
    "made you reset by data": late_data,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(name: str) -> None:
    peer = Peer(H2Server("http", HttpLimits()))
    if name in {"empty data", "windows"}:
        peer.headers(1, POST, ends=False)
    step = FLOODS[name]
    for number in range(1, 2000):
        step(peer, number)
        if peer.goodbye() is not None:
            break
    assert peer.goodbye() == ENHANCE_YOUR_CALM
    assert peer.send(frame(PING_FRAME, 0, 0, b"12345678")) == []


@pytest.mark.parametrize("name", ["settings", "pings", "priority", "rapid reset"])
def test_the_same_at_the_pace_of_sound_clients_goes_on(name: str) -> None:
    peer = Peer(H2Server("http", HttpLimits()))
    for number in range(1, 1500):
        FLOODS[name](peer, number)
        peer.now += 1.0
    assert peer.goodbye() is None


def test_clients_that_are_answered_may_reset_others() -> None:
    peer = Peer(H2Server("http", HttpLimits()))
    for number in range(1, 2000, 2):
        rapid_reset(peer, number)
        stream = 3 + 2 * number
        peer.headers(stream, GET)
        peer.machine.send_response(stream, Response(200, "", 11, Headers()))
        peer.machine.send_end(stream, None)
        peer.listen()
    assert peer.goodbye() is None


def test_peers_that_take_bodies_may_measure_round_trips() -> None:
    """As gRPC in Go does: a PING after each frame of DATA."""
    peer = Peer(H2Server("http", HttpLimits()))
    for number in range(1, 2000):
        stream = 2 * number - 1
        peer.headers(stream, GET)
        answer = Response(200, "", 11, Headers())
        answer.framing = CHUNKED
        peer.machine.send_response(stream, answer)
        peer.machine.send_data(stream, b"x")
        peer.machine.send_end(stream, None)
        FLOODS["pings"](peer, number)
    assert peer.goodbye() is None


def answered(octets: int) -> Peer:
    """One who asked, and for whom so much of an answer's body is there."""
    peer = Peer(H2Server("http", HttpLimits()))
    peer.headers(1, GET)
    answer = Response(200, "", 11, Headers())
    answer.framing = CHUNKED
    peer.machine.send_response(1, answer)
    peer.machine.send_data(1, bytes(octets))
    return peer


def opening(octets: int) -> bytes:
    """Both windows are opened by so much."""
    update = octets.to_bytes(4, "big")
    return frame(WINDOW_UPDATE_FRAME, 0, 0, update) + frame(WINDOW_UPDATE_FRAME, 0, 1, update)


@pytest.mark.parametrize(
    ("more_window", "pieces", "times"),
    [(0, (1460,), 6000), (0, (56, 8192), 1500), (16 << 20, (1460,), 12000)],
    ids=["segments", "tiny pieces between others", "large windows"],
)
def test_peers_that_take_bodies_may_say_so_in_small_pieces(more_window: int, pieces: tuple[int, ...], times: int) -> None:
    """As HAProxy does: it opens both windows again for what it could pass on, if only of a few octets."""
    peer = answered(sum(pieces) * times)
    if more_window:
        peer.send(opening(more_window))
    for _ in range(times):
        for piece in pieces:
            peer.send(opening(piece))
    assert peer.goodbye() is None


def test_who_was_sent_much_may_not_say_so_for_ever() -> None:
    peer = answered(60_000)
    for _ in range(2000):
        peer.send(frame(WINDOW_UPDATE_FRAME, 0, 0, _ONE))
    assert peer.goodbye() == ENHANCE_YOUR_CALM


def test_many_continuations() -> None:
    peer = Peer(H2Server("http", HttpLimits()))
    peer.send(frame(HEADERS_FRAME, 0, 1, b"\x82"))
    for _ in range(20):
        peer.send(frame(CONTINUATION_FRAME, 0, 1, b"\x00\x01a\x01b"))
    assert peer.goodbye() == ENHANCE_YOUR_CALM


def test_a_long_header_block() -> None:
    peer = Peer(H2Server("http", HttpLimits(head_bytes=4096)))
    peer.send(frame(HEADERS_FRAME, 0, 1, b"\x82") + frame(CONTINUATION_FRAME, 0, 1, b"x" * 5000))
    assert peer.goodbye() == ENHANCE_YOUR_CALM


def test_few_octets_that_decode_to_many() -> None:
    """A large field once, and then its index thousands of times."""
    peer = Peer(H2Server("http", HttpLimits()))
    peer.headers(1, [*GET, ("x-bomb", "b" * 3000)])
    large = peer.encoder.encode([("x-bomb", "b" * 3000)])
    assert len(large) == 1
    peer.send(frame(HEADERS_FRAME, 5, 3, large * 16000))
    assert peer.goodbye() == ENHANCE_YOUR_CALM


def test_an_allowance_fills_with_time_and_with_work() -> None:
    allowance = Allowance(2, 1)
    assert [allowance.take(5.0) for _ in range(3)] == [True, True, False]
    assert [allowance.take(6.0) for _ in range(2)] == [True, False]
    allowance.give(9)
    assert [allowance.take(6.0) for _ in range(3)] == [True, True, False]
    assert [allowance.take(1000.0) for _ in range(3)] == [True, True, False]
