"""The page on gRPC: what it shows is taken as it stands, and does what it says."""

import importlib
import re
from pathlib import Path

import pytest
from plugin_fixtures import GivenEntry
from resource_scenarios import ask, gateway_node, service, store_of, workload

from hauberk_control.plugins import PluginTranslation
from hauberk_control.translate.translate import Translator
from hauberk_core.http.grpc import status
from hauberk_core.model import Reason
from hauberk_core.plugin.control_plugins import read_policy
from hauberk_core.plugin.host import control_host

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "grpc.md").read_text()


def test_the_resources_are_taken_and_do_what_is_said(page: str) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 3
    plugins = control_host([GivenEntry("grpcweb", importlib.import_module("hauberk_grpcweb.control"))], frozenset())
    translator = Translator(lambda plugin, kind, config: read_policy(plugins, plugin, kind, config))
    reviews = service("reviews") + workload("reviews-v1", 20001, app="reviews")
    store = store_of(GATEWAY, reviews, *[f"---\n{one}" for one in shown])
    translation = PluginTranslation(translator, plugins, str).translate(store, gateway_node())
    assert [str(problem) for problem in translation.problems] == []
    snapshot = translation.snapshot
    called = ask(snapshot, "port-80", "/books.v1.Reviews/Get", "books.example.test")
    assert snapshot.clusters[called.cluster].protocol == "http2"
    editors = (("x-team", "editors"),)
    assert ask(snapshot, "port-80", "/books.v7.Admin/Any", "books.example.test", editors).cluster == called.cluster
    assert ask(snapshot, "port-80", "/books.v1.Reviews/List", "books.example.test").reason is Reason.NO_ROUTE
    uses = {
        host.name: {use.plugin for route in host.routes for use in route.plugins}
        for host in snapshot.route_tables["port-80"].virtual_hosts
    }
    assert uses["books.example.test"] == uses["pages.example.test"] == {"grpcweb"}


def test_the_statuses_are_those_that_are_sent(page: str) -> None:
    rows = re.findall(r"^\| (.+) \| (\d.*) \|$", page, re.MULTILINE)
    told = {name: int(number) for _, several in rows for number, name in re.findall(r"(\d+) ([A-Z_]+)", several)}
    assert told
    assert all(getattr(status, name) == number for name, number in told.items())
    sent = {status.status_of_reason(reason) for reason in Reason} | {status.status_of_http(code) for code in (401, 403, 429)}
    assert sent - {status.UNKNOWN} == set(told.values())
