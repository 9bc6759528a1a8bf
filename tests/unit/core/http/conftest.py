"""Both implementations of the HTTP seam, and a way to write what a machine reports as a plain list."""

from collections.abc import Callable

import pytest

from hauberk_core.http.events import Closed, Data, End, Event, Fault, Request, Response
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.h11_codec import H11Client, H11Server
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.model.listener import HttpLimits

Transcript = list[tuple[object, ...]]
Machine = ServerMachine | ClientMachine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    strict = metafunc.definition.get_closest_marker("strict_http") is not None
    if "server_class" in metafunc.fixturenames:
        metafunc.parametrize("server_class", [H1Server] if strict else [H1Server, H11Server])
    if "client_class" in metafunc.fixturenames:
        metafunc.parametrize("client_class", [H1Client] if strict else [H1Client, H11Client])


def describe(event: Event) -> tuple[object, ...]:
    match event:
        case Request():
            return (
                *("request", event.method, event.authority, event.path, event.query, event.version),
                *(event.headers.lines.copy(), event.framing, event.length, event.expects_continue, event.upgrade),
            )
        case Response():
            return (
                *("response", event.status, event.reason, event.version),
                *(event.headers.lines.copy(), event.framing, event.length, event.upgrade),
            )
        case Data():
            return ("data", event.data)
        case End():
            return ("end", None if event.trailers is None else event.trailers.lines)
        case Fault():
            return ("fault", event.reason.code, event.detail)
        case Closed():
            return ("closed",)
    raise AssertionError(event)


def collect(machine: Machine, transcript: Transcript) -> None:
    """Append what the machine reports now; adjoining octets of a body become one entry."""
    for _ in range(1000):
        event = machine.next_event()
        if event is None:
            return
        entry = describe(event)
        if entry[0] == "data" and transcript and transcript[-1][0] == "data":
            before = transcript[-1][1]
            assert isinstance(before, bytes)
            assert isinstance(entry[1], bytes)
            transcript[-1] = ("data", before + entry[1])
        else:
            transcript.append(entry)
    raise AssertionError("the machine does not stop reporting")


def feed(machine: Machine, octets: bytes, step: int, eof: bool) -> Transcript:
    transcript: Transcript = []
    for start in range(0, len(octets), step):
        machine.receive(octets[start : start + step])
        collect(machine, transcript)
    if eof:
        machine.receive(b"")
        collect(machine, transcript)
    return transcript


def without_detail(transcript: Transcript) -> Transcript:
    return [entry[:2] if entry[0] == "fault" else entry for entry in transcript]


Hear = Callable[..., Transcript]


@pytest.fixture
def hear() -> Hear:
    """What a fresh machine reports of octets. They are fed whole, in threes and one by one, which must not differ."""

    def hear(make: Callable[[], Machine], octets: bytes, eof: bool = False) -> Transcript:
        machine = make()
        whole = feed(machine, octets, max(1, len(octets)), eof)
        for step in (3, 1):
            pieces = feed(make(), octets, step, eof)
            if isinstance(machine, H1Server | H1Client):
                assert pieces == whole
            else:
                assert without_detail(pieces) == without_detail(whole)
        return whole

    return hear


class Served:
    """What requests look like to a server of either kind."""

    def __init__(self, hear: Hear, server_class: type[H1Server | H11Server]) -> None:
        self._hear = hear
        self._server_class = server_class

    def __call__(self, octets: bytes, eof: bool = False, scheme: str = "http", **limits: int) -> Transcript:
        return self._hear(lambda: self._server_class(scheme, HttpLimits(**limits)), octets, eof)


@pytest.fixture
def served(hear: Hear, server_class: type[H1Server | H11Server]) -> Served:
    """Call it with a client's octets: it returns what a server reports."""
    return Served(hear, server_class)


class Answers:
    """What responses look like to a client of either kind."""

    def __init__(self, hear: Hear, client_class: type[H1Client | H11Client]) -> None:
        self._hear = hear
        self._client_class = client_class

    def __call__(self, octets: bytes, eof: bool = False, method: str = "GET", upgrade: str = "", **limits: int) -> Transcript:
        def make() -> ClientMachine:
            client = self._client_class(HttpLimits(**limits))
            headers = Headers()
            headers.add("Host", "a.test")
            request = Request(
                method, "a.test:80" if method == "CONNECT" else "a.test", "" if method == "CONNECT" else "/", "", 11, headers
            )
            request.upgrade = upgrade
            client.send_request(request)
            client.send_end(None)
            return client

        return self._hear(make, octets, eof)


@pytest.fixture
def answered(hear: Hear, client_class: type[H1Client | H11Client]) -> Answers:
    """Call it with a server's octets: it returns what a client reports that has just sent a request."""
    return Answers(hear, client_class)
