"""The proxy without sockets, two other parsers to judge what it forwards, workers of a mesh, and third-party corpora.

Set HAUBERK_CORPORA to a folder that holds `http11probe`, `llhttp` and `gunicorn`, each with a `cases.jsonl`. Without it the tests
that need it are skipped; with HAUBERK_REQUIRE_CORPORA=1 they fail instead, so that no release passes by skipping them.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
import httptools
import pytest
from mesh_workers import World, world
from recording_backend import RecordingBackend, recording_backend

from hauberk_core.http.events import COUNTED, Data, End, Fault, Request, Response
from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

# A request as somebody understood it: method, target, fields with lower-case names, body, and fields behind it.
Understood = tuple[str, str, list[tuple[str, str]], bytes, list[tuple[str, str]]]


@dataclass
class Passed:
    """What came of a client's octets."""

    forwarded: list[bytes] = field(default_factory=list)
    """What a backend received for each request: each on a connection of its own."""
    complete: list[Understood] = field(default_factory=list)
    """The requests that ended, as our server understood them."""
    methods: list[str] = field(default_factory=list)
    fault: Fault | None = None
    log: list[object] = field(default_factory=list)
    """Everything, in a form that does not depend on how the octets were cut."""

    @property
    def is_rejected(self) -> bool:
        return self.fault is not None


def framing_fields(request: Request) -> list[tuple[str, str]]:
    """The hop-by-hop fields that our client adds."""
    added = [("transfer-encoding", "chunked")] if request.framing > COUNTED else []
    if request.upgrade:
        return [*added, ("connection", "upgrade"), ("upgrade", request.upgrade)]
    return [*added, ("connection", "te")] if "te" in request.headers.names else added


class Relay:
    """A proxy of two machines: every request is passed to a backend that answers 200."""

    def __init__(self) -> None:
        self.server = H1Server("http", HttpLimits())
        self.passed = Passed()
        self._client: H1Client | None = None
        self._body = b""
        self._head: tuple[str, str, list[tuple[str, str]]] = ("", "", [])

    def feed(self, octets: bytes) -> None:
        self.server.receive(octets)
        while (event := self.server.next_event()) is not None:
            self._handle(event)

    def _handle(self, event: object) -> None:
        passed = self.passed
        if isinstance(event, Request):
            self._client = H1Client(HttpLimits())
            self._body = b""
            fields = [(name.lower(), value) for name, value in event.headers.items()] + framing_fields(event)
            target = event.authority if event.method == "CONNECT" else event.path + event.query
            self._head = (event.method, target, fields)
            passed.methods.append(event.method)
            passed.forwarded.append(self._client.send_request(event))
            passed.log.append(self._head)
        elif isinstance(event, Data):
            assert self._client is not None
            self._body += event.data
            passed.forwarded[-1] += self._client.send_data(event.data)
        elif isinstance(event, End):
            assert self._client is not None
            passed.forwarded[-1] += self._client.send_end(event.trailers)
            trailers = [] if event.trailers is None else [(name.lower(), value) for name, value in event.trailers.items()]
            passed.complete.append((*self._head, self._body, trailers))
            passed.log.append((self._body, trailers))
            self.server.send_response(Response(200, "OK", 11, Headers()), False)
            self.server.send_end(None)
            if self.server.may_keep_alive():
                self.server.start_next_exchange()
        elif isinstance(event, Fault):
            passed.fault = event
            passed.log.append((event.reason, event.detail, self._body))


def relay_all(octets: bytes, step: int = 0) -> Passed:
    """Pass a client's octets, which are followed by the end of its stream, through the relay."""
    relay = Relay()
    size = step or max(1, len(octets))
    for start in range(0, len(octets), size):
        relay.feed(octets[start : start + size])
    relay.feed(b"")
    return relay.passed


@pytest.fixture(scope="session")
def relay() -> Callable[..., Passed]:
    return relay_all


class _Recorder:
    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[str, str]] = []
        self.trailers: list[tuple[str, str]] = []
        self.body = b""
        self.complete = 0
        self._in_head = True

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        pair = (name.decode("latin-1").lower(), value.decode("latin-1"))
        (self.fields if self._in_head else self.trailers).append(pair)

    def on_headers_complete(self) -> None:
        self._in_head = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.complete += 1


def read_with_llhttp(octets: bytes) -> Understood | None:
    """How llhttp's strict mode understands one request; None if it does not take it, or not as one complete request."""
    recorder = _Recorder()
    parser = httptools.HttpRequestParser(recorder)
    try:
        parser.feed_data(octets)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    if recorder.complete != 1:
        return None
    method = parser.get_method().decode()
    return method, recorder.target.decode("latin-1"), recorder.fields, recorder.body, recorder.trailers


def read_with_h11(octets: bytes) -> Understood | None:
    """How h11 understands one request; None if it does not take it, or not as one complete request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(octets)
    head: h11.Request | None = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                break
            else:
                return None
    except h11.RemoteProtocolError:
        return None
    if connection.trailing_data[0]:
        return None
    return (
        head.method.decode("latin-1"),
        head.target.decode("latin-1"),
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers],
        body,
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers],
    )


def _llhttp_knows(method: str) -> bool:
    return read_with_llhttp(method.encode("latin-1") + b" / HTTP/1.1\r\nHost: a\r\n\r\n") is not None or method == "CONNECT"


def judge_forwarded(passed: Passed) -> None:
    """Both other parsers must take what was forwarded, and understand it as our server did.

    Exemptions, each as narrow as it can be:
    - llhttp knows a list of methods and takes no other; HTTP lets anybody define methods (RFC 9110 section 16.1), so it is asked
      about the same request with the method POST.
    - llhttp says of CONNECT that it is complete after the head; so do we, and its target is compared all the same.
    """
    for octets, understood, method in zip(passed.forwarded, passed.complete, passed.methods, strict=False):
        expected = understood
        assert read_with_h11(octets) == expected, octets
        known = octets
        if not _llhttp_knows(method):
            known = b"POST" + octets[len(method) :]
            expected = ("POST", *understood[1:])
        assert read_with_llhttp(known) == expected, known


@pytest.fixture(scope="session")
def judge() -> Callable[[Passed], None]:
    return judge_forwarded


def answer_all(octets: bytes, step: int) -> list[str]:
    """What a client, which has sent a GET, hears of a server's octets and the end of its stream: heads, body, end, fault."""
    client = H1Client(HttpLimits())
    headers = Headers()
    headers.add("Host", "a.test")
    request = Request("GET", "a.test", "/", "", 11, headers)
    request.upgrade = "websocket"
    client.send_request(request)
    client.send_end(None)
    heard: list[str] = []
    body = b""
    size = step or max(1, len(octets))
    for start in range(0, len(octets) + size, size):
        client.receive(octets[start : start + size])
        while (event := client.next_event()) is not None:
            if isinstance(event, Data):
                body += event.data
            elif isinstance(event, Response):
                heard.append(repr((event.status, event.reason, event.headers.lines, event.framing)))
            else:
                heard.append(repr(body))
                heard.append(type(event).__name__.lower())
        if heard and heard[-1] in {"end", "fault"}:
            break
    return heard


@pytest.fixture(scope="session")
def answer() -> Callable[..., list[str]]:
    return answer_all


def _octets(case: dict[str, Any]) -> bytes:
    if "steps_b64" in case:
        return b"".join(base64.b64decode(step) for step in case["steps_b64"])
    if "raw_segments" in case:
        return b"".join(base64.b64decode(piece) * times for piece, times in case["raw_segments"])
    if "raw_gen" in case:
        made = case["raw_gen"]
        first, last = made["i"]
        line = made["repeat"].replace("\\r\\n", "\r\n")
        middle = "".join(line.replace("{i}", str(number)) for number in range(first, last))
        suffix: str = made["suffix"].replace("\\r\\n", "\r\n")
        return base64.b64decode(made["prefix_b64"]) + (middle + suffix).encode()
    return base64.b64decode(case["raw_b64"])


def load(corpus: str) -> list[tuple[dict[str, Any], bytes]]:
    """The cases of a corpus with the octets of each. Skips (or fails) where there are none."""
    folder = os.environ.get("HAUBERK_CORPORA", "")
    if not folder:
        if os.environ.get("HAUBERK_REQUIRE_CORPORA") == "1":
            pytest.fail("HAUBERK_REQUIRE_CORPORA=1, but HAUBERK_CORPORA does not name the corpora's folder")
        pytest.skip("HAUBERK_CORPORA does not name the corpora's folder")
    text = (Path(folder) / corpus / "cases.jsonl").read_text("utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    return [(case, _octets(case)) for case in cases]


@pytest.fixture(scope="session")
def corpus() -> Callable[[str], list[tuple[dict[str, Any], bytes]]]:
    return load


@pytest.fixture
def mesh_world() -> Iterator[World]:
    """A loop for workers of a mesh, and their authority."""
    with world() as made:
        yield made


@pytest.fixture
def backend() -> Iterator[RecordingBackend]:
    """What the requests are for."""
    with recording_backend() as made:
        yield made
