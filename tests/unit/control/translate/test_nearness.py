"""Which endpoints a proxy prefers by where they are, as Istio and Kubernetes have it."""

import msgspec
import pytest
from resource_scenarios import gateway_node, service, sidecar_node, store_of

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Cluster

CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
DETECTS = "outlierDetection: {consecutive5xxErrors: 5}"
PLACES = ("eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "asia/a/1")


def entry(name: str, port: int, locality: str, labels: str = "") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}}}
spec:
  address: 127.0.0.1
  ports: {{http-9080: {port}}}
  labels: {{app: reviews{labels}}}
  {f"locality: {locality}" if locality else ""}
"""


MESH = service("reviews") + "".join([entry(f"reviews-{index}", 20001 + index, place) for index, place in enumerate(PLACES)])


def rule(policy: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec: {{host: reviews, trafficPolicy: {{{policy}}}}}
"""


def at(locality: str, **labels: str) -> Node:
    return sidecar_node(http_proxy_port=15099, labels={"istio-locality": locality.replace("/", "."), **labels})


def told(node: Node, *texts: str) -> Translation:
    translation = translate(store_of(*texts), node)
    assert [mistake for mistake in check_whole(translation.snapshot, "") if mistake.severity == "error"] == []
    return translation


def cluster(node: Node, *texts: str) -> Cluster:
    translation = told(node, *texts)
    assert translation.problems == ()
    return translation.snapshot.clusters[CLUSTER]


def priorities(found: Cluster) -> dict[int, int]:
    return {int(endpoint.address.rpartition(":")[2]) - 20001: endpoint.priority for endpoint in found.endpoints}


def test_without_outlier_detection_all_are_alike() -> None:
    found = cluster(at("eu/a/1"), MESH, rule("loadBalancer: {simple: RANDOM}"))
    assert set(priorities(found).values()) == {0}


def test_with_outlier_detection_the_nearest_are_preferred() -> None:
    found = cluster(at("eu/a/1"), MESH, rule(DETECTS))
    assert priorities(found) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 3}
    assert priorities(cluster(at("us/b/1"), MESH, rule(DETECTS))) == {0: 1, 1: 1, 2: 1, 3: 0, 4: 1}
    assert set(priorities(cluster(at(""), MESH, rule(DETECTS))).values()) == {0}


def test_a_failed_region_has_its_heir() -> None:
    setting = "localityLbSetting: {failover: [{from: eu, to: asia}]}"
    found = cluster(at("eu/a/1"), MESH, rule(f"loadBalancer: {{{setting}}}, {DETECTS}"))
    assert priorities(found) == {0: 0, 1: 1, 2: 2, 3: 4, 4: 3}


def test_it_can_be_switched_off() -> None:
    found = cluster(at("eu/a/1"), MESH, rule(f"loadBalancer: {{localityLbSetting: {{enabled: false}}}}, {DETECTS}"))
    assert set(priorities(found).values()) == {0}


def test_labels_decide_in_their_order() -> None:
    mesh = (
        service("reviews")
        + entry("a", 20001, "eu/a", ", version: v2, tier: gold")
        + entry("b", 20002, "eu/b", ", version: v2")
        + entry("c", 20003, "eu/b", ", version: v1, tier: gold")
    )
    setting = "localityLbSetting: {failoverPriority: [version, topology.kubernetes.io/zone, tier=gold]}"
    policy = rule(f"loadBalancer: {{{setting}}}, {DETECTS}")
    assert priorities(cluster(at("eu/b", version="v2"), mesh, policy)) == {1: 0, 0: 1, 2: 2}
    assert priorities(cluster(at("eu/a", version="v2"), mesh, policy)) == {0: 0, 1: 1, 2: 2}
    assert priorities(cluster(at("eu/b", version="v1"), mesh, policy)) == {2: 0, 0: 1, 1: 1}


def test_localities_have_shares() -> None:
    setting = "localityLbSetting: {distribute: [{from: us/*, to: {'*': 100}}, {from: eu/a/*, to: {'eu/a/*': 80, 'us/*': 20}}]}"
    found = cluster(at("eu/a/1"), MESH, rule(f"loadBalancer: {{{setting}}}"))
    assert found.locality_shares == {"eu/a/1": 40_000, "eu/a/2": 40_000, "us/a/1": 20_000}
    assert [endpoint.locality for endpoint in found.endpoints] == ["eu/a/1", "eu/a/2", "us/a/1"]
    elsewhere = cluster(at("asia/a/1"), MESH, rule(f"loadBalancer: {{{setting}}}"))
    assert elsewhere.locality_shares == {}
    assert len(elsewhere.endpoints) == 5


def test_the_more_specific_share_counts() -> None:
    setting = "localityLbSetting: {distribute: [{from: '*', to: {'*': 10, eu/*: 0, eu/a/1: 90}}]}"
    found = cluster(at("eu/b/1"), MESH, rule(f"loadBalancer: {{{setting}}}"))
    assert found.locality_shares == {"eu/a/1": 90_000, "us/a/1": 5_000, "asia/a/1": 5_000}


def distributed(how: str) -> str:
    return MESH.replace("spec:\n  selector", f"spec:\n  trafficDistribution: {how}\n  selector", 1)


@pytest.mark.parametrize("how", ["PreferClose", "PreferSameZone"])
def test_a_service_prefers_its_callers_zone(how: str) -> None:
    assert priorities(cluster(at("eu/a/1"), distributed(how))) == {0: 0, 1: 0, 2: 1, 3: 2, 4: 2}


@pytest.mark.parametrize(
    "annotation",
    ["networking.istio.io/traffic-distribution: PreferClose", "service.kubernetes.io/topology-mode: Auto"],
)
def test_a_service_says_so_by_an_annotation(annotation: str) -> None:
    mesh = MESH.replace("metadata: {name: reviews, ", f"metadata: {{name: reviews, annotations: {{{annotation}}}, ", 1)
    assert priorities(cluster(at("eu/b/1"), mesh)) == {0: 1, 1: 1, 2: 0, 3: 2, 4: 2}


def test_a_rule_goes_before_the_service() -> None:
    found = cluster(at("eu/a/1"), distributed("PreferClose"), rule("loadBalancer: {localityLbSetting: {enabled: false}}"))
    assert set(priorities(found).values()) == {0}


PODS = """
---
apiVersion: v1
kind: Node
metadata:
  name: near
  labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: a}
---
apiVersion: v1
kind: Node
metadata:
  name: far
  labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: b}
---
apiVersion: v1
kind: Pod
metadata: {name: caller}
spec: {nodeName: near, containers: [{name: c}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {ports: [{name: http, port: 9080}], trafficDistribution: PreferSameNode}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- {addresses: [192.0.2.1], nodeName: far}
- {addresses: [192.0.2.2], zone: a}
- {addresses: [192.0.2.3], nodeName: near}
"""


def test_machines_of_a_cluster_say_where_pods_are() -> None:
    node = msgspec.structs.replace(sidecar_node("caller", http_proxy_port=15099), pod="caller")
    found = cluster(node, PODS)
    assert {endpoint.address: endpoint.priority for endpoint in found.endpoints} == {
        "192.0.2.3:9080": 0,
        "192.0.2.1:9080": 1,
        "192.0.2.2:9080": 2,
    }


def test_a_gateway_says_where_it_is() -> None:
    gateway = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  infrastructure: {labels: {topology.kubernetes.io/region: us, topology.kubernetes.io/zone: a}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: reviews, port: 9080}]}]}
"""
    found = translate(store_of(MESH, rule(DETECTS), gateway), gateway_node()).snapshot.clusters[CLUSTER]
    assert priorities(found)[3] == 0
    assert min(priority for port, priority in priorities(found).items() if port != 3) == 1


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 90}}]}}", "add up to 90 percent"),
        ("loadBalancer: {localityLbSetting: {distribute: [{from: a/b/c/d, to: {b: 100}}]}}", "is no locality"),
        (
            "loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 100}}], failover: [{from: a, to: b}]}}",
            "exclude each other",
        ),
        (f"loadBalancer: {{localityLbSetting: {{failover: [{{from: a, to: a}}]}}}}, {DETECTS}", "cannot go there"),
        ("loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}", "failover without outlierDetection"),
    ],
)
def test_what_is_wrong_is_told(policy: str, said: str) -> None:
    problems = translate(store_of(MESH, rule(policy)), at("eu/a")).problems
    assert any(said in problem.message for problem in problems), problems
