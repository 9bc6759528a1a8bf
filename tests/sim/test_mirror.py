"""Copies of requests go to mirrors; the request itself never waits for them, whatever becomes of them."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hauberk_core.model import Cluster, Endpoint, HeaderModifier
from hauberk_core.model.mirror import Mirror
from hauberk_core.proxy.mirror import STALL_SECONDS, WAITING_OCTETS

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

SHADOW = "192.0.2.30:9080"
SECOND_SHADOW = "192.0.2.31:9080"


def mirrored(build: "Build", *mirrors: Mirror, **route: Any) -> "Scenario":
    scenario = build(route=route)
    snapshot = scenario.snapshot
    clusters = dict(snapshot.clusters)
    for name, address in (("shadow", SHADOW), ("second", SECOND_SHADOW)):
        clusters[name] = Cluster(endpoints=(Endpoint(address=address),))
    [host] = snapshot.route_tables["all"].virtual_hosts
    routes = (msgspec.structs.replace(host.routes[0], mirrors=mirrors or (Mirror(cluster="shadow"),)),)
    table = msgspec.structs.replace(snapshot.route_tables["all"], virtual_hosts=(msgspec.structs.replace(host, routes=routes),))
    scenario.apply(msgspec.structs.replace(snapshot, clusters=clusters, route_tables={"all": table}))
    return scenario


def test_a_copy_of_each_request_as_the_backend_sees_it(build: "Build") -> None:
    scenario = mirrored(build, request_headers=HeaderModifier(set=(("x-added", "1"),)))
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    for number in range(3):
        scenario.get(client, f"/{number}?q")
        request = endpoint.connection().received()
        assert request.startswith(f"GET /{number}?q ".encode())
        assert b"x-added: 1" in request
        assert shadow.connection().received() == request
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
        shadow.connection().send(b"HTTP/1.1 500 Broken\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
        scenario.run()
    assert len(shadow.connections()) == 1
    assert scenario.log() == [(200, "")] * 3
    assert scenario.mirrored("shadow") == {"5xx": 3}


def test_several_mirrors(build: "Build") -> None:
    scenario = mirrored(build, Mirror(cluster="shadow"), Mirror(cluster="second"))
    endpoint, shadows = scenario.serve(), [scenario.endpoint(SHADOW), scenario.endpoint(SECOND_SHADOW)]
    client = scenario.browser()
    scenario.get(client)
    for shadow in shadows:
        assert shadow.connection().received().startswith(b"GET / ")
        shadow.connection().send(scenario.ok)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert [scenario.mirrored(cluster) for cluster in ("shadow", "second")] == [{"2xx": 1}] * 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_goes_along(build: "Build", chunked: bool) -> None:
    scenario = mirrored(build)
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    body = b"x" * 300_000
    if chunked:
        client.send(
            b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        )
    else:
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    request = endpoint.connection().received()
    assert request.count(b"x") >= len(body)
    assert shadow.connection().received() == request
    shadow.connection().send(scenario.ok)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_mirror_that_is_not_there_or_takes_nothing_delays_nobody(build: "Build") -> None:
    scenario = mirrored(build, Mirror(cluster="shadow"), Mirror(cluster="second"))
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert shadow.connection().received()
    shadow.connection().pause()
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    for _ in range(3 * WAITING_OCTETS // 0x8000 + 4):
        client.send(chunk)
        assert endpoint.connection().received()
    client.send(b"0\r\n\r\n")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    shadow.connection().resume()
    assert not shadow.connection().is_connected()
    assert scenario.mirrored("shadow") == {"given_up": 1}
    assert scenario.mirrored("second") == {"refused": 1}


def test_a_mirror_that_never_answers_is_left_after_a_while(build: "Build") -> None:
    scenario = mirrored(build)
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    assert shadow.connection().received()
    scenario.advance(STALL_SECONDS / 2)
    assert shadow.connection().is_connected()
    assert scenario.mirrored("shadow") == {}
    scenario.advance(STALL_SECONDS)
    assert not shadow.connection().is_connected()
    assert scenario.mirrored("shadow") == {"failed": 1}


def test_half_a_request_is_not_left_with_the_mirror(build: "Build") -> None:
    scenario = mirrored(build)
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
    assert endpoint.connection().received().endswith(b"half")
    assert shadow.connection().received().endswith(b"half")
    client.reset()
    assert not shadow.connection().is_connected()
    assert scenario.mirrored("shadow") == {"given_up": 1}


@pytest.mark.parametrize("status", [204, 302, 404, 503, 799])
def test_each_copy_is_counted_once_by_what_was_answered(build: "Build", status: int) -> None:
    scenario = mirrored(build)
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    answer = f"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 {status} X\r\nContent-Length: {0 if status == 204 else 9}\r\n\r\n"
    shadow.connection().send(answer.replace("Content-Length: 0\r\n", "").encode())
    scenario.run()
    shadow.connection().reset()
    scenario.run()
    assert scenario.mirrored("shadow") == {f"{min(status // 100, 5)}xx": 1}, "not once more where it breaks off"


def test_a_share_of_the_requests(build: "Build") -> None:
    scenario = mirrored(build, Mirror(cluster="shadow", share=0.2), Mirror(cluster="second", share=0.0))
    endpoint, shadow, second = scenario.serve(), scenario.endpoint(SHADOW), scenario.endpoint(SECOND_SHADOW)
    client = scenario.browser()
    copied = 0
    for _ in range(500):
        scenario.exchange(client, endpoint)
        if shadow.connections() and shadow.connection().received():
            copied += 1
            shadow.connection().send(scenario.ok)
            scenario.run()
    assert 90 <= copied <= 110
    assert scenario.mirrored("shadow") == {"2xx": copied}
    assert second.connections() == []


def test_a_connection_that_changes_its_protocol_is_not_copied(build: "Build") -> None:
    scenario = mirrored(build)
    endpoint, shadow = scenario.serve(), scenario.endpoint(SHADOW)
    client = scenario.browser()
    scenario.get(client, "/", "Connection: upgrade", "Upgrade: websocket")
    assert endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert b"101" in client.received()
    assert shadow.connections() == []
    client.close()
    endpoint.connection().close()
