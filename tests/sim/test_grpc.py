"""Calls of gRPC: what the proxy answers in its own name, how long it waits, what it notes, and when it asks again."""

from typing import TYPE_CHECKING, Any

import pytest
from h2_browser import Browser
from plugin_fixtures import filters_host, half, host, use

from hauberk_core.model import GrpcMatch, Match
from hauberk_core.model.duration import Duration
from hauberk_core.model.retry import Retry
from hauberk_core.plugin.data import Endpoint, Exchange, Guard, Outcome, Permit, Reply, Subject, SyncFilter
from hauberk_core.sim.peer import ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
MESSAGE = b"5\r\n\0\0\0\0\0\r\n"
UNAVAILABLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 14\r\nContent-Length: 0\r\n\r\n"
FINE = HEAD + MESSAGE + b"0\r\ngrpc-status: 0\r\n\r\n"
PEER = "spiffe://cluster.local/ns/default/sa/books"


def call(client: Browser, *fields: tuple[str, str], content_type: str = "application/grpc", body: bytes | None = None) -> int:
    """A call with no message, unless `body` is given, which more may follow."""
    return client.ask("POST", "/books.Reviews/Get", [("content-type", content_type), ("te", "trailers"), *fields], body)


def refused(client: Browser, stream: int) -> tuple[str, str, str]:
    """Status, message and reason of an answer that is nothing else."""
    status, fields, body, ending = client.answer(stream)
    assert (status, fields["content-type"], body, ending) == (200, "application/grpc", b"", "end")
    return fields["grpc-status"], fields["grpc-message"], fields["hauberk-reason"]


@pytest.fixture(params=["strict", "h2"])
def proxy(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """A proxy with either codec."""
    return build(chain={"http2_codec": request.param})


def test_where_nobody_serves_the_client_gets_a_status_of_grpc(proxy: "Scenario") -> None:
    client = Browser(proxy.browser())
    status, message, reason = refused(client, call(client, content_type="application/grpc+proto"))
    assert (status, reason) == ("14", "connect_failed")
    assert message.startswith("connect_failed: ")
    record = proxy.record()
    assert (record.status, record.grpc_status, record.response_details()[:15]) == (200, 14, "connect_failed{")


@pytest.mark.parametrize(
    ("route", "status", "reason"),
    [
        ({"matches": (Match(grpc=GrpcMatch(method="List")),)}, "12", "no_route"),
        ({"backends": ()}, "14", "no_backend"),
    ],
)
def test_a_call_that_no_route_takes_or_that_leads_nowhere(
    build: "Build", route: dict[str, Any], status: str, reason: str
) -> None:
    client = Browser(build(route=route).browser())
    answered, message, told = refused(client, call(client))
    assert (answered, told) == (status, reason)
    assert message.startswith(f"{reason}: ")


@pytest.mark.parametrize("content_type", ["application/json", "application/grpc-web", "text/plain"])
def test_everybody_else_is_answered_as_before(proxy: "Scenario", content_type: str) -> None:
    client = Browser(proxy.browser())
    status, fields, body, _ = client.answer(call(client, content_type=content_type))
    assert (status, fields.get("grpc-status")) == (503, None)
    assert b"connect_failed" in body
    assert proxy.record().grpc_status == -1


def test_a_request_of_http_1_is_no_call(proxy: "Scenario") -> None:
    client = proxy.browser()
    proxy.get(client, "/", "Content-Type: application/grpc")
    assert client.received().startswith(b"HTTP/1.1 503 ")


def test_the_clients_deadline_holds(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client, ("grpc-timeout", "250m"))
    assert b"grpc-timeout: 250m\r\n" in endpoint.connection().received()
    proxy.advance(0.3)
    assert refused(client, stream)[0] == "4"
    assert endpoint.connection().saw_end()


def test_the_smaller_of_two_deadlines_holds_and_the_endpoint_is_told(build: "Build") -> None:
    proxy = build(route={"timeout": Duration(2.0)})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    streams = [call(client, *fields) for fields in ((), (("grpc-timeout", "1H"),), (("grpc-timeout", "500m"),))]
    told = [peer.received() for peer in endpoint.connections()]
    assert [b"grpc-timeout: 2000m\r\n" in request for request in told] == [True, True, False]
    assert b"grpc-timeout: 500m\r\n" in told[2]
    proxy.advance(1)
    assert refused(client, streams[2])[0] == "4"
    assert client.answer(streams[1])[3] == ""
    proxy.advance(1.5)
    assert [refused(client, stream)[0] for stream in streams[:2]] == ["4", "4"]


def test_what_is_no_timeout_is_the_endpoints_to_mind(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client, ("grpc-timeout", "soon"))
    assert b"grpc-timeout: soon\r\n" in endpoint.connection().received()
    proxy.advance(30)
    endpoint.connection().send(FINE)
    assert client.answer(stream)[1]["grpc-status"] == "0"


def test_a_call_without_deadline_outlives_the_stall_of_others_while_it_moves_now_and_then(build: "Build") -> None:
    proxy = build()
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().send(HEAD)
    for _ in range(3):
        proxy.advance(600)
        endpoint.connection().send(MESSAGE)
    assert client.answer(stream)[2:] == (b"\0\0\0\0\0" * 3, "")
    proxy.advance(3700)
    assert client.answer(stream)[1]["grpc-status"] == "4"


@pytest.mark.parametrize(
    ("answer", "status", "details"),
    [
        (FINE, 0, "via_upstream"),
        (UNAVAILABLE, 14, "via_upstream{grpc_status_14}"),
        (HEAD + b"0\r\ngrpc-status: 5\r\ngrpc-message: gone\r\n\r\n", 5, "via_upstream{grpc_status_5}"),
        (HEAD + b"0\r\n\r\n", 2, "via_upstream{grpc_status_2}"),
        (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", 12, "via_upstream{grpc_status_12}"),
    ],
    ids=["fine", "trailers-only", "trailers", "none", "http"],
)
def test_the_endpoints_status_is_noted(proxy: "Scenario", answer: bytes, status: int, details: str) -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    endpoint.connection().send(answer)
    assert client.answer(stream)[3] == "end"
    record = proxy.record()
    assert (record.grpc_status, record.response_details()) == (status, details)


def test_an_answer_that_breaks_off_ends_with_a_status(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    endpoint.connection().send(HEAD + MESSAGE)
    assert client.answer(stream)[2] == b"\0\0\0\0\0"
    endpoint.connection().reset()
    status, fields, _, ending = client.answer(stream)
    assert (status, fields["grpc-status"], ending) == (200, "14", "end")
    assert fields["grpc-message"].startswith("upstream_reset: ")
    assert proxy.record().grpc_status == 14


def test_an_answer_that_said_its_length_and_breaks_off_is_reset(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 9\r\n\r\n\0\0\0\0\4")
    endpoint.connection().close()
    assert client.answer(stream)[3] == "reset 2"


def test_a_client_that_gives_up_is_noted_as_cancelled(proxy: "Scenario") -> None:
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    client.machine.reset(stream, 8)
    client.talk()
    assert proxy.record().grpc_status == 1
    assert endpoint.connection().saw_end()


def test_what_a_plugin_answers_is_a_status_too(build: "Build") -> None:
    class Guarding(SyncFilter):
        def __init__(self, _config: dict[str, object]) -> None:
            pass

        def request(self, exchange: Exchange) -> Reply | None:
            return Reply(403, b"not for you\nnor anybody")

    proxy = build(chain={"plugins": (use("guarding"),)}, plugins=filters_host(guarding=Guarding))
    client = Browser(proxy.browser())
    assert refused(client, call(client)) == ("7", "not for you", "plugin_answered")


# Other attempts.


def test_a_status_that_the_route_names_is_tried_again(build: "Build") -> None:
    proxy = build(route={"retry": Retry(grpc_codes=(14,), attempts=1)})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client, body=b"\0\0\0\0\0")
    client.machine.send_end(stream, None)
    client.talk()
    endpoint.connection().received()
    endpoint.connection().send(UNAVAILABLE)
    proxy.advance(1)
    again = endpoint.connection().received()
    assert again.startswith(b"POST /books.Reviews/Get ")
    assert b"\0\0\0\0\0" in again
    endpoint.connection().send(FINE)
    assert client.answer(stream)[1]["grpc-status"] == "0"


@pytest.mark.parametrize("answer", [UNAVAILABLE.replace(b"14", b"5"), HEAD + MESSAGE + b"0\r\ngrpc-status: 14\r\n\r\n"])
def test_another_status_or_one_behind_messages_is_passed_on(build: "Build", answer: bytes) -> None:
    proxy = build(route={"retry": Retry(grpc_codes=(14,), attempts=1)})
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    endpoint.connection().send(answer)
    assert client.answer(stream)[3] == "end"


def test_a_proxy_of_the_mesh_that_sent_nothing_on_is_left_for_another_endpoint(build: "Build") -> None:
    proxy = build(cluster={"endpoints": build().both, "load_balancing": "round_robin"})
    servers = [proxy.serve(proxy.books), proxy.serve(proxy.other)]
    for address in (proxy.books, proxy.other):
        proxy.network.identify(address.rpartition(":")[0], PEER)
    client = Browser(proxy.browser())
    stream = call(client)
    first = _asked(servers)
    first.connection().send(UNAVAILABLE.replace(b"Content-Length", b"hauberk-sent: nothing\r\nContent-Length"))
    second = _asked(servers)
    assert second is not first
    second.connection().send(FINE)
    assert client.answer(stream)[1]["grpc-status"] == "0"


def test_a_caller_of_the_mesh_is_told_that_nothing_was_sent(build: "Build") -> None:
    proxy = build()
    proxy.network.identify("198.51.100.7", PEER)
    client = Browser(proxy.client(proxy.web, "198.51.100.7"))
    assert client.answer(call(client))[1]["hauberk-sent"] == "nothing"


def _asked(servers: list[ScriptedEndpoint]) -> ScriptedEndpoint:
    """The one endpoint to which something has come."""
    [found] = [server for server in servers if [peer for peer in server.connections() if peer.received()]]
    return found


# How endpoints are judged.


class Judging(Guard):
    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit:
        return Heard(self.heard)


class Heard(Permit):
    def __init__(self, heard: list[tuple[str, int]]) -> None:
        self.heard = heard

    def answered(self, status: int, subject: Subject) -> None:
        self.heard.append(("answered", status))

    def done(self, outcome: Outcome) -> None:
        self.heard.append(("done", outcome.status))


@pytest.mark.parametrize(
    ("answer", "judged"),
    [
        (FINE, 200),
        (UNAVAILABLE, 503),
        (UNAVAILABLE.replace(b"14", b"16"), 401),
        (HEAD + MESSAGE + b"0\r\ngrpc-status: 13\r\n\r\n", 500),
        (b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n", 502),
    ],
)
def test_guards_hear_the_status_that_http_would_have(build: "Build", answer: bytes, judged: int) -> None:
    guard = Judging()
    plugins = host({"judge": half(hauberk_upstream_guard=lambda config: guard)})
    settings: dict[str, Any] = {"plugins": (use("judge"),)}
    proxy = build(cluster=settings, plugins=plugins)
    endpoint = proxy.serve()
    client = Browser(proxy.browser())
    stream = call(client)
    endpoint.connection().received()
    endpoint.connection().send(answer)
    client.answer(stream)
    assert guard.heard == [("answered", judged), ("done", judged)]
