"""No moment in the life of a client's connection, crossed by any change of the configuration, loses a request.

A moment is a generator: what stands before its `yield` leads there, the change happens at it, and what stands behind goes on as
if nothing had happened. Each moment meets each change, with whole transfers and with cut ones. A client that did everything right
then has one right answer to each request. Where nobody serves any more what it asks for, and it had not been sent on yet, the
answer says so (404 or 503 with a reason). No endpoint sees a request twice: all of them are POSTs.
"""

import re
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Final, NamedTuple

import pytest
from crossing_changes import BOOKS, CHANGES, OTHER, OUTBOUND, SERVICE, Change, make_snapshot
from crossing_servers import Server, body_of
from h2_browser import Browser
from plugin_fixtures import filters_host

from hauberk_core.http.h2.client import H2Client
from hauberk_core.model.check import check_snapshot
from hauberk_core.model.listener import HttpLimits
from hauberk_core.plugin.data import AsyncFilter, Exchange, SyncFilter
from hauberk_core.sim.peer import Peer
from hauberk_core.sim.simulation import Simulation
from hauberk_core.sim.waiting import Gate

WORKLOAD: Final = "192.0.2.11"
"""Whose connections are captured."""
# Longer than a client of HTTP is silent, shorter than an ended connection may be.
SILENCE: Final = 0.1
# Longer than anybody may take to say goodbye.
LAST_WORDS_SECONDS: Final = 3.0
GREETING: Final = b"\x00220 at your service\n"
_ANSWER: Final = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)


class Careful(SyncFilter):
    """Must not be asked once nobody uses it."""

    closed = False

    def request(self, exchange: Exchange) -> None:
        assert not self.closed, "a filter is asked that was closed"

    def response(self, exchange: Exchange) -> None:
        assert not self.closed, "a filter is asked that was closed"

    def close(self) -> None:
        self.closed = True


class Slow(AsyncFilter):
    """Lets a request wait until the gate of its world opens."""

    gate: ClassVar[Gate] = Gate()

    async def request(self, exchange: Exchange) -> None:
        await self.gate


PLUGINS: Final = filters_host(careful=lambda config: Careful(), slow=lambda config: Slow())


class World:
    """A proxy, two endpoints, and what became of each request."""

    def __init__(self, seed: int | None, greeting: bytes = b"", listens: bool = True, **settings: Any) -> None:
        Slow.gate = Gate()
        self.proxy: Final = Simulation(make_snapshot(**settings), seed, plugins=PLUGINS)
        self.proxy.network.capture(WORKLOAD, OUTBOUND)
        self.servers: Final = [Server(self.proxy.endpoint(OTHER), greeting)]
        if listens:
            self.listen(greeting)
        self.sent_on: Final[set[bytes]] = set()
        """Paths that had come to an endpoint when the change happened."""
        self.answers: Final[dict[bytes, tuple[int, str, bytes]]] = {}
        """Status, reason and body of each request's one answer."""
        self.clients: Final[list[Peer]] = []
        self.passed: Final[list[bool]] = []
        """Of clients that do not speak HTTP: whether all that they were promised came to them."""

    def close(self) -> None:
        """Let everything come to its end: nothing may be left, and nothing may have failed."""
        for client in self.clients:
            client.close()
        self.rest(LAST_WORDS_SECONDS)
        assert self.proxy.faults == []
        assert self.proxy.plugin_faults == []
        assert self.proxy.core.active() == 0
        # Of clusters that were replaced or removed no connection is kept.
        kept = sum(runtime.cluster.open_connections() for runtime in self.proxy.core.clusters())
        listening = 0 if self.proxy.core.draining else len(self.proxy.snapshot.listeners)
        assert self.proxy.loop.descriptors() == listening + kept

    def listen(self, greeting: bytes = b"") -> None:
        """Have somebody listen at the endpoint's address."""
        self.servers.insert(0, Server(self.proxy.endpoint(BOOKS), greeting))

    def asked(self) -> list[bytes]:
        """The paths of all requests that have come to endpoints."""
        return [path for server in self.servers for path in server.asked]

    def rest(self, seconds: float = 0.0) -> None:
        """Let everybody act until nobody can, and then time pass."""
        self.proxy.run()
        busy = True
        while busy:
            busy = False
            for server in self.servers:
                busy = server.serve() or busy
            self.proxy.run()
        if seconds:
            self.proxy.advance(seconds)
            self.rest()

    def hold(self, what: str) -> None:
        """Have endpoints keep part of their answers."""
        for server in self.servers:
            server.holding = what

    def release(self) -> None:
        """Have them send it."""
        for server in self.servers:
            server.release()
        self.rest()


class Client:
    """One that speaks HTTP/1.1."""

    def __init__(self, world: World) -> None:
        self.world: Final = world
        self.peer: Final[Peer] = world.proxy.client(f"{SERVICE}:80", WORKLOAD)
        world.clients.append(self.peer)
        self.octets = b""

    def ask(self, path: bytes, begin: int = 0, end: int | None = None, fields: bytes = b"") -> None:
        """Send a part of a request."""
        self.peer.send(
            (b"POST " + path + b" HTTP/1.1\r\nHost: a.test\r\n" + fields + b"Content-Length: 4\r\n\r\nbody")[begin:end]
        )

    def hear(self, *paths: bytes) -> None:
        """Note the answers to these requests, which must be all that has come."""
        self.world.rest()
        octets = self.octets + self.peer.received()
        for path in paths:
            head = _ANSWER.match(octets)
            assert head is not None, f"{path!r}: no answer, but {octets[:200]!r}, end {self.peer.saw_end()}"
            fields = dict(line.lower().split(b": ", 1) for line in head[2].split(b"\r\n"))
            length = int(fields[b"content-length"])
            body = octets[head.end() : head.end() + length]
            octets = octets[head.end() + length :]
            assert len(body) == length, f"{path!r}: cut after {len(body)} of {length} octets"
            self.world.answers[path] = (int(head[1]), fields.get(b"hauberk-reason", b"").decode(), body)
        assert octets == b""
        assert not self.peer.saw_reset()


Moment = Callable[[World], Generator[None]]


def accepted(world: World) -> Generator[None]:
    client = Client(world)
    world.rest()
    yield
    client.ask(b"/a")
    client.hear(b"/a")


def queued(world: World) -> Generator[None]:
    """The kernel has the connection and its request, the proxy has not looked yet."""
    client = Client(world)
    client.ask(b"/a")
    client.peer.act()
    yield
    client.hear(b"/a")


def silent(world: World) -> Generator[None]:
    client = Client(world)
    world.rest(SILENCE)
    yield
    client.ask(b"/a")
    client.hear(b"/a")


def half_of_a_line(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a", 0, 7)
    world.rest()
    yield
    world.rest(2.0)
    client.ask(b"/a", 7)
    client.hear(b"/a")


def half_of_the_head(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a", 0, 30)
    world.rest()
    yield
    world.rest(2.0)
    client.ask(b"/a", 30)
    client.hear(b"/a")


def half_of_the_body(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a", 0, -2)
    world.rest()
    world.sent_on.add(b"/a")
    yield
    world.rest(2.0)
    client.ask(b"/a", -2)
    client.hear(b"/a")


def in_a_filter(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a")
    world.rest()
    assert world.asked() == []
    yield
    world.rest()
    Slow.gate.open()
    client.hear(b"/a")


def endpoint_being_dialled(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a")
    client.peer.act()
    before = world.proxy.network.descriptors()
    while world.proxy.network.descriptors() == before:
        world.proxy.loop.run_ready()
    yield
    client.hear(b"/a")


def waiting_for_a_place(world: World) -> Generator[None]:
    world.hold("all")
    first, second = Client(world), Client(world)
    first.ask(b"/a")
    world.rest()
    second.ask(b"/b")
    world.rest()
    assert world.asked() == [b"/a"]
    yield
    world.rest()
    world.release()
    first.hear(b"/a")
    second.hear(b"/b")


def answer_kept(part: str) -> Moment:
    def moment(world: World) -> Generator[None]:
        world.hold(part)
        client = Client(world)
        client.ask(b"/a")
        world.rest()
        assert world.asked() == [b"/a"]
        yield
        world.rest(2.0)
        world.release()
        client.hear(b"/a")

    return moment


def kept_idle(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a")
    client.hear(b"/a")
    yield
    world.rest(SILENCE)
    client.ask(b"/b")
    client.hear(b"/b")


def next_crossing(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a")
    client.hear(b"/a")
    client.ask(b"/b")
    client.peer.act()
    yield
    client.hear(b"/b")


def half_of_the_next(world: World) -> Generator[None]:
    client = Client(world)
    client.ask(b"/a")
    client.hear(b"/a")
    client.ask(b"/b", 0, 9)
    world.rest()
    yield
    world.rest(2.0)
    client.ask(b"/b", 9)
    client.hear(b"/b")


def upgrade_asked(world: World) -> Generator[None]:
    world.hold("all")
    client = Client(world)
    client.peer.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    world.rest()
    assert world.asked() == [b"/a"]
    yield
    world.rest()
    world.release()
    assert client.peer.received().startswith(b"HTTP/1.1 101 ")
    _expect_echo(world, client.peer)


def tunnel_open(world: World) -> Generator[None]:
    client = Client(world)
    client.peer.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    world.rest()
    assert client.peer.received().startswith(b"HTTP/1.1 101 ")
    yield
    world.rest(2.0)
    _expect_echo(world, client.peer)


def _expect_echo(world: World, peer: Peer) -> None:
    peer.send(b"hello")
    world.rest()
    assert peer.received() == b"HELLO"
    peer.half_close()
    world.rest()
    assert peer.saw_end()


def preface_half(world: World) -> Generator[None]:
    client = Client(world)
    browser = _browser(client.peer)
    octets = browser.machine.take_output()
    client.peer.send(octets[:10])
    world.rest()
    yield
    world.rest(2.0)
    client.peer.send(octets[10:])
    stream = _post(browser, "/a")
    _end(browser, stream)
    _hear_stream(world, browser, b"/a", stream)


def stream_open(world: World) -> Generator[None]:
    world.hold("half")
    browser = _browser(Client(world).peer)
    stream = _post(browser, "/a")
    _end(browser, stream)
    world.rest()
    assert world.asked() == [b"/a"]
    yield
    # Another that crosses.
    other = _post(browser, "/b")
    _end(browser, other)
    world.rest(SILENCE)
    world.release()
    _hear_stream(world, browser, b"/b", other)
    _hear_stream(world, browser, b"/a", stream)


def stream_half_sent(world: World) -> Generator[None]:
    browser = _browser(Client(world).peer)
    stream = _post(browser, "/a", b"bo")
    world.rest()
    world.sent_on.add(b"/a")
    yield
    world.rest(2.0)
    _end(browser, stream, b"dy")
    _hear_stream(world, browser, b"/a", stream)


def stream_after_rest(world: World) -> Generator[None]:
    browser = _browser(Client(world).peer)
    stream = _post(browser, "/a")
    _end(browser, stream)
    _hear_stream(world, browser, b"/a", stream)
    yield
    world.rest(SILENCE)
    stream = _post(browser, "/b")
    _end(browser, stream)
    _hear_stream(world, browser, b"/b", stream)


def _browser(peer: Peer) -> Browser:
    # Ours: h2 takes every GOAWAY for the end of the connection.
    return Browser(peer, H2Client(HttpLimits()))


def _post(browser: Browser, path: str, body: bytes = b"") -> int:
    """Begin a request. Returns: its stream."""
    return browser.ask("POST", path, body=body)


def _end(browser: Browser, stream: int, rest: bytes = b"body") -> None:
    if browser.machine.is_open(stream):
        # It is not answered already.
        browser.machine.send_data(stream, rest)
        browser.machine.send_end(stream, None)
        browser.talk()


def _hear_stream(world: World, browser: Browser, path: bytes, stream: int) -> None:
    world.rest()
    status, fields, body, ending = browser.answer(stream)
    # An answer of the proxy's own may come before the request's end, of which nothing is wanted then.
    assert ending in ("end", "reset 0"), (path, status, ending)
    world.answers[path] = (status, fields.get("hauberk-reason", ""), body)


def octets_passing(world: World) -> Generator[None]:
    peer = Client(world).peer
    peer.send(b"\x01one")
    world.rest()
    assert peer.received() == b"\x01ONE"
    yield
    world.rest(2.0)
    world.passed.append(True)
    _expect_echo(world, peer)


def octets_after_silence(world: World) -> Generator[None]:
    peer = Client(world).peer
    world.rest(SILENCE)
    yield
    peer.send(b"\x01one")
    world.rest()
    world.passed.append(peer.received() == b"\x01ONE")


def octets_waiting_for_a_place(world: World) -> Generator[None]:
    world.hold("all")
    first = Client(world)
    first.ask(b"/a")
    world.rest()
    peer = Client(world).peer
    peer.send(b"\x01one")
    world.rest()
    yield
    world.rest()
    world.release()
    first.hear(b"/a")
    first.peer.close()
    world.rest()
    world.passed.append(peer.received() == b"\x01ONE")


def server_first(world: World) -> Generator[None]:
    """The endpoint is dialled beside, and about to speak."""
    peer = Client(world).peer
    world.proxy.advance(SILENCE)
    yield
    world.rest(SILENCE)
    world.passed.append(peer.received() == GREETING)


@pytest.mark.parametrize("protocol", ["http", "detect", "tcp"])
def test_all_changes_lead_to_sound_configurations(protocol: str) -> None:
    for change in CHANGES.values():
        assert check_snapshot(change.to(make_snapshot(protocol))) == []


class Case(NamedTuple):
    """What a moment needs."""

    moment: Moment
    settings: dict[str, Any] = {}  # noqa: RUF012 - read only
    """Of the snapshot, or of the world."""
    passes: bool = False
    """Whether it is not HTTP that is spoken."""


SEEDS: Final = (None, 1, 2)
DRAIN: Final = "the process drains"
# What the proxy first looks at when no chain takes it is refused, as whoever comes later is.
NEWCOMERS: Final = (("queued", "the chain is gone"), ("undecided: queued", "the chain is gone"))
ONE_PLACE: Final[dict[str, Any]] = {"max_connections": 1}
DETECT: Final[dict[str, Any]] = {"protocol": "detect"}
TCP: Final[dict[str, Any]] = {"protocol": "tcp"}
SHARED: Final[dict[str, Any]] = {"cluster_protocol": "http2"}

MOMENTS: Final[dict[str, Case]] = {
    "accepted": Case(accepted),
    "queued": Case(queued),
    "half of the head": Case(half_of_the_head),
    "half of the body": Case(half_of_the_body),
    "in a filter": Case(in_a_filter, {"plugin": "slow"}),
    "endpoint being dialled": Case(endpoint_being_dialled),
    "waiting for a place": Case(waiting_for_a_place, ONE_PLACE),
    "request forwarded": Case(answer_kept("all")),
    "response head": Case(answer_kept("body")),
    "half of the response": Case(answer_kept("half")),
    "kept idle": Case(kept_idle),
    "next request crossing": Case(next_crossing),
    "half of the next request": Case(half_of_the_next),
    "upgrade asked": Case(upgrade_asked),
    "tunnel open": Case(tunnel_open),
    "half of the preface": Case(preface_half),
    "stream open": Case(stream_open),
    "stream half sent": Case(stream_half_sent),
    "stream after a rest": Case(stream_after_rest),
    "undecided: accepted": Case(accepted, DETECT),
    "undecided: queued": Case(queued, DETECT),
    "undecided: silent": Case(silent, DETECT),
    "undecided: half of a line": Case(half_of_a_line, DETECT),
    "undecided: half of the preface": Case(preface_half, DETECT),
    "undecided: octets": Case(octets_after_silence, DETECT, True),
    "undecided: the endpoint speaks first": Case(server_first, DETECT | {"greeting": GREETING}, True),
    "octets passing": Case(octets_passing, TCP, True),
    "octets waiting for a place": Case(octets_waiting_for_a_place, DETECT | ONE_PLACE, True),
    "shared: request forwarded": Case(answer_kept("all"), SHARED),
    "shared: half of the response": Case(answer_kept("half"), SHARED),
    "shared: endpoint being dialled": Case(endpoint_being_dialled, SHARED),
    "shared: kept idle": Case(kept_idle, SHARED),
    "shared: stream open": Case(stream_open, SHARED),
    "shared: half of the body": Case(half_of_the_body, SHARED),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_crossed_by_each_change(moment: str) -> None:
    # Over all moments, each change meets whole transfers and cut ones.
    first = list(MOMENTS).index(moment)
    for number, change in enumerate([*CHANGES, DRAIN]):
        if (moment, change) not in NEWCOMERS:
            try:
                cross(MOMENTS[moment], CHANGES.get(change), SEEDS[(first + number) % len(SEEDS)])
            except Exception as error:
                error.add_note(f"crossed by: {change}")
                raise


def cross(case: Case, change: Change | None, seed: int | None) -> None:
    """Let a change happen in a moment. Args: change - None: the process drains."""
    world = World(seed, **case.settings)
    with world.proxy:
        _cross(world, case.moment(world), change)


def _cross(world: World, going: Generator[None], change: Change | None) -> None:
    next(going)
    asked = set(world.asked()) | world.sent_on
    if change is None:
        world.proxy.core.drain()
    else:
        world.proxy.apply(change.to(world.proxy.snapshot))
    list(going)
    serves = change is None or change.serves
    for path, (status, reason, body) in world.answers.items():
        if status == 200:
            assert body == body_of(path)
        else:
            assert not serves, f"{path!r} was answered {status} {reason}"
            assert path not in asked, f"{path!r} was sent on, and then answered {status} {reason}"
            assert (status in (404, 500, 503), bool(reason)) == (True, True), f"{path!r} was answered {status} {reason}"
        assert world.asked().count(path) == (1 if status == 200 else 0)
    if change is None or (change.serves and change.passes):
        assert all(world.passed)
    world.close()
