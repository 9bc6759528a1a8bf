"""Wishes of filters, and answers of traffic features, over HTTP/2 and to gRPC clients."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from h2_browser import Browser
from plugin_fixtures import GivenEntry, filters_host, use

import hauberk_fault.plugin
import hauberk_limits.plugin
import hauberk_ratelimit.plugin
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.plugin.data import Exchange, Pause, SyncFilter, Whole, Wish
from hauberk_core.plugin.host import data_host

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

LARGE = bytes(range(256)) * 4096
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
HALVES = {"fault": hauberk_fault.plugin, "limits": hauberk_limits.plugin, "ratelimit": hauberk_ratelimit.plugin}


class Wanting(SyncFilter):
    def __init__(self, wish: Wish) -> None:
        self._wish = wish

    def request(self, exchange: Exchange) -> Wish:
        return self._wish


@pytest.fixture(params=["strict", "h2"])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wanting(build: "Build", codec: str, wish: Wish) -> "Scenario":
    host = filters_host(it=lambda config: Wanting(wish))
    return build(chain={"http2_codec": codec}, route={"plugins": (use("it"),)}, plugins=host)


def featured(build: "Build", codec: str, plugin: str, config: dict[str, Any]) -> "Scenario":
    host = data_host([GivenEntry(plugin, HALVES[plugin])])
    uses = (use(plugin, msgspec.json.encode(config).decode()),)
    return build(chain={"http2_codec": codec}, route={"plugins": uses}, plugins=host)


def test_a_whole_body_may_be_larger_than_a_stream_s_window(build: "Build", codec: str) -> None:
    assert len(LARGE) > 2 * STREAM_WINDOW
    scenario = wanting(build, codec, Whole(len(LARGE)))
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    stream = client.ask("POST", body=LARGE)
    assert endpoint.connections() == []
    client.machine.send_end(stream, None)
    client.talk()
    request = endpoint.connection().received()
    assert b"ontent-Length: %d\r\n" % len(LARGE) in request
    assert request.endswith(LARGE)
    endpoint.connection().send(scenario.ok)
    assert client.answer(stream)[::2] == (200, b"ok")
    assert scenario.core.room.octets == 0


def test_one_that_is_too_long_ends_its_stream_alone(build: "Build", codec: str) -> None:
    scenario = wanting(build, codec, Whole(10_000))
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    stream = client.ask("POST", body=LARGE)
    assert client.answer(stream)[0] == 413
    assert endpoint.connections() == []
    other = client.ask()
    endpoint.connection().send(scenario.ok)
    assert client.answer(other)[0] == 200
    assert scenario.core.room.octets == 0


def test_streams_pause_each_by_itself_and_end_with_their_connection(build: "Build", codec: str) -> None:
    scenario = wanting(build, codec, Pause(1.0))
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    first = client.ask()
    scenario.advance(0.5)
    second = client.ask()
    scenario.advance(0.6)
    assert len(endpoint.connections()) == 1
    endpoint.connection().send(scenario.ok)
    assert (client.answer(first)[0], client.answer(second)[0]) == (200, 0)
    client.peer.close()
    scenario.run()
    assert (scenario.core.room.pauses, scenario.core.exchanges()) == (0, 0)


def test_a_pause_may_be_longer_than_other_streams_may_stand_still(build: "Build", codec: str) -> None:
    scenario = wanting(build, codec, Pause(300.0))
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    stream = client.ask()
    scenario.advance(299)
    assert client.answer(stream)[3] == ""
    scenario.advance(2)
    endpoint.connection().send(scenario.ok)
    assert client.answer(stream)[0] == 200


@pytest.mark.parametrize(
    ("plugin", "config", "status"),
    [
        ("fault", {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}}, "14"),
        ("fault", {"abort": {"httpStatus": 429, "percentage": {"value": 100}}}, "14"),
        ("limits", {"maxHeaders": 1}, "8"),
        ("ratelimit", {"limits": [{"requests": 1, "per": "1h"}]}, "8"),
    ],
)
def test_a_grpc_client_gets_a_grpc_status(build: "Build", codec: str, plugin: str, config: dict[str, Any], status: str) -> None:
    scenario = featured(build, codec, plugin, config)
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    if plugin == "ratelimit":
        passed = client.ask("POST", fields=GRPC, body=b"")
        endpoint.connection().send(scenario.ok)
        client.answer(passed)
    stream = client.ask("POST", fields=GRPC, body=b"")
    http_status, fields, body, _ = client.answer(stream)
    assert (http_status, fields["content-type"], fields["grpc-status"], body) == (200, "application/grpc", status, b"")
    assert fields["grpc-message"]


def test_a_grpc_stream_is_limited_as_a_whole(build: "Build", codec: str) -> None:
    scenario = featured(build, codec, "limits", {"maxBodyBytes": 10})
    endpoint = scenario.serve()
    client = Browser(scenario.browser())
    stream = client.ask("POST", fields=GRPC, body=b"\0\0\0\0\3abc")
    assert endpoint.connection().received().endswith(b"\0\0\0\0\3abc\r\n")
    client.machine.send_data(stream, b"\0\0\0\0\3abc")
    _, fields, _, _ = client.answer(stream)
    assert fields["grpc-status"] == "8"
    assert [reason for _, reason in scenario.log()] == ["body_too_large"]
