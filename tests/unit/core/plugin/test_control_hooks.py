"""The control halves: what they add, and what becomes of those that fail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

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
from hauberk_core.plugin.control import Attached, Command, JsonObject, Part, PolicyUse, Problem, Resource, hookimpl
from hauberk_core.plugin.control_plugins import attach_plugins, plugin_commands, read_policy, with_plugin_kinds
from hauberk_core.plugin.host import PluginHost, control_host
from hauberk_core.resources import Gateway, Namespace, ObjectMeta, Service
from hauberk_core.resources.gateway_api.rule_name import of_port
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.resources.registry import CORE_KINDS


class QuotaSpec(Part, frozen=True, kw_only=True):
    requests: int


class Quota(Resource, frozen=True, kw_only=True):
    GROUP: ClassVar[str] = "example.test"
    KIND: ClassVar[str] = "Quota"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: QuotaSpec


class Nameless(Resource, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "Nameless"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)


class Proxy:
    """A scope without resources."""

    role = "gateway"
    name = "default/web"
    namespace = "default"
    labels: Mapping[str, str] = {}
    policies: Mapping[str, TrafficPolicy] = {}

    def of(self, kind: type[Resource]) -> Sequence[Any]:
        return ()

    def secret(self, purpose: str) -> str:
        return purpose


SPACE = Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name="books"))


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


def test_hauberk_kinds_are_read_beside_the_core_s() -> None:
    host = controls(one={"hauberk_kinds": lambda: [Quota]}, two={"hauberk_kinds": lambda: ()})
    kinds, problems = with_plugin_kinds(host, CORE_KINDS)
    assert problems == []
    assert kinds.find("example.test/v1", "Quota") is Quota
    assert kinds.find("v1", "Service") is Service


@pytest.mark.parametrize(
    ("hook", "what"),
    [
        (lambda: "nonsense", "returned no list"),
        (lambda: [Quota, QuotaSpec], "is no class derived from Resource"),
        (lambda: [Nameless], "Nameless wants a GROUP"),
        (lambda: [type("Gateway", (Quota,), {"GROUP": Gateway.GROUP, "KIND": "Gateway"})], "two kinds called Gateway"),
        (lambda: next(iter(())), "StopIteration"),
    ],
)
def test_a_plugin_whose_kinds_are_wrong_has_none_and_the_others_have_theirs(hook: Callable[[], object], what: str) -> None:
    host = controls(broken={"hauberk_kinds": hook}, works={"hauberk_kinds": lambda: [Quota]})
    kinds, [problem] = with_plugin_kinds(host, CORE_KINDS)
    assert problem.origin == "plugin broken"
    assert what in problem.message
    assert kinds.find("example.test/v1", "Quota") is Quota
    assert kinds.find("v1", "Service") is Service


def test_hauberk_commands_are_gathered() -> None:
    command = Command(name="quota", module="m", attribute="a", help="Show it.")
    host = controls(one={"hauberk_commands": lambda: (command,)}, two={"hauberk_commands": lambda: [7]})
    commands, [problem] = plugin_commands(host)
    assert commands == [command]
    assert problem.origin == "plugin two"


def test_hauberk_translate_attaches_to_listeners_routes_and_clusters() -> None:
    problem = Problem(resource=SPACE, message="a wrong quota", hint="write another")
    attached = Attached(
        listener=(use("it"),), routes={"two": (use("it"),)}, clusters={"books": (use("it"),)}, problems=(problem,)
    )
    before = snapshot()
    after, problems, failures = attach_plugins(controls(it={"hauberk_translate": lambda scope: attached}), Proxy(), before)
    assert (problems, failures) == ((problem,), ())
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
    after, problems, [problem] = attach_plugins(host, Proxy(), snapshot())
    assert problems == ()
    assert what in problem.message
    assert problem.origin == "plugin broken"
    assert after.listeners["web"].filter_chains[0].plugins == (use("own"), use("works"))


def test_a_rule_gets_its_plugins_once_for_each_port_of_a_table() -> None:
    before = snapshot()
    host_name = before.route_tables["all"].virtual_hosts[0]
    routes = tuple([msgspec.structs.replace(host_name.routes[1], name=of_port("two", port)) for port in (80, 81)])
    table = RouteTable(virtual_hosts=(msgspec.structs.replace(host_name, routes=routes),))
    before = msgspec.structs.replace(before, route_tables={"all": table})
    attached = Attached(routes={"two": (use("it"),)})
    after = attach_plugins(controls(it={"hauberk_translate": lambda scope: attached}), Proxy(), before).snapshot
    assert [route.plugins for route in after.route_tables["all"].virtual_hosts[0].routes] == [(use("it"),), (use("it"),)]


def test_hauberk_policy_says_what_a_policy_means() -> None:
    meant = PolicyUse(at_callers=True, versions={"v1": 1})

    def hauberk_policy(kind: str, config: dict[str, object]) -> PolicyUse | None:
        return meant if (kind, config) == ("Service", {"a": 1}) else None

    host = controls(it={"hauberk_policy": hauberk_policy}, mute={"hauberk_commands": lambda: ()})
    assert read_policy(host, "it", "Service", JsonObject.of({"a": 1})) is meant
    assert read_policy(host, "it", "Gateway", JsonObject.of({"a": 1})) == PolicyUse()
    assert read_policy(host, "mute", "Service", JsonObject("{}")) == read_policy(host, "gone", "Service", JsonObject("{}"))


@pytest.mark.parametrize(("answer", "what"), [(ValueError("no such colour"), "no such colour"), (7, "is no PolicyUse")])
def test_a_policy_that_its_plugin_does_not_understand_is_wrong(answer: object, what: str) -> None:
    def hauberk_policy() -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match=what):
        read_policy(controls(it={"hauberk_policy": hauberk_policy}), "it", "Gateway", JsonObject("{}"))


def test_without_a_word_the_snapshot_is_the_same() -> None:
    before = snapshot()
    after, problems, failures = attach_plugins(controls(it={"hauberk_translate": lambda scope: None}), Proxy(), before)
    assert after is before
    assert problems + failures == ()
