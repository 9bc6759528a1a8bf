"""ListenerSets add listeners to a Gateway that lets them, and lose every conflict against what goes before them."""

import pytest
import trustme
from resource_scenarios import ask, gateway_node, secret, service, store_of, workload

from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.translate import translate
from hauberk_control.translate.view import Memories, View
from hauberk_core.config import check_whole
from hauberk_core.model import Reason, Snapshot
from hauberk_core.resources import Gateway

WORLD = service("reviews") + workload("reviews-v1", 20001, app="reviews")
TEAM = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {kind: team}}\n"
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"


def gateway(allowed: str = "allowedListeners: {namespaces: {from: All}}", hostname: str = "own.test") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: hauberk
  {allowed}
  listeners: [{{name: own, port: 80, protocol: HTTP, hostname: {hostname}}}]
"""


def listener_set(name: str, listeners: str, namespace: str = "default", created: str = "") -> str:
    age = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, namespace: {namespace}{age}}}
spec: {{parentRef: {{name: web, namespace: default}}, listeners: [{listeners}]}}
"""


def route(name: str, parent: str, more: str = "") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec: {{parentRefs: [{parent}], {more} rules: [{{backendRefs: [{{name: reviews, port: 9080}}]}}]}}
"""


def http(name: str, hostname: str, port: int = 80) -> str:
    return f"{{name: {name}, port: {port}, protocol: HTTP, hostname: {hostname}}}"


def told(*texts: str) -> Snapshot:
    snapshot = translate(store_of(*texts), gateway_node(ports={})).snapshot
    check_whole(snapshot, "")
    return snapshot


def states(*texts: str) -> dict[str, ListenerState]:
    view = View(store_of(*texts), Memories())
    [own] = view.store.of(Gateway)
    return {state.name: state for state in view.listeners(own)}


def test_a_route_attaches_to_the_listeners_of_the_set_that_it_names() -> None:
    snapshot = told(
        gateway(),
        listener_set("more", f"{http('a', 'a.test')}, {http('b', 'b.test', 8080)}"),
        route("whole-set", "{kind: ListenerSet, name: more}"),
        route("one", "{kind: ListenerSet, name: more, sectionName: a}", "hostnames: [a.test],"),
        route("gateway-alone", "{name: web}"),
        WORLD,
    )
    assert ask(snapshot, "port-80", host="a.test").route.startswith("default/one")
    assert ask(snapshot, "port-8080", host="b.test").route.startswith("default/whole-set")
    assert ask(snapshot, "port-80", host="own.test").route.startswith("default/gateway-alone")
    assert ask(snapshot, "port-80", host="b.test").reason is Reason.NO_HOST


@pytest.mark.parametrize(
    ("allowed", "listens"),
    [
        ("", False),
        ("allowedListeners: {namespaces: {from: None}}", False),
        ("allowedListeners: {namespaces: {from: Same}}", False),
        ("allowedListeners: {namespaces: {from: All}}", True),
        ("allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {kind: team}}}}", True),
        ("allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {kind: other}}}}", False),
    ],
)
def test_a_gateway_chooses_the_namespaces_of_its_sets(allowed: str, listens: bool) -> None:
    snapshot = told(gateway(allowed), TEAM, listener_set("more", http("a", "a.test", 8080), namespace="team"), WORLD)
    assert ("port-8080" in snapshot.listeners) is listens


def test_routes_of_the_same_namespace_are_those_of_the_sets() -> None:
    texts = (gateway(), TEAM, listener_set("more", http("a", "a.test"), namespace="team"), WORLD)
    parent = "{kind: ListenerSet, name: more, namespace: team}"
    assert ask(told(*texts, route("r", parent)), "port-80", host="a.test").reason is Reason.NO_ROUTE
    of_team = route("r", parent).replace("name: r}", "name: r, namespace: team}").replace("{name: reviews,", "{name: own,")
    snapshot = told(*texts, of_team, service("own", namespace="team"))
    assert ask(snapshot, "port-80", host="a.test").cluster == "outbound|9080||own.team.svc.cluster.local"


def test_the_older_set_wins_and_the_gateway_before_all() -> None:
    found = states(
        gateway(),
        listener_set("young", f"{http('a', 'own.test')}, {http('b', 'b.test')}", created="2026-01-03T00:00:00Z"),
        listener_set("old", f"{http('b', 'b.test')}, {http('c', 'c.test')}", created="2026-01-02T00:00:00Z"),
    )
    reasons = {name: [(one.aspect, one.reason) for one in state.troubles] for name, state in found.items()}
    assert reasons == {
        "own": [],
        "default/old/b": [],
        "default/old/c": [],
        "default/young/a": [("Conflicted", "HostnameConflict")],
        "default/young/b": [("Conflicted", "HostnameConflict")],
    }
    assert [name for name, state in found.items() if state.serves] == ["own", "default/old/b", "default/old/c"]


def test_a_port_keeps_the_protocol_of_the_first() -> None:
    tls = "{name: tls, port: 80, protocol: HTTPS, hostname: t.test, tls: {certificateRefs: [{name: shop}]}}"
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("t.test", key_type=trustme.KeyType.ECDSA)
    own = secret("shop", leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())
    found = states(gateway(), listener_set("more", tls), own)
    assert [one.reason for one in found["default/more/tls"].troubles] == ["ProtocolConflict"]


def test_a_sets_certificate_in_another_namespace_is_granted_to_sets() -> None:
    listener = "{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop, namespace: certs}]}}"
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("t.test", key_type=trustme.KeyType.ECDSA)
    own = secret("shop", leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes(), namespace="certs")

    def grant(kind: str) -> str:
        return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: certs}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}]
  to: [{{group: '', kind: Secret}}]
"""

    for kind, reasons in (("ListenerSet", []), ("Gateway", ["RefNotPermitted"])):
        found = states(gateway(), listener_set("more", listener), own, grant(kind))
        assert [one.reason for one in found["default/more/tls"].troubles] == reasons
