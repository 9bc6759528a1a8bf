"""What a gateway's proxy is told."""

from typing import NamedTuple

import msgspec
import pytest
import trustme
from resource_scenarios import ask, gateway_node, secret, service, store_of, workload

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Reason, Snapshot

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: http, port: 80, protocol: HTTP}
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.test]
  rules:
  - matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: reviews, port: 9080}]
"""
REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews")
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"


def told(*texts: str, node: Node | None = None) -> Translation:
    """A translation whose snapshot the proxy would take."""
    translation = translate(store_of(*texts), node or gateway_node())
    check_whole(translation.snapshot, "")
    return translation


def listener(text: str) -> str:
    return GATEWAY.replace("  - {name: http, port: 80, protocol: HTTP}\n", text)


def route(
    name: str,
    hosts: str = "[]",
    rules: str = "[{backendRefs: [{name: reviews, port: 9080}]}]",
    parent: str = "{name: web}",
    namespace: str = "default",
    created: str = "",
) -> str:
    age = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}{age}}}
spec:
  parentRefs: [{parent}]
  hostnames: {hosts}
  rules: {rules}
"""


def test_a_request_goes_from_the_listener_to_the_endpoint() -> None:
    translation = told(GATEWAY, ROUTE, REVIEWS)
    snapshot = translation.snapshot
    assert translation.problems == ()
    assert snapshot.listeners["port-80"].address == "127.0.0.1:8080"
    assert ask(snapshot, "port-80", "/api/reviews").cluster == CLUSTER
    assert ask(snapshot, "port-80", "/other").reason is Reason.NO_ROUTE
    assert [endpoint.address for endpoint in snapshot.clusters[CLUSTER].endpoints] == ["127.0.0.1:20001"]
    assert snapshot.clusters[CLUSTER].transport.security == "plain"


def test_a_gateway_in_a_pod_listens_where_its_service_leads() -> None:
    node = msgspec.structs.replace(gateway_node(ports={}), pod="web-hauberk-x1", address="")
    snapshot = told(GATEWAY, ROUTE, REVIEWS, node=node).snapshot
    assert [(one.address, one.public_port) for one in snapshot.listeners.values()] == [(":10080", 80)]


def test_labels_of_metrics_have_istios_names() -> None:
    labels = told(GATEWAY, ROUTE, REVIEWS).snapshot.clusters[CLUSTER].labels
    assert labels["destination_service"] == "reviews.default.svc.cluster.local"
    assert labels["destination_service_name"] == "reviews"
    assert labels["destination_workload"] == "reviews-v1"
    assert labels["destination_version"] == "v1"
    assert labels["source_principal"] == "spiffe://cluster.local/ns/default/sa/web-hauberk"


def test_endpoints_in_the_mesh_are_called_by_mutual_tls_and_known_by_name() -> None:
    both = workload("reviews-v1", 20001, app="reviews", account="reviews") + workload(
        "reviews-v2", 20002, app="reviews", version="v2", account="bookshop-reviews"
    )
    cluster = told(GATEWAY, ROUTE, service("reviews"), both).snapshot.clusters[CLUSTER]
    assert cluster.transport.security == "mesh"
    assert cluster.transport.identities == (
        "spiffe://cluster.local/ns/default/sa/bookshop-reviews",
        "spiffe://cluster.local/ns/default/sa/reviews",
    )
    assert "destination_version" not in cluster.labels


def test_endpoints_inside_and_outside_the_mesh_share_requests_by_their_number() -> None:
    texts = [workload(f"reviews-{index}", 20000 + index, app="reviews", account="reviews" if index else "") for index in range(3)]
    snapshot = told(GATEWAY, ROUTE, service("reviews"), *texts).snapshot
    assert snapshot.clusters[CLUSTER].transport.security == "mesh"
    assert snapshot.clusters[f"{CLUSTER}|plain"].transport.security == "plain"
    assert ask(snapshot, "port-80", "/api", dice=0.6).cluster == CLUSTER
    assert ask(snapshot, "port-80", "/api", dice=0.7).cluster == f"{CLUSTER}|plain"


def test_weights_divide_requests_and_what_leads_nowhere_has_its_share_of_500() -> None:
    rules = "[{backendRefs: [{name: reviews, port: 9080, weight: 3}, {name: nobody, port: 9080, weight: 1}]}]"
    translation = told(GATEWAY, route("shop", rules=rules), REVIEWS)
    assert ask(translation.snapshot, "port-80", dice=0.74).cluster == CLUSTER
    assert ask(translation.snapshot, "port-80", dice=0.76).reason is Reason.NO_BACKEND
    (problem,) = translation.problems
    assert "no Service default/nobody" in problem.message
    assert problem.severity == "warning"
    assert (problem.origin, problem.line, problem.path) == ("mesh.yaml", 9, "spec.rules[0].backendRefs[1]")


def test_a_service_of_another_namespace_must_allow_it() -> None:
    away = service("reviews", namespace="shop") + workload("reviews-v1", 20001, namespace="shop", app="reviews")
    rules = "[{backendRefs: [{name: reviews, namespace: shop, port: 9080}]}]"
    refused = told(GATEWAY, route("shop", rules=rules), away)
    assert ask(refused.snapshot, "port-80").reason is Reason.NO_BACKEND
    assert "does not let routes" in refused.problems[0].message
    grant = """
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: open, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service, name: NAME}]
"""
    allowed = told(GATEWAY, route("shop", rules=rules), away, grant.replace("NAME", "reviews"))
    assert ask(allowed.snapshot, "port-80").cluster == "outbound|9080||reviews.shop.svc.cluster.local"
    other = told(GATEWAY, route("shop", rules=rules), away, grant.replace("NAME", "ratings"))
    assert ask(other.snapshot, "port-80").reason is Reason.NO_BACKEND


def test_filters_and_timeouts_arrive() -> None:
    rules = """
  - matches: [{path: {value: /old}, headers: [{name: X-Group, value: a}], queryParams: [{name: q, value: "1"}], method: POST}]
    filters:
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: b}], remove: [X-B]}}
    - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: X-C, value: d}]}}
    - {type: URLRewrite, urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}
    backendRefs: [{name: reviews, port: 9080}]
    timeouts: {request: 10s, backendRequest: 2s}
  - matches: [{path: {value: /away}}]
    filters:
    - {type: RequestRedirect, requestRedirect: {scheme: https, port: 8443, statusCode: 301}}
"""
    snapshot = told(GATEWAY, route("shop", rules=rules), REVIEWS).snapshot
    rewritten = ask(snapshot, "port-80", "/old/x?q=1", headers=(("X-Group", "a"),), method="POST")
    assert rewritten.cluster == CLUSTER
    assert rewritten.rewrite is not None
    assert (rewritten.rewrite.host, rewritten.rewrite.prefix, rewritten.prefix) == ("inner.test", "/new", "/old")
    assert rewritten.request_headers[0].set == (("X-A", "b"),)
    assert rewritten.response_headers[0].add == (("X-C", "d"),)
    assert (rewritten.timeout, rewritten.backend_timeout) == (10.0, 2.0)
    away = ask(snapshot, "port-80", "/away/x")
    assert away.redirect is not None
    assert (away.redirect.scheme, away.redirect.port, away.redirect.status) == ("https", 8443, 301)


def test_of_equal_matches_the_older_route_wins_and_then_the_smaller_name() -> None:
    services = "".join([service(name) for name in ("a", "b", "c")])

    def to(name: str) -> str:
        return f"[{{backendRefs: [{{name: {name}, port: 9080}}]}}]"

    old, young = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    by_age = told(GATEWAY, services, route("a", rules=to("a"), created=young), route("b", rules=to("b"), created=old))
    assert ask(by_age.snapshot, "port-80").route == "default/b#00"
    by_name = told(GATEWAY, services, route("c-d", rules=to("b")), route("c", rules=to("c")))
    assert ask(by_name.snapshot, "port-80").route == "default/c#00"


WILDCARD = """
  - {name: narrow, port: 80, protocol: HTTP, hostname: foo.shop.test}
  - {name: wide, port: 80, protocol: HTTP, hostname: "*.shop.test"}
"""


def test_a_host_is_answered_by_its_most_specific_listener_alone() -> None:
    snapshot = told(
        listener(WILDCARD),
        route("wide", hosts='["*.shop.test", foo.shop.test]', parent="{name: web, sectionName: wide}"),
        REVIEWS,
    ).snapshot
    assert ask(snapshot, "port-80", host="bar.shop.test").cluster == CLUSTER
    assert ask(snapshot, "port-80", host="foo.shop.test").reason is Reason.NO_ROUTE
    assert ask(snapshot, "port-80", host="shop.test").reason is Reason.NO_HOST


@pytest.mark.parametrize(
    ("hosts", "asked", "reached"),
    [
        ("[foo.shop.test]", "foo.shop.test", True),
        ("[]", "foo.shop.test", True),
        ('["*.test"]', "foo.shop.test", True),
        ('["*.test"]', "bar.test", False),
        ("[other.test]", "other.test", False),
        ("[foo.shop.test]", "bar.shop.test", False),
    ],
)
def test_hosts_are_those_that_listener_and_route_have_in_common(hosts: str, asked: str, reached: bool) -> None:
    only_wide = listener('  - {name: wide, port: 80, protocol: HTTP, hostname: "*.shop.test"}\n')
    snapshot = told(only_wide, route("r", hosts=hosts), REVIEWS).snapshot
    assert (ask(snapshot, "port-80", host=asked).cluster == CLUSTER) is reached


@pytest.mark.parametrize(
    ("namespaces", "labels", "reached"),
    [
        ("{from: Same}", "{}", False),
        ("{from: All}", "{}", True),
        ("{from: None}", "{}", False),
        ("{from: Selector, selector: {matchLabels: {team: shop}}}", "{team: shop}", True),
        ("{from: Selector, selector: {matchLabels: {team: shop}}}", "{team: other}", False),
        ("{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: apps}}}", "{}", True),
    ],
)
def test_a_listener_chooses_the_namespaces_of_its_routes(namespaces: str, labels: str, reached: bool) -> None:
    open_to = listener(f"  - {{name: http, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {namespaces}}}}}\n")
    room = f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: apps, labels: {labels}}}\n"
    text = route("r", namespace="apps", parent="{name: web, namespace: default}")
    snapshot = told(open_to, room, text, service("reviews", namespace="apps")).snapshot
    assert (ask(snapshot, "port-80").cluster == "outbound|9080||reviews.apps.svc.cluster.local") is reached


def test_a_parent_may_name_a_listener_or_a_port() -> None:
    two = listener("  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 81, protocol: HTTP}\n")
    texts = (
        two,
        route("by-name", parent="{name: web, sectionName: a}"),
        route("by-port", parent="{name: web, port: 81}"),
        REVIEWS,
    )
    snapshot = told(*texts).snapshot
    assert ask(snapshot, "port-80").route == "default/by-name#00"
    assert ask(snapshot, "port-81").route == "default/by-port#00"
    assert snapshot.listeners["port-81"].address == "127.0.0.1:81"


def test_conflicting_listeners_serve_neither_and_the_rest_goes_on() -> None:
    text = listener(
        "  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 80, protocol: TCP}\n"
        "  - {name: c, port: 81, protocol: HTTP}\n  - {name: d, port: 82, protocol: example.com/own}\n"
    )
    translation = told(text, ROUTE, REVIEWS)
    assert sorted(translation.snapshot.listeners) == ["port-81"]
    assert [problem.path for problem in translation.problems] == [f"spec.listeners[{index}]" for index in (0, 1, 3)]


def test_two_ports_that_are_one_on_this_machine() -> None:
    two = listener("  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 8080, protocol: HTTP}\n")
    translation = told(two, ROUTE, REVIEWS)
    assert list(translation.snapshot.listeners) == ["port-80"]
    assert "port 80's already" in translation.problems[0].message


@pytest.mark.parametrize("class_", ["hauberk", "istio", "ours"])
def test_classes_that_are_served(class_: str) -> None:
    own = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ours}
spec: {controllerName: hauberk.dev/gateway}
"""
    assert told(GATEWAY.replace("hauberk", class_), own, ROUTE, REVIEWS).snapshot.listeners


def test_a_class_of_another_controller_is_left_alone() -> None:
    other = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: hauberk}
spec: {controllerName: example.com/other}
"""
    translation = told(GATEWAY, other, ROUTE, REVIEWS)
    assert translation.snapshot == Snapshot(version=translation.snapshot.version)
    assert "not served here" in translation.problems[0].message


def test_a_gateway_that_is_gone_serves_nothing() -> None:
    translation = told(REVIEWS)
    assert translation.snapshot.listeners == {}
    assert "no such Gateway" in translation.problems[0].message


SECURE = """
  - {name: shop, port: 443, protocol: HTTPS, hostname: shop.test, tls: {certificateRefs: [{name: shop}]}}
  - {name: all, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: all, namespace: certs}]}}
"""


class Issued(NamedTuple):
    chain: bytes
    key: bytes


@pytest.fixture(scope="module")
def issued() -> Issued:
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("shop.test", key_type=trustme.KeyType.ECDSA)
    return Issued(b"".join([blob.bytes() for blob in leaf.cert_chain_pems]), leaf.private_key_pem.bytes())


GRANT = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: open, namespace: certs}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret}]
"""


def test_each_https_listener_is_a_chain_with_the_certificates_of_its_secrets(issued: Issued) -> None:
    secrets = (secret("shop", *issued), secret("all", *issued, namespace="certs"))
    translation = told(listener(SECURE), *secrets, GRANT, ROUTE, REVIEWS)
    assert translation.problems == ()
    served = translation.snapshot.listeners["port-443"]
    assert served.address == "127.0.0.1:8443"
    assert [chain.server_names for chain in served.filter_chains] == [("shop.test",), ()]
    assert [chain.transport.certificates for chain in served.filter_chains] == [("default/shop",), ("certs/all",)]
    assert set(translation.certificates) == set(translation.snapshot.certificates) == {"default/shop", "certs/all"}
    assert translation.certificates["default/shop"].chain == issued.chain
    assert ask(translation.snapshot, "port-443/shop", "/api").cluster == CLUSTER
    assert issued.key.decode() not in repr(translation)


def test_a_secret_of_another_namespace_must_be_granted(issued: Issued) -> None:
    translation = told(listener(SECURE), secret("shop", *issued), secret("all", *issued, namespace="certs"), ROUTE, REVIEWS)
    assert list(translation.certificates) == ["default/shop"]
    assert [chain.server_names for chain in translation.snapshot.listeners["port-443"].filter_chains] == [("shop.test",)]
    assert "(RefNotPermitted)" in translation.problems[0].message


def test_a_secret_that_is_wrong_or_missing_closes_its_listener_alone(issued: Issued) -> None:
    other = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("x.test", key_type=trustme.KeyType.ECDSA)
    wrong = {
        "no certificate": secret("shop", b"nothing", issued.key),
        "another's key": secret("shop", issued.chain, other.private_key_pem.bytes()),
        "another type": secret("shop", *issued, type_="Opaque"),
        "none": "",
    }
    for what, text in wrong.items():
        translation = told(listener(SECURE), text, secret("all", *issued, namespace="certs"), GRANT, ROUTE, REVIEWS)
        assert list(translation.certificates) == ["certs/all"], what
        (problem,) = translation.problems
        assert "InvalidCertificateRef" in problem.message, what
        assert "nothing" not in problem.message


def test_a_gateway_gets_no_other_secret(issued: Issued) -> None:
    translation = told(GATEWAY, secret("shop", *issued), ROUTE, REVIEWS)
    assert translation.certificates == {}


def test_clients_certificates_that_cannot_be_checked_keep_the_listener_closed(issued: Issued) -> None:
    validated = (
        listener(SECURE)
        + """
  tls:
    frontend:
      default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}
"""
    )
    translation = told(validated, secret("shop", *issued), secret("all", *issued, namespace="certs"), GRANT, ROUTE, REVIEWS)
    assert translation.snapshot.listeners == {}


@pytest.mark.parametrize(
    ("redirect", "ports", "expected"),
    [
        ("{scheme: https}", {80: 8080, 443: 8443}, 8443),
        ("{scheme: https}", {}, 0),
        ("{scheme: https, port: 444}", {443: 8443, 444: 9444}, 9444),
        ("{scheme: https, port: 444}", {443: 8443}, 444),
        ("{hostname: other.test}", {80: 8080}, 0),
    ],
)
def test_a_redirect_leads_to_the_port_that_clients_reach_here(redirect: str, ports: dict[int, int], expected: int) -> None:
    rules = f"[{{filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]}}]"
    snapshot = told(GATEWAY, route("shop", rules=rules), node=gateway_node(ports=ports)).snapshot
    found = ask(snapshot, "port-80").redirect
    assert found is not None
    assert found.port == expected


def test_a_pod_listens_where_its_service_leads_and_knows_what_clients_call_it() -> None:
    two = listener("  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 8080, protocol: HTTP}\n")
    node = msgspec.structs.replace(gateway_node(ports={}), pod="web-hauberk-1", address="")
    found = told(two, ROUTE, REVIEWS, node=node).snapshot.listeners
    assert {name: (one.address, one.public_port) for name, one in found.items()} == {
        "port-80": (":10080", 80),
        "port-8080": (":8080", 0),
    }


def test_a_port_where_a_pod_listens_for_another_is_listened_for_elsewhere() -> None:
    two = listener("  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 10080, protocol: HTTP}\n")
    node = msgspec.structs.replace(gateway_node(ports={}), pod="web-hauberk-1", address="")
    found = told(two, ROUTE, REVIEWS, node=node).snapshot.listeners
    assert {name: (one.address, one.public_port) for name, one in found.items()} == {
        "port-80": (":10080", 80),
        "port-10080": (":20080", 10080),
    }
