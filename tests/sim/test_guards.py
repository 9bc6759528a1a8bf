"""Plugins that admit attempts at endpoints, and hear how they went."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from http2_endpoint import Http2Endpoint
from plugin_fixtures import half, host, use

from hauberk_core.plugin.data import Endpoint, Guard, Outcome, Permit, Refusal, Subject

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


class Watching(Guard):
    """Refuses the endpoints it was told to, and remembers everything."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.admitted: list[str] = []
        self.outcomes: list[tuple[bool, int, str]] = []
        self.seconds: list[float] = []
        self.closed = 0
        self.broken = ""

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        if self.broken == "admit":
            raise RuntimeError("cannot tell")
        if endpoint.address in self.refused:
            return Refusal("it has failed too often")
        self.admitted.append(endpoint.address)
        return Counting(self)

    def close(self) -> None:
        self.closed += 1


class Counting(Permit):
    def __init__(self, guard: Watching) -> None:
        self.guard = guard

    def done(self, outcome: Outcome) -> None:
        guard = self.guard
        guard.outcomes.append((outcome.used, outcome.status, "" if outcome.reason is None else outcome.reason.code))
        guard.seconds.append(outcome.seconds)
        if guard.broken == "done":
            raise RuntimeError("cannot count")


def guarded(build: "Build", *guards: Watching, **cluster: Any) -> "Scenario":
    plugins = host(
        {f"guard{number}": half(hauberk_upstream_guard=lambda config, guard=guard: guard) for number, guard in enumerate(guards)}
    )
    uses = tuple([use(f"guard{number}") for number in range(len(guards))])
    return build(cluster={"plugins": uses, **cluster}, plugins=plugins)


def test_each_attempt_is_admitted_and_reported_once(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard)
    endpoint = scenario.serve()
    client = scenario.browser()
    for status in (200, 503):
        scenario.get(client)
        scenario.advance(2)
        endpoint.connection().send(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        assert client.received()
    assert guard.admitted == [scenario.books] * 2
    assert guard.outcomes == [(True, 200, ""), (True, 503, "")]
    assert guard.seconds == [pytest.approx(2.0), pytest.approx(2.0)]


def test_a_failed_connect_is_an_outcome_and_the_next_attempt_asks_again(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard, endpoints=(), connect_attempts=2)
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: connect_failed" in client.received()
    assert sorted(guard.admitted) == [scenario.books, scenario.other]
    assert guard.outcomes == [(True, 0, "connect_failed")] * 2


@pytest.mark.parametrize("how", ["reset", "client"])
def test_an_attempt_that_breaks_off_is_an_outcome(build: "Build", how: str) -> None:
    guard = Watching()
    scenario = guarded(build, guard)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection()
    if how == "reset":
        endpoint.connection().reset()
    else:
        client.close()
    scenario.run()
    assert guard.outcomes == [(True, 0, "upstream_reset" if how == "reset" else "client_gone")]


def test_a_refused_endpoint_is_passed_over_and_where_all_are_the_request_is_refused(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard, endpoints=())
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    endpoint = scenario.serve(scenario.other)
    client = scenario.browser()
    guard.refused = {scenario.books}
    for _ in range(5):
        assert scenario.exchange(client, endpoint).endswith(b"ok")
    scenario.records.clear()
    guard.refused = {scenario.books, scenario.other}
    scenario.get(client)
    answer = client.received()
    assert b"hauberk-reason: guard_refused" in answer
    assert b"it has failed too often" in answer
    assert scenario.log() == [(503, "guard_refused")]
    guard.refused = set()
    assert scenario.upstream_connections() == 1


def test_what_one_guard_permits_another_may_refuse(build: "Build") -> None:
    first = Watching()
    second = Watching()
    second.refused = {"192.0.2.20:9080"}
    scenario = guarded(build, first, second)
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: guard_refused" in client.received()
    assert first.outcomes == [(False, 0, "")]


def test_waiting_for_a_connection_holds_no_permit(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard, max_connections=1)
    endpoint = scenario.serve()
    one, two, three = scenario.browser(), scenario.browser(), scenario.browser()
    for client in (one, two, three):
        scenario.get(client)
        scenario.run()
    assert guard.outcomes == [(False, 0, "")] * 2
    endpoint.connection().send(scenario.ok)
    assert one.received().endswith(b"ok")
    # Who waited is admitted when there is a connection, or refused then.
    guard.refused = {scenario.books}
    endpoint.connection().send(scenario.ok)
    assert two.received().endswith(b"ok")
    assert b"hauberk-reason: guard_refused" in three.received()
    assert [outcome for outcome in guard.outcomes if outcome[0]] == [(True, 200, "")] * 2


@pytest.mark.parametrize("broken", ["admit", "done"])
def test_a_guard_that_fails_admits(build: "Build", broken: str) -> None:
    guard = Watching()
    guard.broken = broken
    scenario = guarded(build, guard)
    assert scenario.exchange(scenario.browser(), scenario.serve()).endswith(b"ok")
    assert [(plugin, where) for plugin, where, _ in scenario.plugin_faults] == [("guard0", broken)]


def test_a_guard_is_closed_behind_its_last_attempt(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection()
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], plugins=())
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    assert guard.closed == 0
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert guard.closed == 1


def test_a_shared_connection_that_a_guard_refuses_holds_nobody_up(build: "Build") -> None:
    guard = Watching()
    scenario = guarded(build, guard, protocol="http2", max_connections=1, max_concurrent_streams=2)
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    endpoints = {address: Http2Endpoint(scenario.serve(address)) for address in (scenario.books, scenario.other)}
    clients = [scenario.browser() for _ in range(3)]
    scenario.get(clients[0])
    (used,) = [address for address, endpoint in endpoints.items() if endpoint.connections()]
    guard.refused = set(endpoints) - {used}
    scenario.get(clients[1])
    connection = endpoints[used].connection()
    scenario.get(clients[2])
    assert len(connection.requests()) == 2, "the third waits for room"
    guard.refused = {used}
    connection.answer(1)
    assert clients[0].received().startswith(b"HTTP/1.1 200 ")
    assert clients[2].received() == b"", "it waits until there may be a connection to the other endpoint"
    connection.answer(3)
    (other,) = set(endpoints) - {used}
    endpoints[other].connection().answer(1)
    assert clients[2].received().startswith(b"HTTP/1.1 200 ")


class Choosy(Watching):
    """Refuses one request the first time that it is asked about it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        if subject.describe().path == self.path:
            self.path = ""
            return Refusal("not this time")
        return super().admit(endpoint, is_retry, subject)


def test_a_connection_that_one_request_was_refused_serves_one_at_a_time(build: "Build") -> None:
    guard = Choosy("/1")
    scenario = guarded(build, guard, max_connections=1, endpoints=())
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    guard.refused = {scenario.other}
    endpoint = scenario.serve()
    clients = [scenario.browser() for _ in range(4)]
    for number, client in enumerate(clients):
        scenario.get(client, f"/{number}")
        scenario.run()
    asked: list[bytes] = []
    while (requests := endpoint.connection().received()) != b"":
        assert requests.count(b"\r\n\r\n") == 1, "each is answered before the next one comes"
        asked.append(requests.split(b" ")[1])
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + asked[-1])
    assert sorted(asked) == [b"/0", b"/1", b"/2", b"/3"]
    for number, client in enumerate(clients):
        assert client.received().endswith(b"\r\n/%d" % number)
