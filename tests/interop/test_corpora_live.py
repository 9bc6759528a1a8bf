"""The corpora against running proxies, over real sockets, in front of a backend that records what reaches it.

The machines are held to the corpora elsewhere; here it is the whole road: reading, routing, pools, writing. Whatever a client
sends, a backend receives requests that llhttp's strict mode takes, and the client gets the answers to exactly these, in order.

One proxy serves all cases, each on a connection of its own, and so do two sidecars one behind the other. Between two cases a
fence, a request of ours, tells their records apart, and shows that what came before left no connection of the pool out of step.
The codec is `strict` alone: h11 is lenient where these corpora ask for refusals (bare LF, obs-fold, Content-Length beside
Transfer-Encoding), hence not the default.

`localhost:8080` stays in the Host fields: the proxy serves every name, and another length would belie the cases' Content-Length.
"""

import base64
import contextlib
import re
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from corpus_exemptions import AFTER_CLOSE, FORWARDED, NOT_ACCEPTED, NOT_REFUSED, REFUSED_BY_PROXY
from live_proxy import PATIENCE, forward_to, live_proxy, wait_until
from recording_backend import Connection, Recorded, RecordingBackend, recording_backend
from sidecar_pair import sidecar_pair

pytestmark = pytest.mark.e2e

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]

CORPORA: Final = ("http11probe", "llhttp", "gunicorn")
# Above this a case is sent in small pieces instead of single octets: a system call for each would take minutes in all.
SINGLE_OCTETS: Final = 4096
PIECE: Final = 997
HEAD: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
# The first frame of a server that speaks HTTP/2 (RFC 9113 section 3.4).
SETTINGS: Final = re.compile(rb"...\x04\x00\x00\x00\x00\x00", re.DOTALL)
# Ways to the backend and back without any other event, after which a case has settled. One would do, were delivery immediate.
QUIET_FENCES: Final = 3


@dataclass
class Answer:
    """A response as the client read it."""

    status: int
    fields: dict[bytes, bytes]

    @property
    def number(self) -> int:
        """The number the backend gave to the request; 0 if the proxy answered in its place."""
        return int(self.fields.get(b"x-request-number", b"0"))


@dataclass
class Outcome:
    """What came of one case."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    received: list[Recorded] = field(default_factory=list)
    """The complete requests that reached the backend."""
    broken_off: list[bytes] = field(default_factory=list)
    """The beginnings of requests that reached it."""

    @property
    def final(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status >= 200]

    @property
    def is_refused(self) -> bool:
        """The last word was an error status, or nothing at all."""
        return not self.final or self.final[-1].status >= 400


def parse_answers(octets: bytes) -> list[Answer]:
    """Read everything that a client received. AssertionError if it is not a sequence of whole responses.

    The backend's answers have no body, so one that has is the proxy's own, and its body begins with its status; where it does
    not, the request was HEAD.
    """
    if SETTINGS.match(octets):
        # The case began as HTTP/2 does, and was answered so: no request of HTTP/1.1 was understood.
        return []
    answers = []
    place = 0
    while place < len(octets):
        head = HEAD.match(octets, place)
        assert head is not None, octets[place:]
        lines = [line.partition(b":") for line in head[2].splitlines()]
        answer = Answer(int(head[1]), {name.lower(): value.strip() for name, _, value in lines})
        answers.append(answer)
        place = head.end()
        length = int(answer.fields.get(b"content-length", b"0"))
        if length and octets.startswith(head[1] + b" ", place):
            place += length
            assert place <= len(octets), octets
    return answers


class Road:
    """A client, the proxy, the backend."""

    def __init__(self, port: int, backend: RecordingBackend) -> None:
        self.backend: Final = backend
        self._port: Final = port
        self._fence: Final = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        self._fences = 0
        self._seen: dict[Connection, int] = {}
        self._broken_off: set[Connection] = set()
        self.fence()

    def close(self) -> None:
        self._fence.close()

    def fence(self) -> list[Recorded]:
        """See to it that all that was sent has been recorded. Returns: the requests since the last fence."""
        self._fences += 1
        target = f"/fence/{self._fences}"
        self._fence.sendall(f"GET {target} HTTP/1.1\r\nHost: fence.test\r\n\r\n".encode())
        octets = b""
        while not HEAD.fullmatch(octets):
            more = self._fence.recv(65536)
            assert more, octets
            octets += more
        [answer] = parse_answers(octets)
        received: list[Recorded] = []
        for connection in self.backend.connections:
            seen = self._seen.get(connection, 0)
            received += [each for each in connection.requests if each.number > seen]
            self._seen[connection] = max((each.number for each in connection.requests), default=0)
        received.sort(key=lambda each: each.number)
        # Whatever was sent before: this request has reached the backend as it was meant, and this is the answer to it.
        fences = [each for each in received if each.number == answer.number]
        assert [(each.method, each.target, each.body) for each in fences] == [("GET", target, b"")]
        return [each for each in received if each.number != answer.number]

    def broken_off(self) -> list[bytes]:
        """The beginnings of requests that reached the backend and were given up, since this was last asked."""
        found: list[bytes] = []
        for connection in self.backend.connections:
            if connection.pending and connection not in self._broken_off:
                # It is of no more use: the next request on it would be taken for the rest of this one.
                wait_until(lambda: connection.is_closed, lambda: repr(bytes(connection.octets)))  # noqa: B023 - at once
                self._broken_off.add(connection)
                found.append(bytes(connection.octets[-connection.pending :]))
        return found

    def send(self, name: str, steps: list[bytes], piece: int) -> Outcome:
        """Send a case on a new connection, step by step, then the end of the stream, and read to the end.

        Args: piece - how many octets go into one write; 0: a step as a whole.
        """
        outcome = Outcome(name)
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            heard = b""
            for octets in steps:
                size = piece or max(1, len(octets))
                # Refused while we are still sending: the answer can be read all the same.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for place in range(0, len(octets), size):
                        stream.sendall(octets[place : place + size])
                heard += self._settle(stream, outcome)
            # Only now: to a proxy, a client that ends its stream while it waits for an answer is a client that went away.
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while more := stream.recv(65536):
                    heard += more
        outcome.received += self.fence()
        outcome.broken_off = self.broken_off()
        outcome.answers = parse_answers(heard)
        return outcome

    def _settle(self, stream: socket.socket, outcome: Outcome) -> bytes:
        """Wait until what was sent has had all its effects. Returns: what came back.

        Effects arrive between fences; two of them with nothing between show that there will be no more: each is a way through
        the proxy, to the backend and back, which cannot overtake what is already on it.
        """
        heard = b""
        quiet = 0
        while quiet < QUIET_FENCES:
            quiet += 1
            if received := self.fence():
                outcome.received += received
                quiet = 0
            with contextlib.suppress(ConnectionResetError):
                if select.select([stream], [], [], 0)[0] and (more := stream.recv(1 << 20)):
                    heard += more
                    quiet = 0
        return heard


@pytest.fixture(scope="module")
def road(corpora: Path) -> Iterator[Road]:
    with recording_backend() as backend, live_proxy(forward_to(backend.port)) as proxy:
        road = Road(proxy.port, backend)
        yield road
        road.close()


@pytest.fixture(scope="module")
def road_of_sidecars(corpora: Path) -> Iterator[Road]:
    """The same by way of a caller's sidecar and a server's, with mutual TLS between them."""
    with recording_backend() as backend, sidecar_pair({"backend": backend.port}, "http") as ports:
        road = Road(ports["backend"], backend)
        yield road
        road.close()


@dataclass
class Case:
    name: str
    about: dict[str, Any]
    octets: bytes
    steps: list[bytes]


@pytest.fixture(scope="module")
def cases(corpus: Corpus) -> dict[str, list[Case]]:
    """Those cases of each corpus that are requests."""
    found: dict[str, list[Case]] = {}
    for name in CORPORA:
        found[name] = []
        for about, octets in corpus(name):
            if name != "llhttp" or about["type"].startswith("request"):
                steps = [base64.b64decode(step) for step in about.get("steps_b64", [])] or [octets]
                found[name].append(Case(f"{name}/{about['name']}", about, octets, steps))
    return found


@pytest.fixture(scope="module")
def whole(road: Road, cases: dict[str, list[Case]]) -> dict[str, list[Outcome]]:
    """Every case, in as few pieces as can be."""
    return {name: [road.send(case.name, case.steps, 0) for case in cases[name]] for name in CORPORA}


@pytest.fixture(scope="module")
def octet_by_octet(road: Road, cases: dict[str, list[Case]]) -> dict[str, list[Outcome]]:
    """Every case in single octets, long ones in small pieces."""
    return {
        name: [road.send(case.name, [case.octets], 1 if len(case.octets) <= SINGLE_OCTETS else PIECE) for case in cases[name]]
        for name in CORPORA
    }


@pytest.fixture(scope="module")
def through_sidecars(road_of_sidecars: Road, cases: dict[str, list[Case]]) -> dict[str, list[Outcome]]:
    """Every case, in as few pieces as can be, by way of two sidecars."""
    return {name: [road_of_sidecars.send(case.name, case.steps, 0) for case in cases[name]] for name in CORPORA}


@pytest.fixture(scope="module")
def outcomes(
    cases: dict[str, list[Case]],
    whole: dict[str, list[Outcome]],
    octet_by_octet: dict[str, list[Outcome]],
    through_sidecars: dict[str, list[Outcome]],
) -> list[tuple[Case, Outcome]]:
    """Every case with what came of it, once for each way of sending it."""
    return [
        (case, outcome)
        for name in CORPORA
        for way in (whole, octet_by_octet, through_sidecars)
        for case, outcome in zip(cases[name], way[name], strict=True)
    ]


def of_corpus(name: str, outcomes: list[tuple[Case, Outcome]]) -> list[tuple[str, Case, Outcome]]:
    return [(case.about["name"], case, outcome) for case, outcome in outcomes if case.name.startswith(name + "/")]


def test_strict_llhttp_takes_everything_that_reached_the_backend(
    road: Road, road_of_sidecars: Road, outcomes: list[tuple[Case, Outcome]]
) -> None:
    assert len(outcomes) > 1000
    for each in (road, road_of_sidecars):
        assert len(each.backend.requests()) > 1000
        refused = [(one.refusal, bytes(one.octets[-400:])) for one in each.backend.connections if one.refusal]
        assert refused == []


def test_each_request_that_reached_the_backend_was_answered_to_its_client_in_order(outcomes: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in outcomes:
        answered = [answer.number for answer in outcome.final if answer.number]
        assert answered == [request.number for request in outcome.received], case.name


def test_the_backend_received_what_the_machines_understood(
    outcomes: list[tuple[Case, Outcome]], relay: Callable[..., Any]
) -> None:
    """Pools and sockets change nothing; the machines' reading is held to h11 and llhttp elsewhere."""
    for case, outcome in outcomes:
        # No route serves CONNECT, so that the proxy answers it itself.
        expected = [(each[0], each[1], each[3]) for each in relay(case.octets).complete if each[0] != "CONNECT"]
        assert [(each.method, each.target, each.body) for each in outcome.received] == expected, case.name


def test_http11probe_what_must_be_refused_is_refused(outcomes: list[tuple[Case, Outcome]]) -> None:
    rejected = [each for each in of_corpus("http11probe", outcomes) if each[1].about["expected"]["verdict"] == "reject"]
    assert len(rejected) > 200
    for name, _, outcome in rejected:
        assert outcome.is_refused == (name not in set(NOT_REFUSED) - set(REFUSED_BY_PROXY)), (name, outcome)
        if outcome.is_refused:
            # Of a body that turns out wrong on its way, the right part may be on its own; it never becomes a request.
            assert len(outcome.received) == len([answer for answer in outcome.final if answer.status < 400]), name


def test_http11probe_what_must_be_served_is_served(outcomes: list[tuple[Case, Outcome]]) -> None:
    served = [each for each in of_corpus("http11probe", outcomes) if each[1].about["expected"]["verdict"] == "accept"]
    assert len(served) > 40
    for name, _, outcome in served:
        assert outcome.is_refused == (name in NOT_ACCEPTED), (name, outcome)


def test_llhttp_what_strict_mode_refuses_is_not_forwarded(outcomes: list[tuple[Case, Outcome]]) -> None:
    refused = [
        each
        for each in of_corpus("llhttp", outcomes)
        if each[1].about["mode"] == "strict" and each[1].about["expected"]["verdict"] == "reject"
    ]
    assert len(refused) > 80
    for name, case, outcome in refused:
        expected = case.about["expected"]
        assert len(outcome.received) <= expected["messages_complete"], name
        # Where the client said that it would close, what follows is not read at all, which is as good as a refusal.
        assert outcome.is_refused or expected["error"] == AFTER_CLOSE, name


def test_gunicorn_what_is_invalid_is_refused(outcomes: list[tuple[Case, Outcome]]) -> None:
    invalid = [each for each in of_corpus("gunicorn", outcomes) if each[1].about["expected"]["verdict"] == "reject"]
    assert len(invalid) > 100
    for name, _, outcome in invalid:
        assert outcome.is_refused == (name not in FORWARDED), (name, outcome)


def test_only_sound_heads_of_broken_bodies_reach_the_backend(outcomes: list[tuple[Case, Outcome]]) -> None:
    """Whatever is given up half-way had a head that is right; a request with a wrong head leaves no octet."""
    broken = [(case, octets) for case, outcome in outcomes for octets in outcome.broken_off]
    assert broken
    for case, octets in broken:
        head, end, _ = octets.partition(b"\r\n\r\n")
        assert end, (case.name, octets)
        fields = head.lower()
        assert b"\r\ncontent-length: " in fields or b"\r\ntransfer-encoding: chunked" in fields, (case.name, octets)


def test_how_the_octets_are_cut_changes_nothing(
    cases: dict[str, list[Case]], whole: dict[str, list[Outcome]], octet_by_octet: dict[str, list[Outcome]]
) -> None:
    for name in CORPORA:
        for case, one, other in zip(cases[name], whole[name], octet_by_octet[name], strict=True):
            assert [answer.status for answer in one.final] == [answer.status for answer in other.final], case.name
            assert _comparable(one) == _comparable(other), case.name


def test_sidecars_understand_what_a_gateway_does(
    cases: dict[str, list[Case]], whole: dict[str, list[Outcome]], through_sidecars: dict[str, list[Outcome]]
) -> None:
    for name in CORPORA:
        for case, one, other in zip(cases[name], whole[name], through_sidecars[name], strict=True):
            assert [answer.status for answer in one.final] == [answer.status for answer in other.final], case.name
            requests = [[(each.method, each.target, each.body) for each in outcome.received] for outcome in (one, other)]
            assert requests[0] == requests[1], case.name


def _comparable(outcome: Outcome) -> list[tuple[str, str, list[tuple[str, str]], bytes]]:
    """What was received, without the identifiers that each request is given."""
    return [
        (each.method, each.target, [pair for pair in each.fields if pair[0] != "x-request-id"], each.body)
        for each in outcome.received
    ]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\nHost: a.test\n\n\x00",
        b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\nGET",
        b"G@T / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ],
)
def test_the_recording_backend_refuses_what_is_wrong(octets: bytes) -> None:
    with recording_backend() as backend, socket.create_connection(("127.0.0.1", backend.port), PATIENCE) as stream:
        stream.sendall(octets)
        with contextlib.suppress(ConnectionResetError):
            while stream.recv(65536):  # answered up to the fault, then closed
                pass
        [connection] = backend.connections
        assert connection.refusal


def test_octets_that_belong_to_no_answer_are_noticed() -> None:
    with pytest.raises(AssertionError):
        parse_answers(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nleft over")
