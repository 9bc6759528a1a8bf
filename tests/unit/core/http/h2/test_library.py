"""Ours and h2 behind one seam: each understands the other, and both report the same."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, Data, End, Event, Fault, Request, Reset, Response
from hauberk_core.http.fields import NOT_IN_TRAILERS
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.h2.codes import CANCEL
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.h2.server import CONNECTION_WINDOW, H2Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

_names = st.sampled_from(["accept", "X-A", "x-b", "cookie", "authorization", "te-x", "user-agent"])
_values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
_fields = st.lists(st.tuples(_names, _values), max_size=6, unique_by=lambda field: field[0])
_bodies = st.lists(st.binary(min_size=1, max_size=9000), max_size=3)
_messages = st.lists(st.tuples(_fields, _bodies, _fields), min_size=1, max_size=4)


def make(ours: bool, is_client: bool) -> MultiplexedMachine:
    limits = HttpLimits()
    if not ours:
        return LibraryMachine(is_client, "http", limits)
    return H2Client(limits) if is_client else H2Server("http", limits)


class Pair:
    """A client and a server joined by a wire."""

    def __init__(self, client_is_ours: bool, server_is_ours: bool) -> None:
        self.client = make(client_is_ours, True)
        self.server = make(server_is_ours, False)
        self.heard: list[tuple[int, object]] = []
        self.talk()

    def talk(self) -> None:
        while True:
            there = self.client.take_output()
            if there:
                self.take(self.server, there)
            back = self.server.take_output()
            if back:
                self.take(self.client, back)
            if not there and not back:
                return

    def take(self, machine: MultiplexedMachine, octets: bytes) -> None:
        machine.receive(octets, 1.0)
        while (event := machine.next_event()) is not None:
            if isinstance(event, Data):
                machine.consume(machine.stream, len(event.data))
            self.note(machine.stream, event)

    def note(self, stream: int, event: Event) -> None:
        match event:
            case Request():
                # Not the framing: h2 says only behind the head that there is no body.
                head = (event.method, event.authority, event.path, event.query, event.length)
                self.heard.append((stream, ("request", head, event.headers.lines)))
            case Response():
                self.heard.append((stream, ("response", event.status, event.framing, event.headers.lines)))
            case Data():
                self.heard.append((stream, ("data", event.data)))
            case End():
                self.heard.append((stream, ("end", None if event.trailers is None else event.trailers.lines)))
            case Fault() | Reset():
                self.heard.append((stream, type(event).__name__))

    def story(self, stream: int) -> list[object]:
        """What both sides heard of a stream, with the cuts of its body taken out."""
        told: list[object] = []
        for _, what in (heard for heard in self.heard if heard[0] == stream):
            if isinstance(what, tuple) and what[0] == "data" and told and isinstance(told[-1], bytes):
                told[-1] += what[1]
            else:
                told.append(what[1] if isinstance(what, tuple) and what[0] == "data" else what)
        return told


def headers(fields: list[tuple[str, str]]) -> Headers:
    made = Headers()
    for name, value in fields:
        made.add(name, value)
    return made


def request(fields: list[tuple[str, str]], framing: int, length: int = 0) -> Request:
    made = Request("POST", "a.test", "/a", "?b", 11, headers([("host", "a.test"), *fields]))
    made.framing = framing
    made.length = length
    return made


def sorted_cookie_last(fields: list[tuple[str, str]]) -> list[str]:
    """A request's lines, as they come out: cookies, which may come in crumbs, behind the others."""
    cookies = [f"cookie: {value}" for name, value in fields if name == "cookie"]
    return [f"{name.lower()}: {value}" for name, value in fields if name != "cookie"] + cookies


Message = tuple[list[tuple[str, str]], list[bytes], list[tuple[str, str]]]


def run(pair: Pair, messages: list[Message]) -> list[list[object]]:
    for fields, body, trailers in messages:
        stream = pair.client.send_request(request(fields, CHUNKED if body or trailers else NO_BODY))
        for piece in body:
            pair.client.send_data(stream, piece)
        pair.client.send_end(stream, headers(trailers) if trailers else None)
        pair.talk()
        response = Response(200, "", 11, headers(fields))
        response.framing = COUNTED
        response.length = sum(map(len, body))
        pair.server.send_response(stream, response)
        for piece in body:
            pair.server.send_data(stream, piece)
        pair.server.send_end(stream, headers(trailers) if trailers else None)
        pair.talk()
    assert pair.client.open_streams() == 0
    assert pair.server.open_streams() == 0
    return [pair.story(1 + 2 * number) for number in range(len(messages))]


@settings(max_examples=10, deadline=None)
@given(_messages)
def test_all_pairs_hear_the_same(messages: list[Message]) -> None:
    stories = [run(Pair(*sides), messages) for sides in itertools.product((True, False), repeat=2)]
    for (fields, body, trailers), story in zip(messages, stories[0], strict=True):
        together = b"".join(body)
        assert [part for part in story if isinstance(part, bytes)] == ([together] * 2 if together else [])
        kept = [f"{name.lower()}: {value}" for name, value in trailers if name.lower() not in NOT_IN_TRAILERS]
        assert sum(part == ("end", kept or None) for part in story) == 2
        lines = [line for part in story if isinstance(part, tuple) and part[0] == "request" for line in part[2]]
        assert lines == ["host: a.test", *sorted_cookie_last(fields)]
    for other in stories[1:]:
        assert other == stories[0]


@pytest.mark.parametrize(("client", "server"), [*itertools.product((True, False), repeat=2)])
def test_either_side_gives_up_and_goes_away(client: bool, server: bool) -> None:
    pair = Pair(client, server)
    first = pair.client.send_request(request([], CHUNKED))
    second = pair.client.send_request(request([], CHUNKED))
    pair.talk()
    pair.client.reset(first, CANCEL)
    pair.server.reset(second, CANCEL)
    pair.talk()
    assert pair.story(first)[-1] == "Reset"
    assert pair.story(second)[-1] == "Reset"
    assert pair.client.room() > 0
    pair.client.ping()
    pair.talk()
    assert pair.client.pongs() == 1
    pair.server.go_away(False)
    pair.talk()
    assert pair.client.room() == 0


@pytest.mark.parametrize(("client", "server"), [*itertools.product((True, False), repeat=2)])
def test_a_large_body_waits_for_whoever_reads(client: bool, server: bool) -> None:
    pair = Pair(client, server)
    stream = pair.client.send_request(request([], COUNTED, 600_000))
    pair.client.send_data(stream, b"x" * 600_000)
    assert pair.client.pending(stream) > 600_000 - 2 * STREAM_WINDOW
    pair.client.send_end(stream, None)
    pair.talk()
    assert pair.client.pending(stream) == 0
    assert sum(len(part) for part in pair.story(stream) if isinstance(part, bytes)) == 600_000


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("who", ["client", "server"])
def test_what_nobody_reads_any_more_does_not_close_the_window_for_others(ours: bool, who: str) -> None:
    pair = Pair(not ours, ours)
    # Twice as much as a server's whole connection takes.
    for _ in range(2 * CONNECTION_WINDOW // STREAM_WINDOW):
        request = Request("POST", "a.test", "/", "", 20, Headers())
        request.framing = CHUNKED
        stream = pair.client.send_request(request)
        pair.client.send_data(stream, bytes(STREAM_WINDOW))
        while octets := pair.client.take_output():
            pair.server.receive(octets, 1.0)
            while pair.server.next_event() is not None:
                pass
            if back := pair.server.take_output():
                pair.take(pair.client, back)
        assert pair.client.pending(stream) == 0
        (pair.client if who == "client" else pair.server).reset(stream, CANCEL)
        pair.talk()
