"""Plugins' filters on the road of a request, on virtual time."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from http2_endpoint import Http2Endpoint
from plugin_fixtures import Marking, filters_host, half, host, use

from hauberk_core.model import Redirect, Snapshot
from hauberk_core.model.duration import Duration
from hauberk_core.plugin.data import AsyncFilter, Exchange, Observer, Record, Reply, SyncFilter
from hauberk_core.sim.waiting import Gate

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

HOST = b"Host: a.test\r\n"


class Denying(SyncFilter):
    def request(self, exchange: Exchange) -> Reply | None:
        if exchange.headers.get("x-deny") is None:
            return None
        return Reply(403, b"no\n", [("x-why", "because"), ("content-type", "text/plain")])


def raising(where: str) -> SyncFilter:
    """A filter with one method, which raises."""

    def method(self: SyncFilter, *arguments: object) -> None:
        raise RuntimeError(f"in {where}")

    made = type("Raising", (SyncFilter,), {where: method})()
    assert isinstance(made, SyncFilter)
    return made


class Doubling(SyncFilter):
    """Doubles each chunk and appends a mark at the end, both ways."""

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        return chunk + chunk + (b"!" if last else b"")

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        return chunk + chunk + (b"!" if last else b"")


class Waiting(AsyncFilter):
    """Waits for its gate wherever it is told to."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.gate = Gate()
        self.reply: Reply | None = None
        self.error: Exception | None = None
        self.closed = 0

    async def request(self, exchange: Exchange) -> Reply | None:
        return await self._wait("request")

    async def response(self, exchange: Exchange) -> Reply | None:
        return await self._wait("response")

    async def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        await self._wait("request_body")
        return chunk.upper()

    async def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        await self._wait("response_body")
        return chunk.upper()

    async def _wait(self, where: str) -> Reply | None:
        if where != self.where:
            return None
        await self.gate
        if self.error is not None:
            raise self.error
        return self.reply

    def close(self) -> None:
        self.closed += 1


def with_filter(build: "Build", made: SyncFilter | AsyncFilter, place: str = "chain", **settings: Any) -> "Scenario":
    places: dict[str, dict[str, Any]] = {"chain": {}, "route": {}}
    places[place]["plugins"] = (use("it", **settings),)
    return build(chain=places["chain"], route=places["route"], plugins=filters_host(it=lambda config: made))


def post(scenario: "Scenario", body: bytes = b"abc") -> Any:
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return client


def test_phases_priorities_and_places_make_the_order_and_responses_go_back(build: "Build") -> None:
    made = filters_host(**{name: (lambda config, name=name: Marking(name)) for name in "abcdef"})
    scenario = build(
        chain={"plugins": (use("c", phase="stats"), use("b", phase="authn", priority=1), use("a", phase="authn"))},
        route={"plugins": (use("f"), use("d", phase="authn"), use("e", priority=-1))},
        plugins=made,
    )
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    assert b"x-way: abcdef\r\n" in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    assert b"x-way: fedcba\r\n" in answer
    assert answer.endswith(b"ok")


@pytest.mark.parametrize("place", ["chain", "route"])
def test_a_reply_ends_the_exchange(build: "Build", place: str) -> None:
    scenario = with_filter(build, Denying(), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", "X-Deny: 1")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"x-why: because\r\n" in answer
    assert b"hauberk-reason: plugin_answered\r\n" in answer
    assert answer.endswith(b"no\n")
    assert endpoint.connections() == []
    record = scenario.record()
    assert (record.status, record.reason and record.reason.code, record.details) == (403, "plugin_answered", "it")
    # The connection goes on.
    assert scenario.exchange(client, endpoint).endswith(b"ok")


@pytest.mark.parametrize("place", ["chain", "route"])
def test_requests_for_a_plugin_that_is_missing_are_refused(build: "Build", place: str) -> None:
    places: dict[str, dict[str, Any]] = {"chain": {}, "route": {}}
    places[place]["plugins"] = (msgspec.structs.replace(use("waf"), missing="it is not installed"),)
    scenario = build(chain=places["chain"], route=places["route"], plugins=filters_host())
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"hauberk-reason: plugin_failed\r\n" in answer
    assert endpoint.connections() == []
    assert scenario.record().details == "plugin waf: request"


def test_a_filter_of_a_route_sees_redirects_too(build: "Build") -> None:
    scenario = with_filter(build, Denying(), "route")
    redirecting = build(
        route={"plugins": (use("it"),), "backends": (), "redirect": Redirect(path="/x")},
        plugins=filters_host(it=lambda config: Denying()),
    )
    client = redirecting.browser()
    redirecting.get(client)
    assert client.received().startswith(b"HTTP/1.1 302 ")
    redirecting.get(client, "/", "X-Deny: 1")
    assert client.received().startswith(b"HTTP/1.1 403 ")
    assert scenario.plugin_faults == []


def test_a_reply_takes_the_place_of_a_response(build: "Build") -> None:
    class Hiding(SyncFilter):
        def response(self, exchange: Exchange) -> Reply | None:
            assert exchange.decision is not None
            return Reply(502, b"hidden") if exchange.status == 500 else None

    scenario = with_filter(build, Hiding())
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nsecret")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"secret" not in answer
    assert scenario.log() == [(502, "plugin_answered")]
    assert scenario.exchange(client, endpoint).endswith(b"ok")


@pytest.mark.parametrize("where", ["request", "response"])
def test_a_fault_on_a_head_refuses_or_passes_as_declared(build: "Build", where: str) -> None:
    for failure in ("closed", "open"):
        scenario = with_filter(build, raising(where), failure=failure)
        endpoint = scenario.serve()
        client = scenario.browser()
        scenario.get(client)
        if where == "response" or failure == "open":
            endpoint.connection().send(scenario.ok)
        answer = client.received()
        if failure == "open":
            assert answer.endswith(b"ok")
            assert scenario.log() == [(200, "")]
        else:
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"hauberk-reason: plugin_failed" in answer
            assert f"in {where}".encode() not in answer
            assert scenario.log() == [(503, "plugin_failed")]
        assert [(plugin, method, str(error)) for plugin, method, error in scenario.plugin_faults] == [
            ("it", where, f"in {where}")
        ]


@pytest.mark.parametrize("failure", ["closed", "open"])
def test_a_fault_on_a_request_body(build: "Build", failure: str) -> None:
    scenario = with_filter(build, raising("request_body"), failure=failure)
    endpoint = scenario.serve()
    client = post(scenario)
    if failure == "open":
        assert endpoint.connection().received().endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
    else:
        assert b"hauberk-reason: plugin_failed" in client.received()
        assert scenario.log() == [(503, "plugin_failed")]


@pytest.mark.parametrize("failure", ["closed", "open"])
def test_a_fault_on_a_response_body_cuts_it_or_passes(build: "Build", failure: str) -> None:
    scenario = with_filter(build, raising("response_body"), failure=failure)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    if failure == "open":
        assert answer.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    else:
        assert client.saw_reset()
        assert scenario.log() == [(200, "plugin_failed")]


@pytest.mark.parametrize("nonsense", ["yes", 7])
def test_what_is_no_reply_is_a_fault(build: "Build", nonsense: object) -> None:
    class Confused(SyncFilter):
        def request(self, exchange: Exchange) -> Any:
            return nonsense

    scenario = with_filter(build, Confused())
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: plugin_failed" in client.received()
    [(_, _, error)] = scenario.plugin_faults
    assert isinstance(error, TypeError)


def test_bodies_change_their_length_on_the_way(build: "Build") -> None:
    scenario = with_filter(build, Doubling())
    endpoint = scenario.serve()
    client = post(scenario)
    request = endpoint.connection().received()
    assert b"Content-Length" not in request
    assert request.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nabcabc!\r\n0\r\n\r\n")
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    assert answer.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nokok\r\n1\r\n!\r\n0\r\n\r\n")
    record = scenario.record()
    assert (record.bytes_received, record.bytes_sent) == (3, 5)
    # A request without a body has none to filter.
    scenario.get(client)
    assert endpoint.connection().received().endswith(b"\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_large_body_is_filtered_piece_by_piece(build: "Build", seed: int) -> None:
    plugins = filters_host(it=lambda config: Doubling())
    scenario = build(chain={"plugins": (use("it"),)}, plugins=plugins, seed=seed)
    endpoint = scenario.serve()
    client = post(scenario, b"~" * 300_000)
    assert endpoint.connection().received().count(b"~") == 600_000
    assert scenario.plugin_faults == []
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"^" * 300_000)
    assert client.received().count(b"^") == 600_000


@pytest.mark.parametrize("where", ["request", "response", "request_body", "response_body"])
@pytest.mark.parametrize("place", ["chain", "route"])
def test_the_exchange_waits_and_the_loop_does_not(build: "Build", where: str, place: str) -> None:
    made = Waiting(where)
    scenario = with_filter(build, made, place)
    endpoint = scenario.serve()
    client = post(scenario)
    other = scenario.browser()
    if where.startswith("response"):
        assert endpoint.connection().received().endswith(b"3\r\nABC\r\n0\r\n\r\n")
        endpoint.connection().send(scenario.ok)
    waiting = client.received()
    assert b"OK\r\n0\r\n" not in waiting
    assert scenario.waiting.running() == 1
    if where == "request":
        assert endpoint.connections() == []
    # Everybody else goes on.
    other.send(b"nonsense\r\n\r\n")
    assert other.received().startswith(b"HTTP/1.1 400 ")
    made.gate.open()
    if where.startswith("request"):
        assert endpoint.connection().received().endswith(b"3\r\nABC\r\n0\r\n\r\n")
        endpoint.connection().send(scenario.ok)
    assert (waiting + client.received()).endswith(b"2\r\nOK\r\n0\r\n\r\n")
    assert scenario.waiting.running() == 0
    assert scenario.plugin_faults == []


@pytest.mark.parametrize("where", ["request", "response"])
def test_an_asynchronous_reply(build: "Build", where: str) -> None:
    made = Waiting(where)
    made.reply = Reply(401, b"who are you")
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    if where == "response":
        endpoint.connection().send(scenario.ok)
    assert client.received() == b""
    made.gate.open()
    assert client.received().endswith(b"who are you")
    assert scenario.log() == [(401, "plugin_answered")]
    made.reply = None
    assert scenario.exchange(client, endpoint).endswith(b"2\r\nOK\r\n0\r\n\r\n")


@pytest.mark.parametrize("failure", ["closed", "open"])
@pytest.mark.parametrize("kind", ["raises", "too slow", "too many"])
def test_an_asynchronous_fault(build: "Build", failure: str, kind: str) -> None:
    made = Waiting("request")
    scenario = with_filter(build, made, failure=failure, timeout=2.0)
    if kind == "too many":
        scenario.waiting.most = 0
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    if kind == "raises":
        made.error = RuntimeError("broken")
        made.gate.open()
    elif kind == "too slow":
        scenario.advance(1.9)
        assert client.received() == b""
        scenario.advance(0.2)
    if failure == "open":
        scenario.waiting.most = 10
        assert endpoint.connection().received()
        endpoint.connection().send(scenario.ok)
        assert client.received().startswith(b"HTTP/1.1 200 ")
    else:
        assert b"hauberk-reason: plugin_failed" in client.received()
        assert scenario.log() == [(503, "plugin_failed")]
    assert len(scenario.plugin_faults) == 1


@pytest.mark.parametrize("where", ["request", "request_body", "response", "response_body"])
def test_a_client_that_goes_cancels_the_call(build: "Build", where: str) -> None:
    made = Waiting(where)
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = scenario.browser()
    if where == "request_body":
        # The rest of the body is not there yet: nobody has stopped reading.
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc")
    else:
        scenario.get(client)
    if where.startswith("response"):
        endpoint.connection().send(scenario.ok)
    scenario.run()
    assert scenario.waiting.running() == 1
    client.reset()
    scenario.run()
    assert scenario.waiting.running() == 0
    assert scenario.core.exchanges() == 0
    assert [reason for _, reason in scenario.log()] == ["client_gone"]
    assert scenario.plugin_faults == []


def test_an_endpoint_that_fails_meanwhile_cancels_the_call(build: "Build") -> None:
    made = Waiting("response")
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    scenario.run()
    assert scenario.waiting.running() == 1
    endpoint.connection().reset()
    made.gate.open()
    assert client.received().startswith(b"HTTP/1.1 ")
    assert scenario.waiting.running() == 0
    scenario.advance(1)
    assert scenario.core.exchanges() == 0


def test_an_upload_is_not_read_on_while_its_filter_waits(build: "Build") -> None:
    made = Waiting("request")
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = post(scenario, b"x" * 4_000_000)
    scenario.run()
    assert client.unsent() > 3_000_000
    made.gate.open()
    request = endpoint.connection().received()
    assert request.count(b"X") >= 4_000_000
    endpoint.connection().send(scenario.ok)
    assert client.received().startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_pass_one_after_the_other(build: "Build") -> None:
    made = Waiting("request")
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/1")
    scenario.get(client, "/2")
    scenario.run()
    assert scenario.waiting.running() == 1
    made.gate.open()
    assert b"GET /1 " in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert b"GET /2 " in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert client.received().count(b"200 OK") == 2


def change_plugins(snapshot: Snapshot, *plugins: Any) -> Snapshot:
    listener = snapshot.listeners["web"]
    chain = msgspec.structs.replace(listener.filter_chains[0], plugins=plugins)
    return msgspec.structs.replace(snapshot, listeners={"web": msgspec.structs.replace(listener, filter_chains=(chain,))})


def test_filters_live_from_snapshot_to_snapshot_and_are_closed_once(build: "Build") -> None:
    made: list[str] = []
    closed: list[str] = []

    def make(config: dict[str, Any]) -> SyncFilter:
        made.append(config["letter"])
        return Marking(config["letter"], closed)

    scenario = build(chain={"plugins": (use("it", '{"letter":"a"}'),)}, plugins=filters_host(it=make))
    assert made == ["a"]
    scenario.apply(change_plugins(scenario.snapshot, use("it", '{"letter":"b"}'), use("it", '{"letter":"a"}')))
    assert (made, closed) == (["a", "b"], [])
    scenario.apply(msgspec.structs.replace(scenario.snapshot, version="again"))
    assert (made, closed) == (["a", "b"], [])
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    assert b"x-way: ba\r\n" in endpoint.connection().received()
    # The exchange keeps what it began with.
    scenario.apply(change_plugins(scenario.snapshot, use("it", '{"letter":"b"}')))
    assert closed == []
    endpoint.connection().send(scenario.ok)
    assert b"x-way: ab\r\n" in client.received()
    assert closed == ["a"]
    scenario.apply(change_plugins(scenario.snapshot))
    assert closed == ["a", "b"]
    assert scenario.exchange(client, endpoint).endswith(b"ok")


def test_a_filter_that_still_runs_is_closed_behind_its_call(build: "Build") -> None:
    made = Waiting("request")
    scenario = with_filter(build, made)
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    scenario.apply(change_plugins(scenario.snapshot))
    client.reset()
    assert made.closed == 0
    scenario.run()
    assert made.closed == 1


def test_the_last_connections_of_a_listener_keep_its_filters(build: "Build") -> None:
    closed: list[str] = []
    scenario = build(chain={"plugins": (use("it"),)}, plugins=filters_host(it=lambda config: Marking("a", closed)))
    endpoint = scenario.serve()
    client = scenario.browser()
    assert scenario.exchange(client, endpoint).endswith(b"ok")
    scenario.apply(msgspec.structs.replace(scenario.snapshot, listeners={}))
    assert closed == []
    scenario.get(client)
    assert b"x-way: a\r\n" in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert b"x-way: a\r\n" in client.received()
    assert client.saw_end()
    scenario.advance(3)
    assert closed == ["a"]


def test_a_request_is_routed_by_the_snapshot_it_began_with(build: "Build") -> None:
    made = Waiting("request")
    scenario = with_filter(build, made)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    table = scenario.snapshot.route_tables["all"]
    redirect = msgspec.structs.replace(table.virtual_hosts[0].routes[0], backends=(), redirect=Redirect(path="/elsewhere"))
    host_ = msgspec.structs.replace(table.virtual_hosts[0], routes=(redirect,))
    tables = {"all": msgspec.structs.replace(table, virtual_hosts=(host_,))}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, route_tables=tables))
    made.gate.open()
    assert b"GET / " in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert client.received().startswith(b"HTTP/1.1 200 ")
    scenario.get(client)
    assert client.received().startswith(b"HTTP/1.1 302 ")


class Noting(Observer):
    def __init__(self, records: list[Record], fail: bool = False) -> None:
        self.records = records
        self.fail = fail
        self.closed = 0

    def finished(self, record: Record) -> None:
        self.records.append(record)
        if self.fail:
            raise RuntimeError("observed too much")

    def close(self) -> None:
        self.closed += 1


def test_observers_hear_of_every_exchange_and_see_notes(build: "Build") -> None:
    records: list[Record] = []

    class Annotating(SyncFilter):
        def request(self, exchange: Exchange) -> Reply | None:
            exchange.attributes["both.note"] = exchange.path
            return None

    plugins = host(
        {
            "both": half(
                hauberk_request_filter=lambda config: Annotating(),
                hauberk_observer=lambda config: Noting(records),
            )
        }
    )
    scenario = build(chain={"plugins": (use("both"),)}, plugins=plugins)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.exchange(client, endpoint, "/one")
    client.send(b"nonsense\r\n\r\n")
    client.received()
    assert [(record.status, record.attributes) for record in records] == [(200, {"both.note": "/one"}), (400, None)]
    assert records[0].duration >= 0


def test_an_observer_that_fails_hears_no_more(build: "Build") -> None:
    bad: list[Record] = []
    good: list[Record] = []
    plugins = host(
        {
            "bad": half(hauberk_observer=lambda config: Noting(bad, fail=True)),
            "good": half(hauberk_observer=lambda config: Noting(good)),
        }
    )
    scenario = build(chain={"plugins": (use("bad"), use("good"))}, plugins=plugins)
    endpoint = scenario.serve()
    client = scenario.browser()
    for _ in range(3):
        assert scenario.exchange(client, endpoint).endswith(b"ok")
    scenario.apply(msgspec.structs.replace(scenario.snapshot, version="again"))
    assert scenario.exchange(client, endpoint).endswith(b"ok")
    assert (len(bad), len(good), len(scenario.plugin_faults)) == (1, 4, 1)


def test_upgrades_pass_filters_and_then_are_let_alone(build: "Build") -> None:
    scenario = with_filter(build, Doubling())
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", "Connection: upgrade", "Upgrade: echo")
    assert b"Upgrade: echo" in endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi")
    assert client.received().endswith(b"\r\n\r\nhi")
    client.send(b"there")
    assert endpoint.connection().received() == b"there"
    client.close()
    scenario.run()
    endpoint.connection().close()
    scenario.advance(61)


def test_text_from_a_service_cannot_break_a_message(build: "Build") -> None:
    class Smuggling(SyncFilter):
        def request(self, exchange: Exchange) -> Reply | None:
            exchange.headers.set("x-from", "service\r\nX-Evil: 1")
            return None

    scenario = with_filter(build, Smuggling())
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: plugin_failed" in client.received()
    [(_, _, error)] = scenario.plugin_faults
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("how", ["close", "reset", "time"])
@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_an_answer_that_has_come_whole_outlasts_its_connection(build: "Build", protocol: str, how: str) -> None:
    waiting = Waiting("response")
    scenario = build(
        chain={"plugins": (use("waiting"),)},
        cluster={"protocol": protocol},
        route={"backend_timeout": Duration(1.0)},
        plugins=filters_host(waiting=lambda config: waiting),
    )
    server = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    if protocol == "http1":
        peer = server.connection()
        peer.send(scenario.ok)
    else:
        connection = Http2Endpoint(server).connection()
        connection.answer(1, body=b"ok")
        peer = connection.peer
    scenario.run()
    if how == "time":
        scenario.advance(2.0)
    elif how == "reset":
        peer.reset()
    else:
        peer.close()
    scenario.run()
    waiting.gate.open()
    assert client.received().endswith(b"\r\n2\r\nOK\r\n0\r\n\r\n")
    assert scenario.log() == [(200, "")]
