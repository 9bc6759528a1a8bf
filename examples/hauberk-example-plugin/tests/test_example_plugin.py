"""The example's plugins in a whole proxy on virtual time."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import trio
from hauberk_example_plugin.ask import AskingFilter
from hauberk_example_plugin.ask import Settings as AskSettings

from hauberk_core.model import (
    Cluster,
    Endpoint,
    FilterChain,
    JsonObject,
    Listener,
    PluginConfig,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.plugin.data import GROUP, HttpAnswer, HttpClient, HttpFailed, Reply, Services
from hauberk_core.plugin.host import data_host
from hauberk_core.plugin.pool import PluginsRefused
from hauberk_core.sim.simulation import Simulation

PLUGINS = [
    EntryPoint("example-teams", "hauberk_example_plugin.teams", GROUP),
    EntryPoint("example-ask", "hauberk_example_plugin.ask", GROUP),
]


def proxy(*plugins: PluginConfig) -> Simulation:
    chain = FilterChain(route_table="all", plugins=plugins)
    routes = (Route(name="all", backends=(WeightedCluster(cluster="books"),)),)
    snapshot = Snapshot(
        listeners={"web": Listener(address="192.0.2.10:8080", filter_chains=(chain,))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
        clusters={"books": Cluster(endpoints=(Endpoint(address="192.0.2.20:9080"),))},
    )
    return Simulation(snapshot, plugins=data_host(PLUGINS, frozenset()))


def teams(config: str) -> PluginConfig:
    return PluginConfig(plugin="example-teams", phase="authz", config=JsonObject(config))


def test_teams_are_let_in_or_not() -> None:
    with proxy(teams('{"teams": ["blue"]}')) as simulation:
        books = simulation.endpoint("192.0.2.20:9080")
        client = simulation.client("192.0.2.10:8080")
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Team: red\r\n\r\n")
        assert client.received().startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert books.connections() == []
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Team: blue\r\n\r\n")
        assert b"x-admitted-team: blue\r\n" in books.connection().received()
        books.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert b"x-checked-by: example-teams\r\n" in client.received()
        assert simulation.plugin_faults == []


@pytest.mark.parametrize(
    ("plugin", "config", "reason"),
    [
        ("example-teams", "{}", "missing required field `teams`"),
        ("example-teams", '{"teams": []}', "name at least one"),
        ("example-teams", '{"teams": ["a"], "haeder": "x"}', "unknown field `haeder`"),
        ("example-ask", '{"url": "ftp://x"}', "does not begin with http://"),
        ("example-ask", '{"url": "http://x/", "seconds": 60}', "between 0 and 10"),
    ],
)
def test_wrong_configurations_are_refused_with_the_reason(plugin: str, config: str, reason: str) -> None:
    with pytest.raises(PluginsRefused, match=reason):
        proxy(PluginConfig(plugin=plugin, config=JsonObject(config)))


class Service(HttpClient):
    """Answers as it was told."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 2.0,  # noqa: ASYNC109 - the face has it
    ) -> HttpAnswer:
        self.asked = list(headers)
        return self.answer


class Offered(Services):
    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def http(self) -> HttpClient:
        return self._http


def ask(status: int, headers: list[tuple[str, str]] | None = None) -> tuple[Service, AskingFilter]:
    service = Service(HttpAnswer(status, headers or [], b"because"))
    return service, AskingFilter(AskSettings("http://service/"), Offered(service))


def exchange() -> Any:
    from hauberk_core.http.events import Request
    from hauberk_core.http.headers import Headers
    from hauberk_core.observe.record import Record
    from hauberk_core.plugin.data import Exchange

    return Exchange(Request("PUT", "a.test", "/books", "", 11, Headers()), Record(), "")


def test_a_yes_lets_the_request_through_with_the_user_s_name() -> None:
    service, asking = ask(204, [("x-user", "mina")])
    asked = exchange()
    assert trio.run(asking.request, asked) is None
    assert asked.headers.get("x-user") == "mina"
    assert ("x-original-path", "/books") in service.asked


def test_a_no_is_passed_on() -> None:
    _, asking = ask(403)
    reply = trio.run(asking.request, exchange())
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (403, b"because")


def test_anything_else_is_a_failure() -> None:
    _, asking = ask(500)
    with pytest.raises(HttpFailed, match="answered 500"):
        trio.run(asking.request, exchange())
