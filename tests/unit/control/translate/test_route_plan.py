"""Which rules of an HTTPRoute are served where some have mistakes."""

import pytest
from resource_scenarios import ask, gateway_node, service, store_of, workload

from hauberk_control.translate.route_plan import RoutePlan, plan_route
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.model import Reason
from hauberk_core.resources import HTTPRoute
from hauberk_core.resources.read import read_file

AUTH = "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, backendRef: {name: reviews, port: 9080}}}"
SERVES = "{matches: [{path: {value: /}}], backendRefs: [{name: reviews, port: 9080}]}"
GUARDED = (
    f"{{name: admin, matches: [{{path: {{value: /admin}}}}], filters: [{AUTH}], backendRefs: [{{name: reviews, port: 9080}}]}}"
)
TAKES_NOTHING = '{matches: [{headers: [{name: x, value: "a\\nb"}]}], backendRefs: [{name: reviews, port: 9080}]}'
WORLD = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def route(*rules: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: web}}]
  rules: [{", ".join(rules)}]
"""


def plan(*rules: str) -> RoutePlan:
    (own,) = store_of(route(*rules)).of(HTTPRoute)
    return plan_route(own)


def told(*rules: str, more: str = "") -> Translation:
    reviews = service("reviews") + workload("reviews-v1", 20001, app="reviews")
    return translate(store_of(WORLD, route(*rules), reviews, more), gateway_node())


def test_a_rule_that_cannot_be_done_takes_its_requests_along() -> None:
    assert plan(SERVES, GUARDED).dropped == (1,)
    snapshot = told(SERVES, GUARDED).snapshot
    assert ask(snapshot, "port-80", "/books").cluster == "outbound|9080||reviews.default.svc.cluster.local"
    guarded = ask(snapshot, "port-80", "/admin")
    assert (guarded.reason, guarded.cluster) == (Reason.NO_BACKEND, "")


def test_a_rule_whose_matches_take_no_request_is_left_out() -> None:
    found = plan(TAKES_NOTHING, SERVES)
    assert (found.dropped, [rule.position for rule in found.rules], found.refused) == ((0,), [1], False)
    translation = told(TAKES_NOTHING, SERVES)
    assert ask(translation.snapshot, "port-80", "/books").reason is None
    (problem,) = translation.problems
    assert (problem.path, problem.severity) == ("spec.rules[0].matches[0].headers", "error")


@pytest.mark.parametrize("rules", [(GUARDED,), (TAKES_NOTHING,), (TAKES_NOTHING, GUARDED)])
def test_a_route_without_a_sound_rule_is_refused(rules: tuple[str, ...]) -> None:
    found = plan(*rules)
    assert (found.refused, found.rules) == (True, ())
    assert ask(told(*rules).snapshot, "port-80", "/admin").reason is Reason.NO_ROUTE


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ("path: {type: RegularExpression, value: '/(['}", "path.value"),
        ("headers: [{name: x, type: RegularExpression, value: '['}]", "headers[0].value"),
        ("queryParams: [{name: x, type: RegularExpression, value: '(?=x)'}]", "queryParams[0].value"),
    ],
)
def test_a_route_with_an_expression_that_nobody_understands_is_refused_when_it_is_read(match: str, path: str) -> None:
    """Its rule would leave what it is meant to take to the next one."""
    read = read_file(route(f"{{matches: [{{{match}}}]}}", SERVES).encode(), "mesh.yaml")
    assert [(error.path, error.severity) for error in read.errors] == [(f"spec.rules[0].matches[0].{path}", "error")]
    assert read.objects == ()


def test_every_mistake_is_told_where_it_is() -> None:
    paths = {mistake.path for mistake in plan(GUARDED, TAKES_NOTHING, SERVES).mistakes}
    assert paths == {("spec", "rules", 0, "filters", 0), ("spec", "rules", 1, "matches", 0, "headers")}


def test_plugins_of_a_rule_stay_its_own_where_an_earlier_one_is_left_out() -> None:
    policy = """
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: waf}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: last}]
  plugin: waf
"""
    named = SERVES.replace("{matches", "{name: last, matches", 1)
    translation = told(TAKES_NOTHING, named, more=policy)
    (host,) = translation.snapshot.route_tables["port-80"].virtual_hosts
    assert [[one.plugin for one in rule.plugins] for rule in host.routes] == [["waf"]]
