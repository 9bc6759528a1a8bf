"""What VirtualServices become in what sidecars are told."""

from collections.abc import Mapping

import pytest
from resource_scenarios import ask, service, sidecar_node, store_of, workload
from virtual_service_scenarios import DOMAIN, OUTBOUND, RATINGS, REVIEWS, TABLE, V1, V2, WORLD, to, virtual_service

from hauberk_control.store import ObjectKey
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, Translator, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Reason, Route

ALL_TO_V1 = f"{{route: [{to('v1')}]}}"
OWNER = ObjectKey("networking.istio.io", "VirtualService", "default", "reviews")


def node(labels: dict[str, str] | None = None, namespace: str = "default") -> Node:
    return sidecar_node(outbound=OUTBOUND, labels=labels, namespace=namespace)


def told(*texts: str, by: Node | None = None) -> Translation:
    translation = translate(store_of(WORLD, *texts), by or node())
    check_whole(translation.snapshot, "")
    return translation


def routes(*texts: str, by: Node | None = None) -> tuple[Route, ...]:
    [host] = told(*texts, by=by).snapshot.route_tables[TABLE].virtual_hosts
    return host.routes


def cluster(translation: Translation, path: str = "/", **more: object) -> str:
    assert translation.problems == ()
    return ask(translation.snapshot, TABLE, path, **more).cluster  # type: ignore[arg-type]


def test_requests_are_shared_by_weight_among_subsets() -> None:
    translation = told(virtual_service(f"{{route: [{to('v1', weight=90)}, {to('v2', weight=10)}]}}"))
    assert [cluster(translation, dice=dice) for dice in (0.0, 0.89, 0.91)] == [V1, V1, V2]
    assert OWNER in translation.notes.policies


def test_a_single_destination_needs_no_weight() -> None:
    assert cluster(told(virtual_service(f"{{route: [{to(host='ratings')}]}}"))) == RATINGS


def test_rules_count_in_the_order_in_which_they_are_written() -> None:
    translation = told(
        virtual_service(
            f"{{match: [{{uri: {{prefix: /a}}}}], route: [{to('v1')}]}}",
            f"{{match: [{{uri: {{exact: /a/b}}}}, {{headers: {{end-user: {{}}}}}}], route: [{to('v2')}]}}",
        )
    )
    assert cluster(translation, "/a/b") == V1
    assert cluster(translation, "/ab") == V1, "a prefix is one by characters"
    assert cluster(translation, "/c", headers=(("end-user", "ann"),)) == V2
    assert ask(translation.snapshot, TABLE, "/c").reason is Reason.NO_ROUTE


def test_whom_a_rule_is_for() -> None:
    text = virtual_service(
        f"{{match: [{{sourceLabels: {{app: tester}}}}], route: [{to('v1')}]}}",
        f"{{match: [{{sourceNamespace: other}}, {{port: 1}}, {{gateways: [web]}}], route: [{to('v2')}]}}",
        f"{{match: [{{gateways: [mesh], port: 9080}}], route: [{to()}]}}",
    )
    assert [len(routes(text, by=one)) for one in (node(), node({"app": "tester"}), node(namespace="other"))] == [1, 2, 2]
    assert cluster(told(text, by=node({"app": "tester"}))) == V1
    assert cluster(told(text, by=node(namespace="other"))) == V2
    assert cluster(told(text)) == REVIEWS


@pytest.mark.parametrize(
    "host", ["reviews", f"reviews.{DOMAIN}", "reviews.default", f"'*.{DOMAIN}'", f"'*.{DOMAIN}.'", "'*.local'"]
)
def test_how_a_host_is_named(host: str) -> None:
    assert cluster(told(virtual_service(ALL_TO_V1, hosts=host))) == V1


def test_a_short_name_is_one_of_the_objects_own_namespace() -> None:
    translation = told(virtual_service(ALL_TO_V1, namespace="other"))
    assert ask(translation.snapshot, TABLE).cluster == REVIEWS
    assert [problem.path for problem in translation.problems] == ["spec.hosts[0]", "spec.http[0].route[0].destination"]


@pytest.mark.parametrize("gateways", ["[mesh]", "[]", "[web, mesh]"])
def test_nobody_has_every_service_of_the_mesh(gateways: str) -> None:
    """Not even Istio lets one object stand for all of them, whose namespaces may be others'."""
    translation = told(virtual_service(ALL_TO_V1, namespace="other", hosts="'*'", more=f"gateways: {gateways}"))
    assert ask(translation.snapshot, TABLE).cluster == REVIEWS
    assert ("spec.hosts[0]", "error") in [(problem.path, problem.severity) for problem in translation.problems]


def test_which_of_several_counts() -> None:
    to_v2 = f"{{route: [{to('v2', host=f'reviews.{DOMAIN}')}]}}"
    wide = virtual_service(ALL_TO_V1, name="wide", hosts=f"'*.{DOMAIN}'")
    assert cluster(told(wide, virtual_service(to_v2))) == V2
    wider = virtual_service(to_v2, name="wider", hosts="'*.svc.cluster.local'", created="2019-01-01T00:00:00Z")
    assert cluster(told(wide, wider)) == V1
    for_others = virtual_service(to_v2, namespace="other", hosts=f"reviews.{DOMAIN}", more="exportTo: ['.']")
    everybody = virtual_service(ALL_TO_V1, created="2020-01-01T00:00:00Z")
    assert cluster(told(everybody, for_others, by=node(namespace="other"))) == V2
    assert cluster(told(everybody, for_others)) == V1


def test_of_two_for_one_host_the_older_counts_and_the_younger_is_told() -> None:
    old = virtual_service(ALL_TO_V1, name="old", created="2020-01-01T00:00:00Z")
    young = virtual_service(f"{{route: [{to('v2')}]}}", name="a-young-one", created="2021-01-01T00:00:00Z")
    translation = told(old, young)
    assert ask(translation.snapshot, TABLE).cluster == V1
    [problem] = translation.problems
    assert (problem.path, problem.severity) == ("spec.hosts[0]", "warning")
    assert "VirtualService default/old is older" in problem.message


def test_an_http_route_of_the_service_goes_before_and_that_is_told() -> None:
    route = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: first}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules: [{backendRefs: [{name: ratings, port: 9080}]}]
"""
    translation = told(virtual_service(ALL_TO_V1), route)
    assert ask(translation.snapshot, TABLE).cluster == RATINGS
    [problem] = translation.problems
    assert "the HTTPRoute default/first goes before" in problem.message


def test_a_path_is_rewritten_by_what_matched() -> None:
    rule = (
        f"{{match: [{{uri: {{prefix: /a/}}}}, {{uri: {{prefix: /b}}}}, {{uri: {{exact: /c}}}}, {{uri: {{regex: '/d.*'}}}}], "
        f"rewrite: {{uri: /new}}, route: [{to()}]}}"
    )
    found = [(route.matches[0].path.value, route.rewrite) for route in routes(virtual_service(rule))]
    assert [(value, rewrite.prefix, rewrite.path) for value, rewrite in found if rewrite is not None] == [
        ("/a/", "/new", None),
        ("/b", "/new", None),
        ("/c", None, "/new"),
        ("/d.*", None, "/new"),
    ]


def test_of_the_matches_of_a_rule_the_first_decides_how_a_path_is_rewritten() -> None:
    matches = ", ".join([f"{{uri: {{{told}}}}}" for told in ("prefix: /a", "prefix: /a/b", "exact: /a/c")])
    rules = (
        f"{{match: [{matches}], rewrite: {{uri: /x}}, route: [{to()}]}}",
        f"{{match: [{{uri: {{prefix: /}}}}], rewrite: {{uri: /y}}, route: [{to('v2')}]}}",
    )
    snapshot = told(virtual_service(*rules)).snapshot
    assert [ask(snapshot, TABLE, path).prefix for path in ("/a/b/d", "/a/c", "/b")] == ["/a", "/a", "/"]


def test_an_empty_path_replaces_nothing() -> None:
    [route] = routes(virtual_service(f"{{match: [{{uri: {{prefix: /a}}}}], rewrite: {{uri: ''}}, route: [{to()}]}}"))
    assert route.rewrite is None


@pytest.mark.parametrize(
    ("redirect", "host", "port"),
    [
        ("{uri: /x}", "", 9080),
        ("{authority: a.test}", "a.test", 80),
        ("{authority: 'a.test:8080'}", "a.test", 8080),
        ("{scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}", "", 443),
        ("{authority: a.test, derivePort: FROM_REQUEST_PORT}", "a.test", 9080),
        ("{port: 81}", "", 81),
    ],
)
def test_where_a_redirect_leads(redirect: str, host: str, port: int) -> None:
    [route] = routes(virtual_service(f"{{redirect: {redirect}}}"))
    assert route.redirect is not None
    assert (route.redirect.host, route.redirect.port, route.redirect.status) == (host, port, 301)


def test_a_destination_without_port_is_called_at_the_port_asked_for() -> None:
    ports = service("shop", 80, 81) + service("other", 81, 82) + workload("other-1", 20050, app="other", port_name="http-81")
    text = virtual_service(f"{{route: [{to(host='other')}]}}", hosts="shop")
    translation = translate(store_of(ports, text), sidecar_node(outbound={"shop.default:80": 1, "shop.default:81": 2}))
    assert ask(translation.snapshot, "outbound|shop.default:81").cluster == f"outbound|81||other.{DOMAIN}"
    assert ask(translation.snapshot, "outbound|shop.default:80").reason is Reason.NO_BACKEND


@pytest.mark.parametrize(
    ("destination", "path"),
    [
        (to("v3"), "spec.http[0].route[0].destination.subset"),
        (to(host="nobody"), "spec.http[0].route[0].destination"),
        ("{destination: {host: reviews, port: {number: 1}}}", "spec.http[0].route[0].destination"),
    ],
)
def test_a_destination_that_is_not_there_is_told_and_answers_500(destination: str, path: str) -> None:
    translation = told(virtual_service(f"{{route: [{destination}]}}"))
    assert ask(translation.snapshot, TABLE).reason is Reason.NO_BACKEND
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (path, "warning")
    assert problem.line


def test_subsets_that_only_some_endpoints_of_take_the_meshs_tls() -> None:
    plain = workload("reviews-v1b", 20070, app="reviews", version="v1")
    translation = told(plain, virtual_service(ALL_TO_V1))
    assert {cluster(translation, dice=dice) for dice in (0.1, 0.9)} == {V1, f"{V1}|plain"}


def test_all_ports_and_names_of_the_proxy_for_every_service() -> None:
    by_name = told(virtual_service(ALL_TO_V1), by=sidecar_node(http_proxy_port=15099))
    assert ask(by_name.snapshot, "http-proxy", host="reviews:9080").cluster == V1
    assert ask(by_name.snapshot, "http-proxy", host="ratings:9080").cluster == RATINGS


def test_proxies_that_are_led_alike_share_their_rules() -> None:
    translator = Translator()
    store = store_of(WORLD, virtual_service(ALL_TO_V1))

    def rule(name: str) -> Route:
        found = translator.translate(store, sidecar_node(name, outbound=OUTBOUND))
        return found.snapshot.route_tables[TABLE].virtual_hosts[0].routes[0]

    assert rule("one") is rule("other")


def uses(*rules: str) -> Mapping[str, object]:
    [route] = routes(virtual_service(*rules))
    return {use.plugin: (use.failure, use.config.decode()) for use in route.plugins}


def test_faults_are_the_plugins() -> None:
    found = uses(
        "{fault: {delay: {fixedDelay: 1.5s}, abort: {grpcStatus: UNAVAILABLE, percentage: {value: 0.1}}}, " + ALL_TO_V1[1:]
    )
    delay = {"fixedDelay": "1500ms", "percentage": {"value": 100.0}}
    assert found == {"fault": ("open", {"delay": delay, "abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 0.1}}})}


def test_an_answer_without_a_destination_is_a_plugins() -> None:
    assert uses("{directResponse: {status: 503, body: {string: closed}}}") == {
        "directresponse": ("closed", {"status": 503, "body": {"string": "closed"}})
    }
