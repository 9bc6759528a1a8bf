"""Plugins' part in translation: added behind it, under a version of its own."""

import msgspec
from plugin_fixtures import GivenEntry, half, use
from resource_scenarios import store_of

from hauberk_control.plugins import PluginTranslation
from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, Translator, translate
from hauberk_core.model import FilterChain, Listener, RouteTable, Snapshot
from hauberk_core.plugin.control import Attached, Problem, Scope, hookimpl
from hauberk_core.plugin.host import PluginHost, control_host
from hauberk_core.resources import Namespace, Service

NODE = Node(
    identity="spiffe://cluster.local/ns/shop/sa/books",
    role="sidecar",
    name="books-1",
    namespace="shop",
    labels={"app": "books"},
)
STORE = store_of("apiVersion: v1\nkind: Namespace\nmetadata: {name: books}\n")
PROBLEM = Problem(resource=next(STORE.of(Namespace)), path=("metadata", "name"), message="too long", hint="write b")


class _Translator(Translator):
    def translate(self, store: Store, node: Node) -> Translation:
        listener = Listener(address="127.0.0.1:0", filter_chains=(FilterChain(route_table="all"),))
        return Translation(Snapshot(version="v", listeners={"in": listener}, route_tables={"all": RouteTable()}), {}, ())


def _host(attached: Attached | None) -> PluginHost:
    def hauberk_translate(scope: Scope) -> Attached | None:
        assert (scope.role, scope.name, scope.namespace) == ("sidecar", "books-1", "shop")
        assert dict(scope.labels) == {"app": "books"}
        assert list(scope.of(Service)) == []
        assert scope.secret("it") == "IT"
        return attached

    return control_host([GivenEntry("it", half("1", hookimpl, hauberk_translate=hauberk_translate))], frozenset())


def test_what_plugins_add_is_part_of_the_snapshot_and_of_its_version() -> None:
    with_plugins = PluginTranslation(_Translator(), _host(Attached(listener=(use("it"),), problems=(PROBLEM,))), str.upper)
    first = with_plugins.translate(STORE, NODE)
    assert first.snapshot.listeners["in"].filter_chains[0].plugins == (use("it"),)
    assert [str(problem).splitlines()[0] for problem in first.problems] == [
        "mesh.yaml:3:18: metadata.name: Namespace books: too long"
    ]
    assert first.snapshot.version not in {"", "v"}
    assert with_plugins.translate(STORE, NODE).snapshot == first.snapshot
    changed = _host(Attached(listener=(use("it", priority=1),)))
    other = PluginTranslation(_Translator(), changed, str.upper).translate(Store(), NODE)
    assert other.snapshot.version != first.snapshot.version


def test_a_plugin_that_only_complains_leaves_the_version() -> None:
    told = PluginTranslation(_Translator(), _host(Attached(problems=(PROBLEM,))), str.upper).translate(STORE, NODE)
    assert (told.snapshot.version, len(told.problems)) == ("v", 1)


def test_what_plugins_say_of_objects_and_that_they_failed_is_noted() -> None:
    told = PluginTranslation(_Translator(), _host(Attached(problems=(PROBLEM,))), str.upper).translate(STORE, NODE)
    [finding] = told.notes.findings
    assert (str(finding.key), finding.mistake.message, told.notes.problems) == ("Namespace books", "too long", ())
    failing = PluginTranslation(_Translator(), _host(7), str.upper).translate(STORE, NODE)  # type: ignore[arg-type]
    [failure] = failing.notes.problems
    assert failure.origin == "plugin it"
    assert failing.snapshot.version == "v"


def test_without_plugins_the_translation_is_passed_on() -> None:
    gateway = msgspec.structs.replace(NODE, role="gateway", name="shop/web")
    passed = PluginTranslation(Translator(), control_host([], frozenset()), str.upper).translate(Store(), gateway)
    assert passed == translate(Store(), gateway)
