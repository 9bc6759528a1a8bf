"""No moment in the life of a client's connection, crossed by any change of the configuration, loses a request.

A moment is a generator: what stands before its `yield` leads there, the change happens at it, and what stands behind goes on as
if nothing had happened. Each moment meets each change, with whole transfers and with cut ones. A client that did everything right
then has one right answer to each request. Where nobody serves any more what it asks for, and it had not been sent on yet, the
answer says so (404 or 503 with a reason). No endpoint sees a request twice: all of them are POSTs.
"""

from collections.abc import Generator
from typing import Any, Final

import pytest
from crossing_changes import CHANGES, make_snapshot
from crossing_world import SILENCE, Case, Client, Moment, Slow, World, cross_with_each_change, expect_echo

from hauberk_core.model.check import check_snapshot

GREETING: Final = b"\x00220 at your service\n"


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
    expect_echo(world, client.peer)


def tunnel_open(world: World) -> Generator[None]:
    client = Client(world)
    client.peer.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    world.rest()
    assert client.peer.received().startswith(b"HTTP/1.1 101 ")
    yield
    world.rest(2.0)
    expect_echo(world, client.peer)


def octets_passing(world: World) -> Generator[None]:
    peer = Client(world).peer
    peer.send(b"\x01one")
    world.rest()
    assert peer.received() == b"\x01ONE"
    yield
    world.rest(2.0)
    world.passed.append(True)
    expect_echo(world, peer)


def octets_after_silence(world: World) -> Generator[None]:
    peer = Client(world).peer
    world.rest(SILENCE)
    yield
    peer.send(b"\x01one")
    world.rest()
    world.passed.append(peer.received() == b"\x01ONE")


def server_first(world: World) -> Generator[None]:
    """The endpoint is dialled beside, and about to speak."""
    peer = Client(world).peer
    world.proxy.advance(SILENCE)
    yield
    world.rest(SILENCE)
    world.passed.append(peer.received() == GREETING)


DETECT: Final[dict[str, Any]] = {"protocol": "detect"}
TCP: Final[dict[str, Any]] = {"protocol": "tcp"}
# What the proxy first looks at when no chain takes it is refused, as whoever comes later is.
NEWCOMER: Final = ("the chain is gone",)

MOMENTS: Final[dict[str, Case]] = {
    "accepted": Case(accepted),
    "queued": Case(queued),
    "half of the head": Case(half_of_the_head),
    "half of the body": Case(half_of_the_body),
    "in a filter": Case(in_a_filter, {"plugin": "slow"}),
    "request forwarded": Case(answer_kept("all")),
    "response head": Case(answer_kept("body")),
    "half of the response": Case(answer_kept("half")),
    "kept idle": Case(kept_idle),
    "next request crossing": Case(next_crossing),
    "half of the next request": Case(half_of_the_next),
    "upgrade asked": Case(upgrade_asked),
    "tunnel open": Case(tunnel_open),
    "undecided: accepted": Case(accepted, DETECT),
    "undecided: queued": Case(queued, DETECT),
    "undecided: silent": Case(silent, DETECT),
    "undecided: half of a line": Case(half_of_a_line, DETECT),
    "undecided: octets": Case(octets_after_silence, DETECT),
    "undecided: the endpoint speaks first": Case(server_first, DETECT | {"greeting": GREETING}),
    "octets passing": Case(octets_passing, TCP),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_crossed_by_each_change(moment: str) -> None:
    but = NEWCOMER if moment.endswith("queued") else ()
    cross_with_each_change(MOMENTS[moment], list(MOMENTS).index(moment), but)


@pytest.mark.parametrize("protocol", ["http", "detect", "tcp"])
def test_all_changes_lead_to_sound_configurations(protocol: str) -> None:
    for change in CHANGES.values():
        assert check_snapshot(change.to(make_snapshot(protocol))) == []
