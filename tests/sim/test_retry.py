"""Requests are sent again as a route says: after which answers, how often, when, and never once the client has seen anything."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from h2_browser import Browser
from plugin_fixtures import filters_host, half, host, use

from hauberk_core.model import Endpoint
from hauberk_core.model.cluster import RetryBudget
from hauberk_core.model.duration import Duration
from hauberk_core.model.retry import Retry
from hauberk_core.plugin.data import Endpoint as AtWork
from hauberk_core.plugin.data import Exchange, Guard, Outcome, Pause, Permit, Subject, SyncFilter, Wish
from hauberk_core.proxy.exchange import REPLAY_BYTES
from hauberk_core.sim.peer import ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

RETRY = Retry(codes=(500, 503), attempts=2, backoff=Duration(0.1))
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 4\r\n\r\noops"
# The first pause is one to two times the backoff, the second twice that.
FIRST_PAUSE = 0.2 + 1 / 64
SECOND_PAUSE = 0.4 + 1 / 64


def retrying(build: "Build", retry: Retry = RETRY, **more: Any) -> "Scenario":
    return build(route={"retry": retry, **more.pop("route", {})}, **more)


def fail(endpoint: ScriptedEndpoint, answer: bytes = BROKEN) -> bytes:
    """Answer what has come. Returns it."""
    peer = endpoint.connection()
    request = peer.received()
    assert request
    peer.send(answer)
    return request


def test_a_status_is_thrown_away_and_the_request_sent_again(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/a?b")
    first = fail(endpoint)
    scenario.advance(FIRST_PAUSE)
    second = fail(endpoint)
    scenario.advance(SECOND_PAUSE)
    assert first == second == endpoint.connection().received()
    assert client.received() == b""
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    record = scenario.record()
    assert (record.status, record.upstream_tried.count(",")) == (200, 1)
    assert record.upstream_failure == "answered 500"


def test_the_last_answer_passes_when_no_attempt_is_left(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    for pause in (FIRST_PAUSE, SECOND_PAUSE, 10.0):
        fail(endpoint)
        scenario.advance(pause)
    assert client.received().endswith(b"oops")
    assert len(endpoint.connections()) == 3
    assert scenario.record().response_flags() == "URX"
    assert counted(scenario) == [2, 0, 1, 0]


def answer_one(endpoint: ScriptedEndpoint, answer: bytes) -> None:
    """Answer the one request that has come, on whichever connection."""
    [peer] = [peer for peer in endpoint.connections() if peer.is_open() and peer.received()]
    peer.send(answer)


def counted(scenario: "Scenario") -> list[int]:
    """Retries, those that succeeded, requests that exhausted theirs, and retries that the budget refused."""
    cluster = scenario.core.meters.cluster_meters("books", {})
    return [int(number) for number in cluster._view[6:10]]  # the cells are what the agent reads


def test_a_budget_bounds_what_is_under_way(build: "Build") -> None:
    scenario = retrying(build, cluster={"retry_budget": RetryBudget(percent=0, least=1)})
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(3)]
    for client in clients:
        scenario.get(client)
    scenario.run()
    for peer in endpoint.connections():
        assert peer.received()
        peer.send(BROKEN)
    scenario.run()
    refused = [client for client in clients if client.received()]
    assert len(refused) == 2
    assert {record.upstream_failure for record in scenario.records} == {
        "answered 500; not sent again, because 1 retries are under way (retryBudget)"
    }
    scenario.advance(FIRST_PAUSE)
    answer_one(endpoint, scenario.ok)
    scenario.run()
    # It is given back: the next one may be sent again.
    scenario.get(refused[0])
    scenario.run()
    answer_one(endpoint, BROKEN)
    scenario.advance(FIRST_PAUSE)
    answer_one(endpoint, scenario.ok)
    assert refused[0].received().endswith(b"ok")
    assert counted(scenario) == [2, 2, 0, 2]
    target = scenario.core.target("books")
    assert target is not None
    assert target.cluster.retry_budget.under_way() == 0


def test_other_answers_pass(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint, BROKEN.replace(b"500", b"502"))
    assert b" 502 " in client.received()


def test_never_sooner_than_the_backoff(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    scenario.get(scenario.browser())
    fail(endpoint)
    scenario.advance(0.1 - 1 / 64)
    assert len(endpoint.connections()) == 1
    scenario.advance(0.2)
    assert len(endpoint.connections()) == 2
    endpoint.connection().send(scenario.ok)


def test_another_endpoint_is_preferred(build: "Build") -> None:
    scenario = retrying(build, cluster={"endpoints": (Endpoint(address="192.0.2.20:9080"), Endpoint(address="192.0.2.21:9080"))})
    servers = [scenario.serve(), scenario.serve(scenario.other)]
    client = scenario.browser()
    for _ in range(4):
        scenario.get(client)
        [first] = [server for server in servers if server.connections() and server.connection().received()]
        first.connection().send(BROKEN)
        scenario.advance(FIRST_PAUSE)
        [second] = [server for server in servers if server.connections() and server.connection().received()]
        assert second is not first
        second.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")


@pytest.mark.parametrize("how", ["reset", "timeout"])
def test_an_attempt_without_answer_is_made_again(build: "Build", how: str) -> None:
    scenario = retrying(build, Retry(backoff=Duration(0.1)), route={"backend_timeout": Duration(0.5)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    assert endpoint.connection().received()
    if how == "reset":
        endpoint.connection().reset()
        scenario.advance(FIRST_PAUSE)
    else:
        scenario.advance(0.5 + FIRST_PAUSE)
    assert len(endpoint.connections()) == 2
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


@pytest.mark.parametrize("how", ["reset", "timeout"])
def test_what_may_have_been_acted_on_is_not_where_the_route_says_so(build: "Build", how: str) -> None:
    retry = Retry(backoff=Duration(0.1), unanswered=False)
    scenario = retrying(build, retry, route={"backend_timeout": Duration(0.5)})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
    assert endpoint.connection().received()
    if how == "reset":
        endpoint.connection().reset()
    scenario.advance(10.0)
    assert len(endpoint.connections()) == 1
    assert client.received().startswith(b"HTTP/1.1 50")


def test_an_endpoint_that_cannot_be_reached_is_tried_again_whatever_the_route_says(build: "Build") -> None:
    scenario = retrying(build, Retry(backoff=Duration(0.1), unanswered=False), cluster={"connect_attempts": 1})
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    endpoint = scenario.serve()
    scenario.advance(FIRST_PAUSE)
    assert endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_an_endpoint_that_cannot_be_reached_is_tried_again_later(build: "Build") -> None:
    scenario = retrying(build, Retry(backoff=Duration(0.1)), cluster={"connect_attempts": 1})
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    endpoint = scenario.serve()
    scenario.advance(FIRST_PAUSE)
    assert endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_nothing_is_sent_again_once_the_client_has_seen_something(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert client.received().endswith(b"half")
    endpoint.connection().reset()
    scenario.advance(10.0)
    assert len(endpoint.connections()) == 1
    assert client.saw_reset()


@pytest.mark.parametrize("size", [0, 10, REPLAY_BYTES])
def test_a_body_is_sent_again_whole(build: "Build", size: int) -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    first = fail(endpoint)
    scenario.advance(FIRST_PAUSE)
    assert endpoint.connection().received() == first
    assert first.endswith(b"\r\n\r\n" + b"x" * size)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_body_that_was_too_long_to_keep_is_not(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    size = REPLAY_BYTES + 1
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    fail(endpoint)
    assert client.received().endswith(b"oops")


def test_the_whole_exchange_ends_in_time(build: "Build") -> None:
    scenario = retrying(build, Retry(codes=(500,), backoff=Duration(5.0)), route={"timeout": Duration(1.0)})
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint)
    scenario.advance(1.0 + 1 / 64)
    assert b"upstream_timeout" in client.received()
    scenario.advance(20.0)
    assert len(endpoint.connections()) == 1


def test_a_client_that_goes_during_the_pause(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint)
    scenario.run()
    client.close()
    scenario.advance(10.0)
    assert len(endpoint.connections()) == 1
    assert scenario.log() == [(499, "client_gone")]


class Noting(Guard):
    """Permits every attempt, and notes how it went."""

    def __init__(self) -> None:
        self.noted: list[tuple[bool, int]] = []

    def admit(self, endpoint: AtWork, is_retry: bool, subject: Subject) -> Permit:
        return NotingPermit(self, is_retry)


class NotingPermit(Permit):
    def __init__(self, guard: Noting, is_retry: bool) -> None:
        self.guard = guard
        self.is_retry = is_retry

    def done(self, outcome: Outcome) -> None:
        self.guard.noted.append((self.is_retry, outcome.status))


def test_a_cluster_that_is_replaced_during_the_pause_is_asked_in_its_place(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint)
    replaced = msgspec.structs.replace(
        scenario.snapshot.clusters["books"], endpoints=(Endpoint(address=scenario.other),), codec="h11"
    )
    other = scenario.serve(scenario.other)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": replaced}))
    scenario.advance(FIRST_PAUSE)
    other.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_cluster_that_is_removed_during_the_pause_is_asked_for_what_was_routed_to_it(build: "Build") -> None:
    scenario = retrying(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={}))
    scenario.advance(FIRST_PAUSE)
    assert len(endpoint.connections()) == 2
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert endpoint.connection().saw_end()


def test_guards_hear_of_each_attempt(build: "Build") -> None:
    guard = Noting()
    plugins = host({"noting": half(hauberk_upstream_guard=lambda config: guard)})
    scenario = retrying(build, cluster={"plugins": (use("noting"),)}, plugins=plugins)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    fail(endpoint)
    scenario.advance(FIRST_PAUSE)
    fail(endpoint, scenario.ok)
    assert client.received().endswith(b"ok")
    assert guard.noted == [(False, 500), (True, 200)]


@pytest.mark.parametrize("version", [1, 2])
def test_a_retry_whose_answer_breaks_off_is_over(build: "Build", version: int) -> None:
    scenario = retrying(build, cluster={"retry_budget": RetryBudget(percent=0, least=1)})
    endpoint = scenario.serve()
    for _ in range(2):
        if version == 1:
            scenario.get(scenario.browser())
        else:
            Browser(scenario.browser()).ask()
        fail(endpoint)
        scenario.advance(FIRST_PAUSE)
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        scenario.run()
        endpoint.connection().reset()
        record = scenario.record()
        assert (record.status, record.upstream_failure) == (200, "answered 500")
    target = scenario.core.target("books")
    assert target is not None
    assert target.cluster.retry_budget.under_way() == 0


class Slow(SyncFilter):
    """Lets answers wait that are no success."""

    def response(self, exchange: Exchange) -> Wish | None:
        return Pause(5.0) if exchange.status >= 500 else None


def test_an_answer_that_filters_have_seen_is_not_thrown_away(build: "Build") -> None:
    scenario = retrying(
        build,
        cluster={"retry_budget": RetryBudget(percent=0, least=1)},
        chain={"plugins": (use("slow"),)},
        plugins=filters_host(slow=lambda config: Slow()),
    )
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(2)]
    for client in clients:
        scenario.get(client)
        scenario.run()
    for peer in endpoint.connections():
        assert peer.received()
        peer.send(BROKEN)
    scenario.advance(FIRST_PAUSE)
    # The one retry that the budget allows is over before the other answer has passed the filter.
    answer_one(endpoint, scenario.ok)
    scenario.advance(5.0)
    assert {client.received().partition(b"\r\n\r\n")[2] for client in clients} == {b"ok", b"oops"}
    assert counted(scenario) == [1, 1, 0, 1]
