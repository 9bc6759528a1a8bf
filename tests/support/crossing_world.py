"""A simulated proxy in the middle of everything, its clients, and what must have become of each request behind a change."""

import re
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Final, NamedTuple

from crossing_changes import BOOKS, CHANGES, OTHER, OUTBOUND, SERVICE, Change, make_snapshot
from crossing_servers import Server, body_of
from h2_browser import Browser
from plugin_fixtures import filters_host

from hauberk_core.http.h2.client import H2Client
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
DRAIN: Final = "the process drains"
"""What may happen besides a change of the configuration."""
SEEDS: Final = (None, 1, 2)
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

    def ask(self, path: bytes, begin: int = 0, end: int | None = None, method: bytes = b"POST") -> None:
        """Send a part of a request."""
        rest = b"Content-Length: 4\r\n\r\nbody" if method == b"POST" else b"\r\n"
        self.peer.send((method + b" " + path + b" HTTP/1.1\r\nHost: a.test\r\n" + rest)[begin:end])

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


def browser_on(peer: Peer) -> Browser:
    # Ours: h2 takes every GOAWAY for the end of the connection.
    return Browser(peer, H2Client(HttpLimits()))


def post(browser: Browser, path: str, body: bytes = b"") -> int:
    """Begin a request. Returns: its stream."""
    return browser.ask("POST", path, body=body)


def end_stream(browser: Browser, stream: int, rest: bytes = b"body") -> None:
    if browser.machine.is_open(stream):
        # It is not answered already.
        browser.machine.send_data(stream, rest)
        browser.machine.send_end(stream, None)
        browser.talk()


def hear_stream(world: World, browser: Browser, path: bytes, stream: int) -> None:
    world.rest()
    status, fields, body, ending = browser.answer(stream)
    # An answer of the proxy's own may come before the request's end, of which nothing is wanted then.
    assert ending in ("end", "reset 0"), (path, status, ending)
    world.answers[path] = (status, fields.get("hauberk-reason", ""), body)


def expect_echo(world: World, peer: Peer) -> None:
    peer.send(b"hello")
    world.rest()
    assert peer.received() == b"HELLO"
    peer.half_close()
    world.rest()
    assert peer.saw_end()


Moment = Callable[[World], Generator[None]]


class Case(NamedTuple):
    """What a moment needs."""

    moment: Moment
    settings: dict[str, Any] = {}  # noqa: RUF012 - read only
    """Of the snapshot, or of the world."""
    passes: bool = False
    """Whether it is not HTTP that is spoken."""


def cross_with_each_change(case: Case, number: int, but: tuple[str, ...] = ()) -> None:
    """Cross a moment with every change.

    Args: number - of the moment: over several, each change meets whole transfers and cut ones; but - changes that are left out.
    """
    for place, change in enumerate([*CHANGES, DRAIN]):
        if change in but:
            continue
        seed = SEEDS[(number + place) % len(SEEDS)]
        world = World(seed, **case.settings)
        with world.proxy:
            try:
                _cross(world, case.moment(world), CHANGES.get(change))
            except Exception as error:
                error.add_note(f"crossed by: {change}, with transfers cut by {seed}")
                raise


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
