"""Bodies that are complete before they go on; what is kept whole and how is `test_wishes.py`'s."""

from typing import TYPE_CHECKING

import msgspec
import pytest
from plugin_fixtures import GivenEntry, use

from hauberk_buffering import plugin
from hauberk_core.plugin.host import data_host

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

TEN = {"maxBytes": 10}


def buffering(build: "Build", **config: object) -> "Scenario":
    uses = (use("buffering", msgspec.json.encode(config).decode()),)
    return build(route={"plugins": uses}, plugins=data_host([GivenEntry("buffering", plugin)]))


def request(*fields: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: a.test", b"Transfer-Encoding: chunked", *fields, b"", b"3\r\nabc\r\n"])


def response(*fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *fields, b"", b"3\r\nabc\r\n"])


@pytest.mark.parametrize("config", [{"request": TEN}, {"response": TEN}, {"request": TEN, "response": TEN}])
def test_each_direction_is_kept_where_it_is_asked_for(build: "Build", config: dict[str, object]) -> None:
    scenario = buffering(build, **config)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(request())
    scenario.run()
    assert (endpoint.connections() == []) == ("request" in config)
    client.send(b"0\r\n\r\n")
    scenario.run()
    endpoint.connection().send(response())
    assert (client.received() == b"") == ("response" in config)
    endpoint.connection().send(b"0\r\n\r\n")
    scenario.run()
    assert scenario.log() == [(200, "")]


@pytest.mark.parametrize("kind", [b"application/grpc+proto", b"text/event-stream; charset=utf-8", b"Application/x-NDJSON"])
def test_streams_are_let_through(build: "Build", kind: bytes) -> None:
    scenario = buffering(build, request=TEN, response=TEN)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(request(b"Content-Type: " + kind))
    scenario.run()
    assert endpoint.connection().received().endswith(b"3\r\nabc\r\n")
    endpoint.connection().send(response(b"Content-Type: " + kind))
    assert client.received().endswith(b"3\r\nabc\r\n")
    endpoint.connection().send(b"0\r\n\r\n")
    client.send(b"0\r\n\r\n")
    scenario.run()
    assert scenario.log() == [(200, "")]


def test_a_request_that_is_longer_is_refused(build: "Build") -> None:
    scenario = buffering(build, request=TEN)
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 413 ")
    client.send(b"x" * 11)
    assert scenario.log() == [(413, "body_too_large")]
