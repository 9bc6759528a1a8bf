"""What a sidecar's proxy is told."""

import pytest
from resource_scenarios import ask, gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, Translator, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Reason

REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews", account="reviews")
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"


def told(*texts: str, node: Node) -> Translation:
    translation = translate(store_of(*texts), node)
    check_whole(translation.snapshot, "")
    return translation


def authentication(
    name: str, mode: str, namespace: str = "default", selector: str = "", ports: str = "{}", created: str = ""
) -> str:
    chosen = f"selector: {{matchLabels: {{{selector}}}}}" if selector else ""
    age = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}{age}}}
spec:
  mtls: {{mode: {mode}}}
  portLevelMtls: {ports}
  {chosen}
"""


SERVING = sidecar_node(
    "reviews-v1", labels={"app": "reviews", "version": "v1"}, inbound={9080: (20001, 30001), 9090: (20002, 30002)}
)


def inbound(*texts: str, port: int = 9080) -> tuple[str, str]:
    transport = told(REVIEWS, *texts, node=SERVING).snapshot.listeners[f"inbound|{port}||"].filter_chains[0].transport
    return transport.security, transport.mode


def test_what_comes_in_goes_to_the_workload() -> None:
    snapshot = told(REVIEWS, node=SERVING).snapshot
    assert snapshot.listeners["inbound|9080||"].address == "127.0.0.1:20001"
    assert ask(snapshot, "inbound|9080||", host="anything").cluster == "inbound|9080||"
    cluster = snapshot.clusters["inbound|9080||"]
    assert [endpoint.address for endpoint in cluster.endpoints] == ["127.0.0.1:30001"]
    assert cluster.transport.security == "plain"
    assert cluster.labels["destination_service_name"] == "reviews"
    assert cluster.labels["destination_principal"] == SERVING.identity
    assert cluster.labels["reporter"] == "destination"


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], ("mesh", "permissive")),
        ([authentication("a", "STRICT", "istio-system")], ("mesh", "strict")),
        ([authentication("a", "STRICT", "hauberk-system")], ("mesh", "strict")),
        ([authentication("a", "STRICT", "other")], ("mesh", "permissive")),
        ([authentication("a", "STRICT", "istio-system"), authentication("b", "DISABLE")], ("plain", "strict")),
        ([authentication("a", "STRICT", "istio-system"), authentication("b", "UNSET")], ("mesh", "strict")),
        ([authentication("a", "STRICT"), authentication("b", "PERMISSIVE", selector="app: reviews")], ("mesh", "permissive")),
        ([authentication("a", "STRICT"), authentication("b", "UNSET", selector="app: reviews")], ("mesh", "strict")),
        ([authentication("a", "STRICT", selector="app: ratings")], ("mesh", "permissive")),
        ([authentication("a", "STRICT", "istio-system", selector="app: reviews")], ("mesh", "strict")),
        (
            [
                authentication("a", "STRICT", created="2026-02-01T00:00:00Z"),
                authentication("b", "DISABLE", created="2026-01-01T00:00:00Z"),
            ],
            ("plain", "strict"),
        ),
    ],
)
def test_the_narrowest_policy_decides_and_the_oldest_of_one_level(policies: list[str], expected: tuple[str, str]) -> None:
    assert inbound(*policies) == expected


def test_a_port_may_differ_from_its_workload() -> None:
    policy = authentication("a", "STRICT", selector="app: reviews", ports="{9080: {mode: DISABLE}, 9090: {mode: UNSET}}")
    assert inbound(policy) == ("plain", "strict")
    assert inbound(policy, port=9090) == ("mesh", "strict")


def test_a_second_policy_for_the_same_is_told() -> None:
    translation = told(REVIEWS, authentication("a", "STRICT"), authentication("b", "DISABLE"), node=SERVING)
    (problem,) = translation.problems
    assert "PeerAuthentication default/b" in problem.message
    assert "default/a is older" in problem.message


CALLING = sidecar_node(outbound={"reviews.default:9080": 15010}, http_proxy_port=15099)


def test_each_service_called_has_a_listener() -> None:
    snapshot = told(REVIEWS, node=CALLING).snapshot
    name = "outbound|reviews.default:9080"
    assert snapshot.listeners[name].address == "127.0.0.1:15010"
    assert ask(snapshot, name, host="whatever").cluster == CLUSTER
    transport = snapshot.clusters[CLUSTER].transport
    assert (transport.security, transport.identities) == ("mesh", ("spiffe://cluster.local/ns/default/sa/reviews",))
    assert transport.certificates == ("workload",)
    assert transport.trust_file == "workload"


def test_a_destination_that_takes_no_tls_is_called_plainly() -> None:
    snapshot = told(REVIEWS, authentication("off", "DISABLE", selector="app: reviews"), node=CALLING).snapshot
    assert snapshot.clusters[CLUSTER].transport.security == "plain"


def test_a_service_that_is_not_there_yet_is_answered_and_told() -> None:
    translation = told(service("other"), node=CALLING)
    name = "outbound|reviews.default:9080"
    assert ask(translation.snapshot, name).reason is Reason.NO_HOST
    assert "no port reviews.default:9080" in translation.problems[0].message


@pytest.mark.parametrize(
    "host",
    [
        "reviews",
        "reviews:9080",
        "reviews.default",
        "reviews.default:9080",
        "reviews.default.svc",
        "reviews.default.svc.cluster.local",
        "reviews.default.svc.cluster.local:9080",
    ],
)
def test_the_http_proxy_knows_every_name_of_a_service(host: str) -> None:
    assert ask(told(REVIEWS, node=CALLING).snapshot, "http-proxy", host=host).cluster == CLUSTER


def test_the_short_name_belongs_to_the_callers_namespace() -> None:
    texts = (REVIEWS, service("reviews", namespace="shop"))
    own = told(*texts, node=CALLING).snapshot
    assert ask(own, "http-proxy", host="reviews").cluster == CLUSTER
    assert ask(own, "http-proxy", host="reviews.shop").cluster == "outbound|9080||reviews.shop.svc.cluster.local"
    other = told(*texts, node=sidecar_node(namespace="shop", http_proxy_port=15099)).snapshot
    assert ask(other, "http-proxy", host="reviews").cluster == "outbound|9080||reviews.shop.svc.cluster.local"
    assert ask(other, "http-proxy", host="elsewhere").reason is Reason.NO_HOST


def test_the_http_proxy_tells_ports_apart() -> None:
    snapshot = told(service("reviews", 80, 9080), node=CALLING).snapshot
    domain = "reviews.default.svc.cluster.local"
    assert ask(snapshot, "http-proxy", host="reviews").cluster == f"outbound|80||{domain}"
    assert ask(snapshot, "http-proxy", host="reviews:80").cluster == f"outbound|80||{domain}"
    assert ask(snapshot, "http-proxy", host="reviews.default:9080").cluster == f"outbound|9080||{domain}"
    assert ask(snapshot, "http-proxy", host="reviews:1").reason is Reason.NO_ROUTE


@pytest.mark.parametrize(
    ("declared", "protocol"),
    [("name: http-9080", "http"), ("name: mysql", "tcp"), ("name: store", "detect"), ("appProtocol: tcp, name: http", "tcp")],
)
def test_connections_are_treated_as_the_port_declares_on_both_sides(declared: str, protocol: str) -> None:
    """What declares nothing is looked at, as in a pod."""
    texts = [REVIEWS.replace("name: http-9080", declared, 1)]
    calling = told(*texts, node=CALLING)
    [outbound] = calling.snapshot.listeners["outbound|reviews.default:9080"].filter_chains
    serving = told(*texts, node=SERVING).snapshot
    [inbound] = serving.listeners["inbound|9080||"].filter_chains
    for chain, cluster in ((outbound, CLUSTER), (inbound, "inbound|9080||")):
        assert chain.protocol == protocol
        assert [backend.cluster for backend in chain.backends] == ([] if protocol == "http" else [cluster])
        assert bool(chain.route_table) == (protocol != "tcp")
    assert inbound.transport.foreign_tls == ("refuse" if protocol == "http" else "pass")
    assert calling.problems == ()
    hosts = calling.snapshot.route_tables["http-proxy"].virtual_hosts
    assert len(hosts) == (0 if protocol == "tcp" else 1), "requests are for those ports that may take them"


def test_a_route_for_connections_takes_those_of_a_workload_on_this_machine_too() -> None:
    route = """
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules: [{backendRefs: [{name: reviews-v2, port: 9080}]}]
"""
    snapshot = told(REVIEWS, V2, route, node=CALLING).snapshot
    [chain] = snapshot.listeners["outbound|reviews.default:9080"].filter_chains
    assert (chain.protocol, [backend.cluster for backend in chain.backends]) == ("tcp", [V2_CLUSTER])


def test_a_port_of_udp_is_not_proxied() -> None:
    udp = service("reviews").replace("name: http-9080", "protocol: UDP, name: dns")
    translation = told(udp, node=CALLING)
    assert ask(translation.snapshot, "outbound|reviews.default:9080").reason is Reason.NO_HOST
    assert any("speaks UDP" in problem.message for problem in translation.problems)


def service_route(name: str, backend: str, namespace: str = "default", parent: str = "") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{{group: "", kind: Service, name: reviews, namespace: default{parent}}}]
  rules:
  - matches: [{{path: {{value: /v}}}}]
    backendRefs: [{{name: {backend}, namespace: default, port: 9080}}]
"""


V2 = service("reviews-v2")
V2_CLUSTER = "outbound|9080||reviews-v2.default.svc.cluster.local"


def test_a_route_of_a_service_takes_its_requests() -> None:
    snapshot = told(REVIEWS, V2, service_route("canary", "reviews-v2"), node=CALLING).snapshot
    assert ask(snapshot, "http-proxy", "/v", host="reviews").cluster == V2_CLUSTER
    assert ask(snapshot, "http-proxy", "/other", host="reviews").reason is Reason.NO_ROUTE
    assert ask(snapshot, "outbound|reviews.default:9080", "/v").cluster == V2_CLUSTER


@pytest.mark.parametrize(
    ("parent", "cluster"), [(", port: 9080", V2_CLUSTER), (", port: 1", CLUSTER), (", sectionName: http-9080", V2_CLUSTER)]
)
def test_a_route_may_be_for_one_port(parent: str, cluster: str) -> None:
    snapshot = told(REVIEWS, V2, service_route("canary", "reviews-v2", parent=parent), node=CALLING).snapshot
    assert ask(snapshot, "http-proxy", "/v", host="reviews").cluster == cluster


def test_a_callers_own_route_goes_before_the_services_and_needs_no_grant() -> None:
    texts = (REVIEWS, V2, service_route("theirs", "reviews"), service_route("ours", "reviews-v2", namespace="shop"))
    shop = told(*texts, node=sidecar_node(namespace="shop", http_proxy_port=15099))
    assert shop.problems == ()
    assert ask(shop.snapshot, "http-proxy", "/v", host="reviews.default").cluster == V2_CLUSTER
    assert ask(told(*texts, node=CALLING).snapshot, "http-proxy", "/v", host="reviews").cluster == CLUSTER


def test_what_callers_in_the_mesh_may_refer_to_gateways_may_not() -> None:
    gateway = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
    both = service_route("ours", "reviews-v2", namespace="shop").replace("parentRefs: [", "parentRefs: [{name: web}, ")
    store = store_of(REVIEWS, V2, gateway, both)
    translator = Translator()
    for node, cluster in (
        (sidecar_node(namespace="shop", outbound={"reviews.default:9080": 15001}), V2_CLUSTER),
        (gateway_node("shop/web"), ""),
    ):
        snapshot = translator.translate(store, node).snapshot
        [table] = snapshot.route_tables
        assert ask(snapshot, table, "/v").cluster == cluster


def test_endpoint_slices_are_plain_and_only_the_ready_ones_count() -> None:
    piece = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http-9080, port: 20009}]
endpoints:
- {addresses: [127.0.0.2]}
- {addresses: [127.0.0.3], conditions: {ready: false}}
"""
    cluster = told(service("reviews"), piece, node=CALLING).snapshot.clusters[CLUSTER]
    assert [endpoint.address for endpoint in cluster.endpoints] == ["127.0.0.2:20009"]
    assert cluster.transport.security == "plain"


def test_two_proxies_of_one_store_differ_only_in_what_is_theirs() -> None:
    store = store_of(REVIEWS)
    again = translate(store_of(REVIEWS), CALLING)
    assert translate(store, CALLING) == again
    assert translate(store, SERVING).snapshot.version != again.snapshot.version


@pytest.mark.parametrize(("ports", "expected"), [("http-9080: 1", 1), ('"9080": 2', 2), ("other: 3", 9080)])
def test_where_a_workload_listens_goes_by_the_name_or_number_of_the_port(ports: str, expected: int) -> None:
    entry = workload("reviews-v1", 1, app="reviews").replace("http-9080: 1", ports)
    (endpoint,) = told(service("reviews"), entry, node=CALLING).snapshot.clusters[CLUSTER].endpoints
    assert endpoint.address == f"127.0.0.1:{expected}"


@pytest.mark.parametrize(
    "target", ["reviews", "reviews.default", "reviews.default:http", "a b.default:1", "reviews.default:999999", ""]
)
def test_a_wish_that_names_no_port_of_a_service_is_told(target: str) -> None:
    translation = told(REVIEWS, node=sidecar_node(outbound={target: 15010}))
    assert translation.snapshot.listeners == {}
    assert "is no port of a service" in translation.problems[0].message


def test_a_workload_s_weight_is_its_endpoint_s_and_counts_in_what_clusters_share() -> None:
    weighted = [
        workload("mesh", 20001, app="reviews", account="reviews") + "  weight: 6\n",
        workload("plain", 20002, app="reviews") + "  weight: 0\n",
        workload("heavy", 20003, app="reviews") + "  weight: 3\n",
    ]
    snapshot = translate(store_of(service("reviews"), *weighted), sidecar_node(outbound={"reviews.default:9080": 1})).snapshot
    name = "outbound|9080||reviews.default.svc.cluster.local"
    assert [endpoint.weight for endpoint in snapshot.clusters[name].endpoints] == [6]
    assert sorted(endpoint.weight for endpoint in snapshot.clusters[f"{name}|plain"].endpoints) == [1, 3]
    [host] = snapshot.route_tables["outbound|reviews.default:9080"].virtual_hosts
    assert [backend.weight for backend in host.routes[0].backends] == [6, 4]
