"""Translation as a whole: it is pure, wrong objects disturb nobody, and an edit touches what it is about."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translator, translate
from hauberk_core.config import check_whole

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def route(name: str, path: str = "/", rule: str = "", parent: str = "{name: web}") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{parent}]
  hostnames: [{name}.test]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
    backendRefs: [{{name: reviews, port: 9080}}]
    {rule}
"""


VALID = (
    GATEWAY,
    service("reviews"),
    service("named").replace("port: 9080", "port: 9080, targetPort: web"),
    workload("reviews-v1", 20001, app="reviews", account="reviews"),
    route("shop"),
    route("inside", parent="{name: reviews, kind: Service, group: ''}"),
    """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
""",
    """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: all, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
""",
)
NODES = (
    gateway_node(),
    sidecar_node(
        labels={"app": "reviews"}, inbound={9080: (20001, 30001)}, outbound={"reviews.default:9080": 15010}, http_proxy_port=15099
    ),
)

# Right in form, so that reading takes them, and wrong in what they say together.
WRONG = (
    route("mirror", rule="filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: B, name: c}}]"),
    route("shop-too", rule="filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: Thing, name: x}}]"),
    """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: two-lines}
spec:
  parentRefs: [{name: web}]
  rules: [{matches: [{headers: [{name: a, value: "a\\nb"}]}], backendRefs: [{name: reviews, port: 9080}]}]
""",
    """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: in-the-mesh}
spec:
  parentRefs: [{name: reviews, kind: Service, group: ""}]
  rules: [{matches: [{headers: [{name: a, value: "a\\nb"}]}]}]
""",
    route("age").replace("name: age", "name: age, creationTimestamp: yesterday"),
    """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a-name}
spec: {host: reviews, trafficPolicy: {tls: {mode: SIMPLE, sni: "*.a"}}}
""",
    """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a-subset}
spec: {host: reviews, subsets: [{name: "a|b"}]}
""",
    workload("port", 20009, app="named", port_name="other"),
    workload("account", 20009, app="reviews", account="a" * 80),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(WRONG), unique=True), st.sampled_from(NODES))
def test_wrong_objects_are_told_and_change_nothing(wrong: Sequence[str], node: Node) -> None:
    good = translate(store_of(*VALID), node)
    both = translate(store_of(*VALID, *wrong), node)
    assert both.snapshot == good.snapshot
    assert both.certificates == good.certificates
    assert good.problems == ()
    assert all(problem.severity == "error" and problem.line > 0 and problem.hint for problem in both.problems)


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_each_wrong_object_is_told_to_whom_it_concerns(index: int) -> None:
    problems = [problem for node in NODES for problem in translate(store_of(*VALID, WRONG[index]), node).problems]
    assert problems
    assert {problem.origin for problem in problems} == {"mesh.yaml"}


@pytest.mark.parametrize("node", NODES)
def test_translation_is_pure(node: Node) -> None:
    first = translate(store_of(*VALID), node)
    check_whole(first.snapshot, "")
    assert translate(store_of(*reversed(VALID)), node) == first
    translator = Translator()
    assert translator.translate(store_of(*VALID), node) == first
    assert translator.translate(store_of(*VALID), node) == first


@pytest.mark.parametrize("node", NODES)
def test_a_translator_that_saw_other_stores_says_the_same(node: Node) -> None:
    """Every change of one object: added, changed, removed."""
    translator = Translator()
    stores = [store_of(*VALID[:index], *VALID[index + 1 :]) for index in range(len(VALID))]
    stores += [store_of(*VALID[:-1], VALID[-1].replace("STRICT", "DISABLE")), store_of(*VALID, WRONG[0]), store_of(*VALID)]
    stores.append(store_of(*[text.replace("20001", "20002") for text in VALID]))
    for store in stores:
        assert translator.translate(store, node) == translate(store, node)


def test_an_edit_leaves_everything_else_the_same_objects() -> None:
    routes = [route(f"r{index}") for index in range(20)]
    translator = Translator()
    before = translator.translate(store_of(*VALID, *routes), gateway_node()).snapshot
    routes[3] = route("r3", path="/new")
    after = translator.translate(store_of(*VALID, *routes), gateway_node()).snapshot
    assert before.version != after.version

    def by_host(snapshot_tables: object) -> dict[str, object]:
        assert isinstance(snapshot_tables, tuple)
        return {virtual_host.name: virtual_host for virtual_host in snapshot_tables}

    old = by_host(before.route_tables["port-80"].virtual_hosts)
    new = by_host(after.route_tables["port-80"].virtual_hosts)
    assert [host for host in old if old[host] != new[host]] == ["r3.test"]
    assert all(after.clusters[name] is cluster for name, cluster in before.clusters.items())


def test_replicas_of_a_proxy_share_one_translation_and_others_have_their_own() -> None:
    translator = Translator()
    store = store_of(*VALID)
    first = translator.translate(store, gateway_node())
    assert translator.translate(store, gateway_node()) is first
    assert translator.translate(store, gateway_node(ports={})) is not first
    for port in range(100):
        node = gateway_node(ports={80: 9000 + port})
        assert translator.translate(store, node).snapshot.listeners["port-80"].address == f"127.0.0.1:{9000 + port}"
    assert translator.translate(store_of(*VALID[:3]), gateway_node()) == translate(store_of(*VALID[:3]), gateway_node())


def test_a_problem_moves_with_its_object() -> None:
    translator = Translator()
    first = translator.translate(store_of(*VALID, WRONG[0]), gateway_node()).problems[0]
    second = translator.translate(store_of(*VALID, "\n\n\n" + WRONG[0]), gateway_node()).problems[0]
    assert second == msgspec.structs.replace(first, line=first.line + 3)


def test_a_memory_does_not_grow_with_the_changes() -> None:
    translator = Translator()
    for index in range(30):
        store: Store = store_of(*VALID, route(f"r{index}"))
        translator.translate(store, gateway_node())
    assert len(translator) < 60


def test_proxies_share_the_rules_of_routes_and_get_what_each_would_get_alone() -> None:
    route = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: split}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules:
  - backendRefs: [{name: reviews, port: 9080, weight: 3}, {name: ratings, port: 9080}, {name: nowhere, port: 1}]
"""
    # Only for one of the callers: it speaks plain to all, the others share requests between two clusters.
    rule = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, workloadSelector: {matchLabels: {app: plain}}, trafficPolicy: {tls: {mode: DISABLE}}}
"""
    store = store_of(
        service("reviews") + service("ratings") + route + rule,
        workload("mesh", 20001, app="reviews", account="reviews") + workload("bare", 20002, app="reviews"),
        workload("ratings", 20003),
    )
    nodes = [sidecar_node(name, labels={"app": name}, outbound={"reviews.default:9080": 1}) for name in ("one", "plain", "two")]
    translator = Translator()
    together = [translator.translate(store, node) for node in nodes]
    for node, found in zip(nodes, together, strict=True):
        alone = translate(store, node)
        assert (found.snapshot, found.problems) == (alone.snapshot, alone.problems)
    one, plain, two = [found.snapshot.route_tables["outbound|reviews.default:9080"].virtual_hosts[0].routes for found in together]
    assert one[0] is two[0]
    assert len(plain[0].backends) < len(one[0].backends)
