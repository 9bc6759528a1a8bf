"""Plugins in what proxies are told."""

import pytest
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.status.statuses import statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model.plugin import PluginConfig

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: one, port: 80, protocol: HTTP, hostname: one.test}
  - {name: two, port: 80, protocol: HTTP, hostname: two.test}
  - {name: alone, port: 81, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - {name: first, matches: [{path: {value: /a}}], backendRefs: [{name: reviews, port: 9080}]}
  - {name: second, matches: [{path: {value: /b}}], backendRefs: [{name: reviews, port: 9080}]}
"""
REVIEWS = service("reviews", 9080, 9090) + workload("reviews-v1", 20001, app="reviews", account="reviews")
GROUP = "gateway.networking.k8s.io"


def policy(name: str, target: str, more: str = "") -> str:
    return f"""
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{{{target}}}]
  plugin: {name}
  config: {{who: {name}}}
  {more}
"""


def told(*texts: str) -> Translation:
    translation = translate(store_of(GATEWAY, REVIEWS, *texts), gateway_node())
    check_whole(translation.snapshot, "")
    return translation


def names(plugins: tuple[PluginConfig, ...]) -> list[str]:
    return [config.plugin for config in plugins]


def of_chain(translation: Translation, listener: str) -> list[str]:
    return names(translation.snapshot.listeners[listener].filter_chains[0].plugins)


def of_rules(translation: Translation, table: str, host: str) -> list[list[str]]:
    (found,) = [one for one in translation.snapshot.route_tables[table].virtual_hosts if one.name == host]
    return [names(route.plugins) for route in found.routes]


def test_a_policy_of_a_gateway_is_for_all_its_chains() -> None:
    translation = told(policy("all", f"group: {GROUP}, kind: Gateway, name: web", "failure: open"))
    assert of_chain(translation, "port-80") == of_chain(translation, "port-81") == ["all"]
    (config,) = translation.snapshot.listeners["port-80"].filter_chains[0].plugins
    assert (config.failure, config.config.decode()) == ("open", {"who": "all"})


def test_a_policy_of_a_listener_is_for_no_other() -> None:
    target = f"group: {GROUP}, kind: Gateway, name: web, sectionName: "
    translation = told(policy("of-one", f"{target}one"), policy("of-alone", f"{target}alone"))
    assert of_chain(translation, "port-80") == []
    assert of_chain(translation, "port-81") == ["of-alone"]
    assert of_rules(translation, "port-80", "one.test") == [["of-one"], ["of-one"]]
    assert of_rules(translation, "port-80", "two.test") == [[], []]


def test_versions_that_cannot_be_read_refuse_the_policy() -> None:
    store = store_of(GATEWAY, REVIEWS, policy("waf", f"group: {GROUP}, kind: Gateway, name: web", "version: newest"))
    assert of_chain(translate(store, gateway_node()), "port-80") == []
    [accepted] = statuses(store)[ObjectKey("hauberk.dev", "PluginPolicy", "default", "waf")].conditions
    assert (accepted.status, accepted.reason) == ("False", "Invalid")
    assert "'newest' names no versions" in accepted.message


def test_policies_of_routes_and_rules() -> None:
    target = f"group: {GROUP}, kind: HTTPRoute, name: shop"
    translation = told(policy("route", target), policy("rule", f"{target}, sectionName: second"))
    assert of_rules(translation, "port-81", "*") == [["route"], ["route", "rule"]]


def test_phases_come_before_priorities_and_the_highest_priority_first() -> None:
    target = f"group: {GROUP}, kind: Gateway, name: web"
    texts = (
        policy("late", target, "phase: stats\n  priority: 100"),
        policy("low", target, "priority: 1"),
        policy("high", target, "priority: 2"),
        policy("early", target, "phase: authn"),
    )
    assert of_chain(told(*texts), "port-80") == ["early", "high", "low", "late"]


def test_a_policy_of_a_service_is_for_what_comes_in() -> None:
    target = 'group: "", kind: Service, name: reviews'
    texts = (policy("whole", target), policy("one-port", f"{target}, sectionName: http-9090"))
    node = sidecar_node(
        "reviews-v1", labels={"app": "reviews"}, inbound={9080: (1, 2), 9090: (3, 4)}, outbound={"reviews.default:9080": 5}
    )
    translation = translate(store_of(REVIEWS, *texts), node)
    check_whole(translation.snapshot, "")
    assert of_chain(translation, "inbound|9080||") == ["whole"]
    assert sorted(of_chain(translation, "inbound|9090||")) == ["one-port", "whole"]
    assert of_chain(translation, "outbound|reviews.default:9080") == []


@pytest.mark.parametrize(
    ("target", "status", "reason", "message"),
    [
        ('group: "", kind: Pod, name: x', "False", "Invalid", "not attached to a Pod"),
        (f"group: {GROUP}, kind: Gateway, name: gone", "True", "AcceptedInPart", "no Gateway default/gone"),
        (f"group: {GROUP}, kind: Gateway, name: web, sectionName: gone", "True", "AcceptedInPart", "no part of"),
        (f"group: {GROUP}, kind: Gateway, name: web", "True", "Accepted", ""),
    ],
)
def test_what_a_policy_is_told(target: str, status: str, reason: str, message: str) -> None:
    text = policy("p", target)
    (condition,) = statuses(store_of(GATEWAY, REVIEWS, text))[ObjectKey("hauberk.dev", "PluginPolicy", "default", "p")].conditions
    assert (condition.status, condition.reason) == (status, reason)
    assert message in condition.message
    assert [problem.line > 0 for problem in told(text).problems] == ([True] if message else [])
