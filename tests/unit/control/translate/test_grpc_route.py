"""GRPCRoutes at Gateways and at Services, and how ports that speak HTTP/2 are spoken to."""

import pytest
from resource_scenarios import ask, gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import Translation, translate
from hauberk_core.model import Reason
from hauberk_core.resources.read import read_file

DOMAIN = "default.svc.cluster.local"
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews")
OTHERS = service("others") + workload("others-v1", 20002, app="others")
TO_REVIEWS = "backendRefs: [{name: reviews, port: 9080}]"
OVER_HTTP2 = f"outbound|9080||reviews.{DOMAIN}|http2"


def route(*rules: str, parent: str = "{name: web}", name: str = "calls", hosts: str = "", namespace: str = "default") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{parent}]
  hostnames: [{hosts}]
  rules: [{", ".join(rules)}]
"""


def at_gateway(*texts: str) -> Translation:
    return translate(store_of(GATEWAY, REVIEWS, OTHERS, *texts), gateway_node())


def declaring(name: str, app_protocol: str = "") -> str:
    """The service with another name for its port, and perhaps its protocol."""
    more = f", appProtocol: {app_protocol}" if app_protocol else ""
    return REVIEWS.replace("http-9080", name).replace("port: 9080", f"port: 9080{more}")


def test_calls_are_told_apart_by_service_method_and_headers() -> None:
    snapshot = at_gateway(
        route(
            f"{{matches: [{{method: {{service: books.Reviews, method: Get}}}}], {TO_REVIEWS}}}",
            "{matches: [{method: {type: RegularExpression, service: 'books[.].*'}}, {headers: [{name: x-beta, value: 'yes'}]}],"
            " backendRefs: [{name: others, port: 9080}]}",
        )
    ).snapshot
    assert ask(snapshot, "port-80", "/books.Reviews/Get").cluster == OVER_HTTP2
    assert ask(snapshot, "port-80", "/books.Reviews/List").cluster == f"outbound|9080||others.{DOMAIN}|http2"
    assert ask(snapshot, "port-80", "/music/Get").reason is Reason.NO_ROUTE
    assert ask(snapshot, "port-80", "/music/Get", headers=(("x-beta", "yes"),)).cluster == f"outbound|9080||others.{DOMAIN}|http2"


def test_a_rule_without_matches_takes_every_call_of_its_hosts() -> None:
    snapshot = at_gateway(route(f"{{{TO_REVIEWS}}}", hosts="a.test, '*.b.test'")).snapshot
    assert ask(snapshot, "port-80", "/any/Call", "a.test").cluster == OVER_HTTP2
    assert ask(snapshot, "port-80", "/any/Call", "x.b.test").cluster == OVER_HTTP2
    assert ask(snapshot, "port-80", "/any/Call", "b.test").reason is Reason.NO_ROUTE


def test_weights_filters_and_mirrors() -> None:
    filters = (
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: '1'}]}},"
        " {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [y]}},"
        " {type: RequestMirror, requestMirror: {backendRef: {name: others, port: 9080}}}]"
    )
    backends = "backendRefs: [{name: reviews, port: 9080, weight: 3}, {name: others, port: 9080, weight: 1}]"
    snapshot = at_gateway(route(f"{{{filters}, {backends}}}")).snapshot
    [rule] = snapshot.route_tables["port-80"].virtual_hosts[0].routes
    assert rule.name == "default/calls#grpc00"
    assert [(backend.cluster, backend.weight) for backend in rule.backends] == [
        (OVER_HTTP2, 3),
        (f"outbound|9080||others.{DOMAIN}|http2", 1),
    ]
    assert rule.request_headers is not None
    assert rule.request_headers.set == (("x", "1"),)
    assert rule.response_headers is not None
    assert rule.response_headers.remove == ("y",)
    assert [mirror.cluster for mirror in rule.mirrors] == [f"outbound|9080||others.{DOMAIN}|http2"]


def test_a_filter_that_is_not_done_and_a_backend_that_is_not_there_are_told() -> None:
    extension = "filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: Thing, name: x}}]"
    translation = at_gateway(
        route(f"{{{extension}, {TO_REVIEWS}}}", "{matches: [{method: {method: Get}}], backendRefs: [{name: gone, port: 1}]}")
    )
    assert [problem.path for problem in translation.problems] == ["spec.rules[0].filters[0]", "spec.rules[1].backendRefs[0]"]
    assert ask(translation.snapshot, "port-80", "/a/List").reason is Reason.NO_BACKEND
    assert ask(translation.snapshot, "port-80", "/a/Get").reason is Reason.NO_BACKEND


def test_an_expression_that_re2_refuses_is_told_with_its_place() -> None:
    wrong = "{matches: [{method: {type: RegularExpression, method: '(?=x)'}}], " + TO_REVIEWS + "}"
    read = read_file(route(wrong, f"{{{TO_REVIEWS}}}").encode(), "mesh.yaml")
    assert [(error.path, error.severity) for error in read.errors] == [("spec.rules[0].matches[0].method.method", "error")]
    assert read.objects == ()


@pytest.mark.parametrize(
    ("name", "app_protocol", "version"),
    [
        ("grpc", "", "http2"),
        ("grpc-api", "", "http2"),
        ("grpc-web", "", "http2"),
        ("http2-x", "", "http2"),
        ("x", "kubernetes.io/h2c", "http2"),
        ("x", "grpc", "http2"),
        ("http-9080", "", "http1"),
        ("grpc", "http", "http1"),
        ("x", "kubernetes.io/ws", "http1"),
        ("x", "", "http1"),
    ],
)
def test_a_port_is_spoken_to_as_it_declares_and_by_http_2_where_calls_go(name: str, app_protocol: str, version: str) -> None:
    http = route(f"{{{TO_REVIEWS}}}", hosts="plain.test", name="plain").replace("GRPCRoute", "HTTPRoute")
    calls = route(f"{{{TO_REVIEWS}}}", hosts="calls.test")
    snapshot = translate(store_of(GATEWAY, declaring(name, app_protocol), http, calls), gateway_node()).snapshot
    plain = ask(snapshot, "port-80", "/a/Get", "plain.test").cluster
    called = ask(snapshot, "port-80", "/a/Get", "calls.test").cluster
    assert snapshot.clusters[plain].protocol == version
    assert snapshot.clusters[called].protocol == "http2"
    assert (plain == called) == (version == "http2")
    assert len(snapshot.clusters[called].endpoints) == 1
    assert snapshot.clusters[called].endpoints == snapshot.clusters[plain].endpoints


def test_in_a_sidecar_what_declares_nothing_is_spoken_to_as_the_client_speaks() -> None:
    reviews = declaring("x")
    snapshot = translate(store_of(reviews), sidecar_node("caller", http_proxy_port=15080)).snapshot
    assert snapshot.clusters[f"outbound|9080||reviews.{DOMAIN}"].protocol == "client"


def test_a_service_as_parent() -> None:
    parent = "{group: '', kind: Service, name: reviews, port: 9080}"
    calls = route("{matches: [{method: {method: Get}}], backendRefs: [{name: others, port: 9080}]}", parent=parent)
    http = route(f"{{{TO_REVIEWS}}}", parent=parent, name="plain").replace("GRPCRoute", "HTTPRoute")
    snapshot = translate(store_of(REVIEWS, OTHERS, calls, http), sidecar_node("caller", http_proxy_port=15080)).snapshot
    assert ask(snapshot, "http-proxy", "/a/Get", "reviews:9080").cluster == f"outbound|9080||others.{DOMAIN}|http2"
    # The HTTPRoute gave way.
    assert ask(snapshot, "http-proxy", "/a/List", "reviews:9080").reason is Reason.NO_ROUTE


def test_a_consumers_route_goes_before_the_producers() -> None:
    parent = "{group: '', kind: Service, name: reviews, namespace: default, port: 9080}"
    own = route("{backendRefs: [{name: others, namespace: default, port: 9080}]}", parent=parent, namespace="client")
    producers = route(f"{{{TO_REVIEWS}}}", parent=parent)
    store = store_of(REVIEWS, OTHERS, own, producers)
    for namespace, expected in (("client", f"outbound|9080||others.{DOMAIN}|http2"), ("default", OVER_HTTP2)):
        node = sidecar_node("caller", namespace=namespace, http_proxy_port=15080)
        assert ask(translate(store, node).snapshot, "http-proxy", "/a/Get", "reviews.default:9080").cluster == expected


@pytest.mark.parametrize(
    ("declared", "called", "inside"),
    [("grpc", False, "http2"), ("http", False, "http1"), ("http", True, "client"), ("x", False, "client")],
)
def test_what_a_workload_hears_of_its_own_proxy(declared: str, *, called: bool, inside: str) -> None:
    reviews = declaring(declared)
    calls = route(f"{{{TO_REVIEWS}}}") if called else ""
    node = sidecar_node("reviews-v1", labels={"app": "reviews"}, inbound={9080: (20001, 9080)})
    assert translate(store_of(reviews, calls), node).snapshot.clusters["inbound|9080||"].protocol == inside


def test_pages_may_call_ports_that_say_so() -> None:
    reviews = declaring("grpc-web")
    snapshot = translate(store_of(GATEWAY, reviews, route(f"{{{TO_REVIEWS}}}")), gateway_node()).snapshot
    [rule] = snapshot.route_tables["port-80"].virtual_hosts[0].routes
    assert [(use.plugin, use.failure) for use in rule.plugins] == [("grpcweb", "open")]
