"""What a proxy is told of plugins that it lacks."""

import msgspec
import pytest
from plugin_fixtures import use

from hauberk_control.translate.plugin_uses import hold_against
from hauberk_core.model import Cluster, FilterChain, Listener, Redirect, Route, RouteTable, Snapshot, VirtualHost
from hauberk_core.model.plugin import PluginConfig

Uses = tuple[PluginConfig, ...]
WAF = use("waf", failure="closed")
STATS = use("stats", failure="open")
BREAKER = use("breaker", failure="closed")


def snapshot(
    chain: tuple[PluginConfig, ...] = (), route: tuple[PluginConfig, ...] = (), cluster: tuple[PluginConfig, ...] = ()
) -> Snapshot:
    routes = (Route(name="one", redirect=Redirect(path="/1"), plugins=route), Route(name="two", redirect=Redirect(path="/2")))
    return Snapshot(
        listeners={"web": Listener(address=":80", filter_chains=(FilterChain(route_table="all", plugins=chain),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
        clusters={"books": Cluster(plugins=cluster)},
    )


ALL = snapshot((WAF, STATS), (STATS, WAF), (BREAKER,))


@pytest.mark.parametrize("installed", [None, {"waf": "1", "stats": "2", "breaker": "3", "other": "4"}])
def test_with_all_plugins_the_snapshot_is_the_same(installed: dict[str, str] | None) -> None:
    held = hold_against(ALL, installed)
    assert held.snapshot is ALL
    assert held.uses == (WAF, STATS, STATS, WAF, BREAKER)
    assert held.missing == ()


def test_a_missing_plugin_that_fails_open_is_left_out_and_one_that_fails_closed_is_marked() -> None:
    held = hold_against(ALL, {})
    marked = msgspec.structs.replace(WAF, missing="it is not installed")
    assert held.snapshot == snapshot((marked,), (marked,), ())
    assert held.missing == held.uses


def test_a_plugin_of_a_version_that_is_not_wanted_is_missing() -> None:
    held = hold_against(
        snapshot((WAF, STATS)), {"waf": "1.4", "stats": ""}, lambda config: {"waf": ">=2", "stats": "==1.*"}[config.plugin]
    )
    marked = msgspec.structs.replace(WAF, missing="1.4 is installed, and >=2 is wanted")
    assert held.snapshot == snapshot((marked,))
    assert held.missing == (WAF, STATS)


def test_a_plugin_of_a_version_that_is_wanted_is_there() -> None:
    held = hold_against(snapshot((WAF,)), {"waf": "2.1"}, lambda _: ">=2,<3")
    assert held.missing == ()


def test_only_what_is_missing_changes() -> None:
    held = hold_against(ALL, {"waf": "1", "breaker": "3"})
    assert held.snapshot == snapshot((WAF,), (WAF,), (BREAKER,))
    assert held.missing == (STATS, STATS)


def test_what_was_marked_is_found_by_its_identity() -> None:
    held = hold_against(ALL, {})
    assert held.missing[0] is WAF
