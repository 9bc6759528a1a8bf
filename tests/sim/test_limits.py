"""Routes that take smaller requests than their listener."""

from typing import TYPE_CHECKING

import msgspec
import pytest
from plugin_fixtures import GivenEntry, use

from hauberk_core.plugin.host import data_host
from hauberk_limits import plugin

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

CHUNKED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"


def limited(build: "Build", **config: int) -> "Scenario":
    uses = (use("limits", msgspec.json.encode(config).decode()),)
    return build(route={"plugins": uses}, plugins=data_host([GivenEntry("limits", plugin)]))


def test_a_body_that_is_announced_too_long_is_refused_before_anything_is_read(build: "Build") -> None:
    scenario = limited(build, maxBodyBytes=10)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"a body of more than 10 octets is not taken here\n")
    assert endpoint.connections() == []
    record = scenario.record()
    assert (record.reason and record.reason.code, record.details) == ("body_too_large", "limits")


def test_one_that_fits_goes_on_as_it_came(build: "Build") -> None:
    scenario = limited(build, maxBodyBytes=10)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n0123456789")
    scenario.run()
    request = endpoint.connection().received()
    assert b"Content-Length: 10\r\n" in request
    assert request.endswith(b"0123456789")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert scenario.exchange(client, endpoint).endswith(b"ok")


@pytest.mark.parametrize("size", [1, 3, 10, 11, 40])
@pytest.mark.parametrize("total", [10, 11, 40])
def test_one_of_unknown_length_is_refused_where_it_passes_the_limit(build: "Build", size: int, total: int) -> None:
    scenario = limited(build, maxBodyBytes=10)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED)
    left = total
    while left:
        piece = min(size, left)
        client.send(b"%x\r\n%s\r\n" % (piece, b"x" * piece))
        scenario.run()
        left -= piece
    client.send(b"0\r\n\r\n")
    scenario.run()
    if total > 10:
        assert client.received().startswith(b"HTTP/1.1 413 ")
        assert [reason for _, reason in scenario.log()] == ["body_too_large"]
        assert endpoint.connection().received().partition(b"\r\n\r\n")[2].count(b"x") <= 10
    else:
        assert endpoint.connection().received().endswith(b"\r\n0\r\n\r\n")
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")


@pytest.mark.parametrize(
    ("config", "fields", "refused"),
    [
        ({"maxHeaders": 5}, 10, b"more than 5 header fields"),
        ({"maxHeaders": 50}, 10, b""),
        ({"maxHeaderBytes": 100}, 10, b"a header section of more than 100 octets"),
        ({"maxHeaderBytes": 10_000}, 10, b""),
    ],
)
def test_heads(build: "Build", config: dict[str, int], fields: int, refused: bytes) -> None:
    scenario = limited(build, **config)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", *[f"x-{number}: {number}" for number in range(fields)])
    if refused:
        answer = client.received()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert answer.endswith(refused + b" is not taken here\n")
        assert scenario.log() == [(431, "head_too_large")]
    else:
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
