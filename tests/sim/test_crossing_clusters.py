"""As `test_crossing.py`, for requests on their way to an endpoint: whatever becomes of their cluster, each has its answer."""

from collections.abc import Generator
from typing import Any, Final

import pytest
from crossing_changes import BOOKS
from crossing_world import Case, Client, Moment, World, cross_with_each_change

from hauberk_core.sim.network import Fate


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


def endpoint_not_there_yet(world: World) -> Generator[None]:
    """The attempt under way will fail, and the next one find somebody."""
    world.proxy.network.doom(BOOKS, Fate.BLACK_HOLE)
    client = Client(world)
    client.ask(b"/a")
    world.rest(1.0)
    yield
    world.listen()
    world.rest(6.0)
    client.hear(b"/a")


def pause_before_another_attempt(world: World) -> Generator[None]:
    world.servers[0].refuses = 1
    client = Client(world)
    client.ask(b"/a")
    world.rest()
    assert world.servers[0].refuses == 0
    assert world.asked() == []
    yield
    world.rest(1.0)
    client.hear(b"/a")


def kept_connection_ended(world: World) -> Generator[None]:
    """A request crosses the end of the kept connection that it was sent on; the proxy has yet to see that."""
    client = Client(world)
    client.ask(b"/a")
    client.hear(b"/a")
    client.ask(b"/b", method=b"GET")
    client.peer.act()
    world.proxy.loop.run_ready()
    world.servers[0].close_idle()
    yield
    client.hear(b"/b")


def greeting_awaited(world: World) -> Generator[None]:
    """Several requests wait for one connection, whose endpoint has not said how many it takes."""
    world.servers[0].is_deaf = True
    clients = [Client(world) for _ in range(4)]
    for number, client in enumerate(clients):
        client.ask(b"/%d" % number)
    world.rest()
    assert world.asked() == []
    yield
    world.rest()
    world.servers[0].is_deaf = False
    for number, client in enumerate(clients):
        client.hear(b"/%d" % number)


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


DETECT: Final[dict[str, Any]] = {"protocol": "detect"}
SHARED: Final[dict[str, Any]] = {"cluster_protocol": "http2"}
ONE_PLACE: Final[dict[str, Any]] = {"max_connections": 1}

MOMENTS: Final[dict[str, Case]] = {
    "endpoint being dialled": Case(endpoint_being_dialled),
    "endpoint not there yet": Case(endpoint_not_there_yet, {"listens": False}),
    "waiting for a place": Case(waiting_for_a_place, ONE_PLACE),
    "octets waiting for a place": Case(octets_waiting_for_a_place, DETECT | ONE_PLACE),
    "pause before another attempt": Case(pause_before_another_attempt, {"retries": True}),
    "kept connection ended": Case(kept_connection_ended),
    "shared: endpoint being dialled": Case(endpoint_being_dialled, SHARED),
    "shared: endpoint not there yet": Case(endpoint_not_there_yet, SHARED | {"listens": False}),
    "shared: greeting awaited": Case(greeting_awaited, SHARED),
    "shared: request forwarded": Case(answer_kept("all"), SHARED),
    "shared: half of the response": Case(answer_kept("half"), SHARED),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_crossed_by_each_change(moment: str) -> None:
    cross_with_each_change(MOMENTS[moment], list(MOMENTS).index(moment))
