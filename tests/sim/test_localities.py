"""Requests go farther away when what is near fails, and come back."""

from collections import Counter
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
    assert {target.cluster.choice.balancer.pick(target.cluster.endpoints()).address for _ in range(40)} == {
        scenario.books,
        scenario.other,
    }


def test_what_ejection_takes_from_a_level_goes_to_the_next(build: "Build") -> None:
    near = (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))
    far = Endpoint(address="192.0.2.22:9080", priority=1)
    breaker = use("circuitbreaker", '{"outliers": {"consecutive_5xx": 1, "base_ejection": "60s"}}', phase="admission")
    scenario = build(cluster={"endpoints": (*near, far), "plugins": (breaker,)})
    endpoints = {address: scenario.serve(address) for address in (near[0].address, near[1].address, far.address)}
    client = scenario.browser()
    asked: Counter[str] = Counter()
    for number in range(301):
        scenario.get(client)
        scenario.run()
        waiting = [(one.address(), peer) for one in endpoints.values() for peer in one.connections() if peer.received()]
        [(address, peer)] = waiting
        peer.send(FAILED if number == 0 else scenario.ok)
        asked[address] += number > 0
        # Who is out is looked at now and then.
        scenario.advance(0.1 if number == 0 else 0)
    scenario.run()
    assert sorted(asked[one.address] > 0 for one in near) == [False, True]
    # One of two in service counts for 70 percent.
    assert 60 <= asked[far.address] <= 120
