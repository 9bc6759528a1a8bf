"""As `test_crossing.py`, for clients that speak HTTP/2: no stream is lost, whatever changes."""

from collections.abc import Generator
from typing import Any, Final

import pytest
from crossing_world import SILENCE, Case, Client, World, browser_on, cross_with_each_change, end_stream, hear_stream, post


def preface_half(world: World) -> Generator[None]:
    client = Client(world)
    browser = browser_on(client.peer)
    octets = browser.machine.take_output()
    client.peer.send(octets[:10])
    world.rest()
    yield
    world.rest(2.0)
    client.peer.send(octets[10:])
    stream = post(browser, "/a")
    end_stream(browser, stream)
    hear_stream(world, browser, b"/a", stream)


def stream_open(world: World) -> Generator[None]:
    world.hold("half")
    browser = browser_on(Client(world).peer)
    stream = post(browser, "/a")
    end_stream(browser, stream)
    world.rest()
    assert world.asked() == [b"/a"]
    yield
    # Another that crosses.
    other = post(browser, "/b")
    end_stream(browser, other)
    world.rest(SILENCE)
    world.release()
    hear_stream(world, browser, b"/b", other)
    hear_stream(world, browser, b"/a", stream)


def stream_half_sent(world: World) -> Generator[None]:
    browser = browser_on(Client(world).peer)
    stream = post(browser, "/a", b"bo")
    world.rest()
    world.sent_on.add(b"/a")
    yield
    world.rest(2.0)
    end_stream(browser, stream, b"dy")
    hear_stream(world, browser, b"/a", stream)


def stream_after_rest(world: World) -> Generator[None]:
    browser = browser_on(Client(world).peer)
    stream = post(browser, "/a")
    end_stream(browser, stream)
    hear_stream(world, browser, b"/a", stream)
    yield
    world.rest(SILENCE)
    stream = post(browser, "/b")
    end_stream(browser, stream)
    hear_stream(world, browser, b"/b", stream)


DETECT: Final[dict[str, Any]] = {"protocol": "detect"}
SHARED: Final[dict[str, Any]] = {"cluster_protocol": "http2"}

MOMENTS: Final[dict[str, Case]] = {
    "half of the preface": Case(preface_half),
    "stream open": Case(stream_open),
    "stream half sent": Case(stream_half_sent),
    "stream after a rest": Case(stream_after_rest),
    "undecided: half of the preface": Case(preface_half, DETECT),
    "shared: stream open": Case(stream_open, SHARED),
    "shared: stream half sent": Case(stream_half_sent, SHARED),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_crossed_by_each_change(moment: str) -> None:
    cross_with_each_change(MOMENTS[moment], list(MOMENTS).index(moment))
