"""Configuration that changes under traffic, and draining: what was begun is finished, what comes next is served anew."""

import errno
from typing import TYPE_CHECKING

import msgspec
import pytest

from hauberk_core.model import Cluster, Duration, Endpoint, FilterChain, HttpTimeouts, Listener, Route, Snapshot, WeightedCluster
from hauberk_core.proxy.clusters import REMOVED_SECONDS
from hauberk_core.sim.network import Fate

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


def routed_to(snapshot: Snapshot, cluster: str) -> Snapshot:
    """The same with its route leading elsewhere."""
    table = snapshot.route_tables["all"]
    host = table.virtual_hosts[0]
    routes = (Route(name="changed", backends=(WeightedCluster(cluster=cluster),)),)
    hosts = (msgspec.structs.replace(host, routes=routes),)
    return msgspec.structs.replace(snapshot, route_tables={"all": msgspec.structs.replace(table, virtual_hosts=hosts)})


def with_cluster(snapshot: Snapshot, name: str, cluster: Cluster) -> Snapshot:
    return msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, name: cluster})


def with_chain(snapshot: Snapshot, chain: FilterChain) -> Snapshot:
    listener = msgspec.structs.replace(snapshot.listeners["web"], filter_chains=(chain,))
    return msgspec.structs.replace(snapshot, listeners={"web": listener})


def test_next_request_of_an_open_connection_follows_the_new_routes(scenario: "Scenario") -> None:
    books, other = scenario.serve(), scenario.serve(scenario.other)
    client = scenario.browser()
    scenario.exchange(client, books)
    added = with_cluster(scenario.snapshot, "next", Cluster(endpoints=(Endpoint(address=scenario.other),)))
    scenario.apply(routed_to(added, "next"))
    assert scenario.exchange(client, other).endswith(b"ok")
    assert [record.route for record in scenario.records] == ["all", "changed"]


def test_request_under_way_keeps_its_decision(scenario: "Scenario") -> None:
    books, other = scenario.serve(), scenario.serve(scenario.other)
    client = scenario.browser()
    client.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nhalf")
    assert books.connection().received()
    added = with_cluster(scenario.snapshot, "next", Cluster(endpoints=(Endpoint(address=scenario.other),)))
    scenario.apply(routed_to(added, "next"))
    client.send(b"rest")
    assert books.connection().received() == b"rest"
    books.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert other.connections() == []


def test_unchanged_pools_survive(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    for limit in range(10, 15):
        cluster = Cluster(endpoints=(Endpoint(address=scenario.books),), max_connections=limit)
        scenario.apply(with_cluster(scenario.snapshot, "books", cluster))
        assert scenario.exchange(client, endpoint).endswith(b"ok")
    assert len(endpoint.connections()) == 1


def test_idle_connections_of_a_removed_endpoint_close_and_busy_ones_finish(scenario: "Scenario") -> None:
    books, other = scenario.serve(), scenario.serve(scenario.other)
    idle, busy = scenario.browser(), scenario.browser()
    scenario.get(idle)
    scenario.get(busy)
    scenario.run()
    books.connections()[0].send(scenario.ok)
    assert idle.received().endswith(b"ok")
    scenario.apply(with_cluster(scenario.snapshot, "books", Cluster(endpoints=(Endpoint(address=scenario.other),))))
    assert books.connections()[0].saw_end()
    assert books.connections()[1].is_connected()
    books.connections()[1].send(scenario.ok)
    assert busy.received().endswith(b"ok")
    assert books.connections()[1].saw_end()
    assert scenario.exchange(idle, other).endswith(b"ok")
    assert scenario.upstream_connections() == 1


def test_removed_cluster_finishes_what_it_began(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    idle, busy = scenario.browser(), scenario.browser()
    scenario.get(idle)
    scenario.get(busy)
    scenario.run()
    first, second = endpoint.connections()
    first.send(scenario.ok)
    assert idle.received().endswith(b"ok")
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={}))
    assert first.saw_end()
    second.send(scenario.ok)
    assert busy.received().endswith(b"ok")
    assert second.saw_end()
    # Requests that were routed to it may yet come, but not for ever.
    assert scenario.exchange(idle, endpoint).endswith(b"ok")
    assert endpoint.connection().saw_end()
    scenario.advance(REMOVED_SECONDS + 1)
    scenario.get(idle)
    assert b"hauberk-reason: no_backend" in idle.received()


def test_cluster_removed_while_requests_wait(build: "Build") -> None:
    scenario = build(cluster={"max_connections": 1})
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(3)]
    for client in clients:
        scenario.get(client)
        # The next one is pipelined, and must find the new configuration.
        scenario.get(client, "/next")
        scenario.run()
    scenario.apply(routed_to(msgspec.structs.replace(scenario.snapshot, clusters={"next": Cluster()}), "next"))
    for served in range(3):
        connection = endpoint.connection()
        assert len(endpoint.connections()) == served + 1
        connection.send(scenario.ok)
        assert connection.saw_end()
    answers = [client.received() for client in clients]
    assert [answer.count(b"200 OK\r\n") for answer in answers] == [1, 1, 1]
    assert [answer.count(b"no_endpoint\r\n") for answer in answers] == [1, 1, 1]
    assert [record.route for record in scenario.records] == ["all", "changed", "all", "changed", "all", "changed"]


def test_cluster_removed_while_it_connects(scenario: "Scenario") -> None:
    scenario.network.doom(scenario.books, Fate.BLACK_HOLE)
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={}))
    scenario.advance(16)
    assert b"connect_timeout" in client.received()
    assert scenario.log() == [(503, "connect_timeout")]
    assert scenario.loop.descriptors() == 2


def test_names_are_resolved_and_followed(build: "Build") -> None:
    scenario = build(cluster={"endpoints": (Endpoint(address="books.test:9080"),)})
    client = scenario.browser()
    scenario.get(client)
    # Nothing is known yet: the request waits.
    assert client.received() == b""
    first, second = scenario.endpoint("192.0.2.30:9080"), scenario.endpoint("192.0.2.31:9080")
    scenario.resolver.resolve("books.test", ["192.0.2.30"])
    assert first.connection().received()
    first.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    scenario.resolver.resolve("books.test", ["192.0.2.31"])
    assert first.connection().saw_end()
    assert scenario.exchange(client, second).endswith(b"ok")
    scenario.resolver.resolve("books.test", [])
    scenario.get(client)
    assert b"no_endpoint" in client.received()
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={}))
    assert scenario.resolver.watched() == set()


def test_name_is_given_up_before_anybody_knew_its_address(build: "Build") -> None:
    scenario = build(cluster={"endpoints": (Endpoint(address="old.test:9080"), Endpoint(address="old.test:9081"))})
    scenario.apply(with_cluster(scenario.snapshot, "books", Cluster(endpoints=(Endpoint(address="new.test:9080"),))))
    assert scenario.resolver.watched() == {"new.test"}


def test_two_names_of_one_address_are_one_endpoint(build: "Build") -> None:
    scenario = build(cluster={"endpoints": (Endpoint(address="one.test:9080"), Endpoint(address="two.test:9080"))})
    endpoint = scenario.endpoint("192.0.2.30:9080")
    for name in ("one.test", "two.test"):
        scenario.resolver.resolve(name, ["192.0.2.30", "192.0.2.30"])
    client = scenario.browser()
    for _ in range(20):
        assert scenario.exchange(client, endpoint).endswith(b"ok")
        scenario.check()
    assert len(endpoint.connections()) == 1


def test_late_answer_of_the_resolver_revives_nothing(build: "Build") -> None:
    scenario = build(cluster={"endpoints": (Endpoint(address="books.test:9080"),)})
    endpoint = scenario.endpoint("192.0.2.30:9080")
    scenario.resolver.resolve("books.test", ["192.0.2.30"])
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    watcher = scenario.resolver.watchers("books.test")[0]
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={}))
    watcher.resolved("books.test", ["192.0.2.30"])
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert endpoint.connection().saw_end()


def test_changed_timeouts_hold_for_open_connections(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    timeouts = HttpTimeouts(idle=Duration(5.0))
    scenario.apply(with_chain(scenario.snapshot, FilterChain(route_table="all", timeouts=timeouts)))
    # And so do later changes of the routes.
    scenario.apply(routed_to(with_cluster(scenario.snapshot, "next", Cluster()), "next"))
    scenario.get(client)
    assert b"no_endpoint" in client.received()
    scenario.advance(6)
    assert client.saw_end()


def test_removed_listener_accepts_nobody_and_finishes(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    table = FilterChain(route_table="all")
    scenario.apply(
        msgspec.structs.replace(scenario.snapshot, listeners={"next": Listener(address="192.0.2.10:81", filter_chains=(table,))})
    )
    refused = scenario.browser()
    scenario.get(refused)
    assert not refused.is_connected()
    assert scenario.core.exchanges() == 1
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    assert b"Connection: close" in answer
    assert answer.endswith(b"ok")
    assert client.saw_end()
    assert scenario.exchange(scenario.client("192.0.2.10:81"), endpoint).endswith(b"ok")


def test_drain_answers_what_is_in_flight_and_closes(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    idle, busy, begun, queued = (scenario.browser() for _ in range(4))
    scenario.exchange(idle, endpoint)
    scenario.get(busy)
    begun.send(b"GET / HTTP/1.1\r\nHo")
    scenario.run()
    scenario.get(queued)
    scenario.core.drain()
    scenario.run()
    refused = scenario.browser()
    scenario.get(refused)
    assert not refused.is_connected()
    for server in endpoint.connections():
        server.send(scenario.ok)
    scenario.run()
    begun.send(b"st: a.test\r\n\r\n")
    [asked] = [server for server in endpoint.connections() if server.received().count(b"GET ") > 1]
    asked.send(scenario.ok)
    for client in (busy, begun, queued):
        answer = client.received()
        assert b"Connection: close" in answer
        assert answer.endswith(b"ok")
        assert client.saw_end()
    scenario.advance(1)
    assert idle.saw_end()
    assert scenario.core.active() == 0


def test_request_that_crosses_a_drain_is_answered(scenario: "Scenario") -> None:
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.core.drain()
    assert scenario.exchange(client, endpoint).endswith(b"ok")
    assert client.saw_end()
    assert scenario.core.active() == 0


def test_first_request_of_a_connection_may_be_lost_on_the_way_once_during_a_drain(scenario: "Scenario") -> None:
    """It is sent again a second later; who says nothing at all is not waited for much longer."""
    endpoint = scenario.serve()
    client, silent = scenario.browser(), scenario.browser()
    scenario.run()
    scenario.core.drain()
    scenario.advance(1.5)
    answer = scenario.exchange(client, endpoint)
    assert answer.endswith(b"ok")
    assert client.saw_end()
    scenario.advance(1.0)
    assert silent.saw_end()
    assert scenario.core.active() == 0


def test_request_that_came_while_the_proxy_stood_still_is_answered(scenario: "Scenario") -> None:
    """As on a machine that gives it no turn for longer than idle clients get: the request waits, and the deadline has passed."""
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint)
    scenario.core.drain()
    scenario.get(client)
    assert client.act()
    scenario.clock.move_to(scenario.clock.now() + 5)
    scenario.loop.run_timers()
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert client.saw_end()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS])
def test_accepting_pauses_when_the_machine_has_run_out(scenario: "Scenario", number: int) -> None:
    listening = scenario.listening("web")
    listening.failure = number
    client = scenario.browser()
    scenario.run()
    scenario.advance(0.35)
    assert scenario.core.active() == 0
    listening.failure = 0
    scenario.advance(0.2)
    assert scenario.core.active() == 1
    assert scenario.exchange(client, scenario.serve()).endswith(b"ok")
