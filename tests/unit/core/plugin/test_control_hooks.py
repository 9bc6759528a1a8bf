"""The control halves: what they add, and what becomes of those that fail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from plugin_fixtures import GivenEntry, half, use

from hauberk_core.model import (
    Cluster,
    FilterChain,
    Listener,
    Redirect,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
)
from hauberk_core.plugin.control import Attached, Command, ConfigError, Kind, hookimpl
from hauberk_core.plugin.control_plugins import attach_plugins, plugin_commands, plugin_kinds
from hauberk_core.plugin.host import PluginHost, control_host


class Quota(msgspec.Struct, forbid_unknown_fields=True):
    requests: int


class Proxy:
    """A scope without resources."""

    role = "gateway"
    name = "default/web"
    namespace = "default"
    labels: Mapping[str, str] = {}

    def of(self, struct: type[msgspec.Struct]) -> Sequence[object]:
        return ()


QUOTA = Kind(group="example.test", kind="Quota", versions=("v1",), struct=Quota)


def controls(**halves: dict[str, Callable[..., Any]]) -> PluginHost:
    return control_host([GivenEntry(name, half("1", hookimpl, **hooks)) for name, hooks in halves.items()], frozenset())


def snapshot() -> Snapshot:
    routes = (
        Route(name="one", redirect=Redirect(path="/1"), plugins=(use("own"),)),
        Route(name="two", redirect=Redirect(path="/2")),
    )
    return Snapshot(
        listeners={"web": Listener(address=":80", filter_chains=(FilterChain(route_table="all", plugins=(use("own"),)),))},
        route_tables={
            "all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),)),
            "other": RouteTable(),
        },
        clusters={"books": Cluster(), "reviews": Cluster()},
    )


def test_hauberk_kinds_and_hauberk_commands_are_gathered() -> None:
    command = Command(name="quota", module="m", attribute="a", help="Show it.")
    host = controls(
        one={"hauberk_kinds": lambda: [QUOTA]},
        two={"hauberk_kinds": lambda: "nonsense"},
        three={"hauberk_commands": lambda: (command,)},
    )
    kinds, problems = plugin_kinds(host)
    assert kinds == [QUOTA]
    assert [problem.origin for problem in problems] == ["plugin two"]
    assert plugin_commands(host) == ([command], [])


def test_hauberk_translate_attaches_to_listeners_routes_and_clusters() -> None:
    problem = ConfigError(message="a wrong quota", hint="write another")
    attached = Attached(
        listener=(use("it"),), routes={"two": (use("it"),)}, clusters={"books": (use("it"),)}, problems=(problem,)
    )
    before = snapshot()
    after, problems = attach_plugins(controls(it={"hauberk_translate": lambda scope: attached}), Proxy(), before)
    assert problems == (problem,)
    assert after.listeners["web"].filter_chains[0].plugins == (use("own"), use("it"))
    one, two = after.route_tables["all"].virtual_hosts[0].routes
    assert (one.plugins, two.plugins) == ((use("own"),), (use("it"),))
    assert after.route_tables["other"] is before.route_tables["other"]
    assert (after.clusters["books"].plugins, after.clusters["reviews"].plugins) == ((use("it"),), ())
    assert before == snapshot()


def _fail(scope: Proxy) -> Attached:
    raise RuntimeError(f"{scope.name} is too much")


@pytest.mark.parametrize(("hook", "what"), [(_fail, "default/web is too much"), (lambda scope: 7, "which is no Attached")])
def test_a_plugin_that_fails_adds_nothing_and_the_rest_goes_on(hook: Callable[..., Any], what: str) -> None:
    host = controls(
        broken={"hauberk_translate": hook},
        silent={"hauberk_translate": lambda: None},
        works={"hauberk_translate": lambda scope: Attached(listener=(use("works"),))},
    )
    after, [problem] = attach_plugins(host, Proxy(), snapshot())
    assert what in problem.message
    assert problem.origin == "plugin broken"
    assert after.listeners["web"].filter_chains[0].plugins == (use("own"), use("works"))


def test_without_a_word_the_snapshot_is_the_same() -> None:
    before = snapshot()
    after, problems = attach_plugins(controls(it={"hauberk_translate": lambda scope: None}), Proxy(), before)
    assert after is before
    assert problems == ()
