"""What happens to requests, seen at a whole proxy on virtual time."""

from importlib.metadata import EntryPoint

import pytest

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
from hauberk_core.plugin.data import GROUP
from hauberk_core.plugin.host import data_host
from hauberk_core.plugin.pool import PluginsRefused
from hauberk_core.sim.simulation import Simulation

WEB = "192.0.2.10:8080"
BOOKS = "192.0.2.20:9080"


def proxy(config: str) -> Simulation:
    """A proxy in front of one endpoint, with the plugin in its only filter chain."""
    use = PluginConfig(plugin="example-teams", phase="authz", config=JsonObject(config))
    routes = (Route(name="all", backends=(WeightedCluster(cluster="books"),)),)
    snapshot = Snapshot(
        listeners={"web": Listener(address=WEB, filter_chains=(FilterChain(route_table="all", plugins=(use,)),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
        clusters={"books": Cluster(endpoints=(Endpoint(address=BOOKS),))},
    )
    plugins = data_host([EntryPoint("example-teams", "example_teams.data", GROUP)], frozenset())
    return Simulation(snapshot, plugins=plugins)


def test_teams_are_let_in_or_not() -> None:
    with proxy('{"teams": ["blue"]}') as simulation:
        books = simulation.endpoint(BOOKS)
        client = simulation.client(WEB)
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Team: red\r\n\r\n")
        assert client.received().startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert books.connections() == []
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Team: blue\r\n\r\n")
        assert b"x-admitted-team: blue\r\n" in books.connection().received()
        books.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert b"x-checked-by: example-teams\r\n" in client.received()
        assert simulation.plugin_faults == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{}", "missing required field `teams`"),
        ('{"teams": []}', "name at least one"),
        ('{"teams": ["a"], "haeder": "x"}', "unknown field `haeder`"),
    ],
)
def test_wrong_configurations_are_refused_with_the_reason(config: str, reason: str) -> None:
    with pytest.raises(PluginsRefused, match=reason):
        proxy(config)
