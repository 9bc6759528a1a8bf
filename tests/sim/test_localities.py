"""Requests go farther away when what is near fails, and come back."""

from typing import TYPE_CHECKING

import msgspec
from plugin_fixtures import use

from hauberk_core.model import Duration, Endpoint
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


def ask(scenario: "Scenario", client: Peer, endpoint: ScriptedEndpoint, answer: bytes) -> str:
    """A request that one endpoint answers. Returns: its address, as the log has it."""
    scenario.get(client)
    scenario.run()
    assert endpoint.connections(), "it went elsewhere"
    endpoint.connection().send(answer)
    return scenario.record().upstream_host


def test_an_ejected_level_is_passed_over_until_it_is_back(build: "Build") -> None:
    near, far = Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080", priority=1)
    breaker = use("circuitbreaker", '{"outliers": {"consecutive_5xx": 2, "base_ejection": "4s"}}', phase="admission")
    scenario = build(cluster={"endpoints": (near, far), "plugins": (breaker,), "idle_timeout": Duration(600)})
    books, other, client = scenario.serve(), scenario.serve(far.address), scenario.browser()
    for _ in range(3):
        assert ask(scenario, client, books, scenario.ok) == near.address
    for _ in range(2):
        assert ask(scenario, client, books, FAILED) == near.address
    for _ in range(5):
        assert ask(scenario, client, other, scenario.ok) == far.address
    scenario.advance(4.1)
    assert ask(scenario, client, books, scenario.ok) == near.address
    scenario.check()


def test_levels_come_and_go_with_the_configuration(build: "Build") -> None:
    scenario = build()
    books, other, client = scenario.serve(), scenario.serve(scenario.other), scenario.browser()
    assert ask(scenario, client, books, scenario.ok) == scenario.books
    for priorities, answering in (((1, 0), other), ((0, 1), books), ((3, 2), other)):
        endpoints = tuple(
            Endpoint(address=address, priority=priority)
            for address, priority in zip((scenario.books, scenario.other), priorities, strict=True)
        )
        cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=endpoints)
        scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
        for _ in range(4):
            assert ask(scenario, client, answering, scenario.ok) == answering.address()
    target = scenario.core.target("books")
    assert target is not None
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    assert {target.cluster.balancer.pick(target.cluster.endpoints()).address for _ in range(40)} == {
        scenario.books,
        scenario.other,
    }
