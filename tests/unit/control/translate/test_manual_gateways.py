"""Gateways that are served by pods of somebody's own, several of them by the same pods."""

import msgspec
import pytest
from condition_scenarios import PROGRAMMED, listeners_of, told
from resource_scenarios import ask, secret, service, store_of, workload
from trustme import CA

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.gateways.wanted import wanted_gateways
from hauberk_control.proxy_settings import ProxySettings
from hauberk_control.status.cluster import cluster_facts
from hauberk_control.status.conditions import Status
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import Notes
from hauberk_control.translate.translate import Translation, Translator
from hauberk_core.config import check_whole
from hauberk_core.model import Reason, Snapshot
from hauberk_core.model.edge import Edge

GRANT = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: guests, namespace: edge}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Service}]
"""
DOOR = (
    GRANT
    + """
---
apiVersion: v1
kind: Service
metadata: {name: door, namespace: edge}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.9
  selector: {app: door}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: https, port: 443, targetPort: tls}
status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}
"""
)
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: door-x1, namespace: edge, labels: {app: door}}
spec:
  serviceAccountName: door
  containers: [{name: hauberk-proxy, ports: [{name: tls, containerPort: 8443}]}]
"""
BACKENDS = (
    service("reviews")
    + workload("reviews-v1", 20001, app="reviews")
    + service("ratings")
    + workload("ratings-v1", 20002, app="ratings")
)
NODE = Node(
    identity="spiffe://cluster.local/ns/edge/sa/door",
    role="gateway",
    name="edge/pod/door-x1",
    namespace="edge",
    labels={"app": "door"},
    address="",
    pod="door-x1",
)
HTTP = "{name: http, port: 80, protocol: HTTP}"


def gateway(
    name: str, listeners: str = HTTP, created: str = "2026-01-01T00:00:00Z", address: str = "door.edge", more: str = ""
) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default, creationTimestamp: '{created}', generation: 7}}
spec:
  gatewayClassName: istio
  addresses: [{{type: Hostname, value: {address}}}]
  listeners: [{listeners}]
  {more}
"""


def route(parent: str, host: str, backend: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {parent}-{backend}}}
spec:
  parentRefs: [{{name: {parent}}}]
  hostnames: [{host}]
  rules: [{{backendRefs: [{{name: {backend}, port: 9080}}]}}]
"""


def translated(*texts: str, node: Node = NODE) -> Translation:
    translation = Translator(on_cluster=True).translate(store_of(*texts), node)
    check_whole(translation.snapshot, "")
    return translation


def snapshot(*texts: str) -> Snapshot:
    return translated(*texts).snapshot


def status(name: str, *texts: str, proxies: list[ProxyStatus] | None = None) -> Status:
    view = Translator(on_cluster=True).view(store_of(*texts))
    facts = cluster_facts(view.store, wanted_gateways(view, ProxySettings()), frozenset())
    return view_statuses(view, proxies, facts)[ObjectKey("gateway.networking.k8s.io", "Gateway", "default", name)]


BOTH = (DOOR, POD, BACKENDS, gateway("one"), gateway("two", created="2026-02-02T00:00:00Z"))


def test_all_gateways_of_a_service_are_served_by_its_pods_where_it_leads_to() -> None:
    found = snapshot(*BOTH, route("one", "a.test", "reviews"), route("two", "b.test", "ratings"))
    assert [(one.address, one.public_port) for one in found.listeners.values()] == [(":8080", 80)]
    assert "reviews" in ask(found, "port-80", "/", "a.test").cluster
    assert "ratings" in ask(found, "port-80", "/", "b.test").cluster
    assert ask(found, "port-80", "/", "c.test").reason is Reason.NO_ROUTE


def test_gateways_of_one_port_that_disagree_about_proxies_in_front_believe_none() -> None:
    believing = gateway("one").replace("generation: 7", "generation: 7, annotations: {hauberk.dev/trusted-hops: '1'}")
    translation = translated(DOOR, POD, BACKENDS, believing, gateway("two", created="2026-02-02T00:00:00Z"))
    [listener] = translation.snapshot.listeners.values()
    assert [chain.edge for chain in listener.filter_chains] == [Edge()]
    assert any("disagree" in problem.message for problem in translation.problems)
    [listener] = snapshot(DOOR, POD, BACKENDS, believing).listeners.values()
    assert [chain.edge for chain in listener.filter_chains] == [Edge(trusted_hops=1)]


def test_a_named_port_of_the_service_is_the_pods() -> None:
    issued = CA().issue_cert("a.test")
    shown = secret("a", issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    https = "{name: https, port: 443, protocol: HTTPS, hostname: a.test, tls: {certificateRefs: [{name: a}]}}"
    other = https.replace("a.test", "b.test")
    found = snapshot(DOOR, POD, BACKENDS, shown, gateway("one", https), gateway("two", other), route("one", "a.test", "reviews"))
    assert [one.address for one in found.listeners.values()] == [":8443"]
    # Each has a chain and a table of its own, though both listeners have the same name.
    assert len(found.listeners["port-443"].filter_chains) == len(found.route_tables) == 2


def test_what_the_pod_serves_is_noted_and_makes_the_gateways_programmed() -> None:
    notes = translated(*BOTH).notes
    assert notes.gateways == ("default/one", "default/two")
    proxy = ProxyStatus(
        identity=NODE.identity,
        role="gateway",
        name=NODE.name,
        namespace="edge",
        address="",
        plugins={},
        program="",
        connected_since=0,
        version="1",
        in_force_since=0,
        current=True,
        behind_seconds=0,
        resources=1,
        notes=notes,
    )
    assert told(status("two", *BOTH, proxies=[proxy]).conditions)["Programmed"] == PROGRAMMED
    without = msgspec.structs.replace(proxy, notes=Notes())
    assert told(status("two", *BOTH, proxies=[without]).conditions)["Programmed"] == ("False", "Pending")


@pytest.mark.parametrize(
    "node",
    [
        msgspec.structs.replace(NODE, labels={"app": "other"}),
        msgspec.structs.replace(NODE, namespace="default", name="default/pod/door-x1"),
        msgspec.structs.replace(NODE, pod=""),
    ],
)
def test_other_pods_serve_none_of_them(node: Node) -> None:
    translation = translated(*BOTH, node=node)
    assert translation.snapshot.listeners == {}
    assert translation.notes.gateways == ()
    assert translation.problems


def test_on_a_laptop_nobody_serves_by_a_service() -> None:
    assert Translator().translate(store_of(*BOTH), NODE).snapshot.listeners == {}


@pytest.mark.parametrize(
    ("first", "second", "accepted", "conflicted"),
    [
        (HTTP, HTTP, ("True", "Accepted"), ("False", "NoConflicts")),
        (
            HTTP,
            "{name: http, port: 80, protocol: TCP}",
            ("False", "ProtocolConflict"),
            ("True", "ProtocolConflict"),
        ),
        (
            "{name: tls, port: 443, protocol: TLS, hostname: a.test, tls: {mode: Passthrough}}",
            "{name: http, port: 443, protocol: TLS, hostname: a.test, tls: {mode: Passthrough}}",
            ("False", "HostnameConflict"),
            ("True", "HostnameConflict"),
        ),
        (HTTP, "{name: http, port: 81, protocol: HTTP}", ("False", "PortUnavailable"), ("False", "NoConflicts")),
    ],
)
def test_what_the_pods_cannot_do_for_both_is_told(
    first: str, second: str, accepted: tuple[str, str], conflicted: tuple[str, str]
) -> None:
    texts = (DOOR, gateway("one", first), gateway("two", second, created="2026-02-02T00:00:00Z"))
    older, younger = (listeners_of(status(name, *texts)) for name in ("one", "two"))
    assert next(iter(older.values()))["Conflicted"] == ("False", "NoConflicts")
    assert younger["http"]["Conflicted"] == conflicted
    # What TLS and TCP need beside is not what this is about.
    if accepted[1] != "Accepted" or conflicted[1] == "NoConflicts":
        assert younger["http"]["Accepted"] == accepted


def test_a_guest_of_pods_that_were_made_for_another_goes_behind_it() -> None:
    host = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: host, namespace: edge, creationTimestamp: '2026-03-03T00:00:00Z'}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
    made = DOOR.replace("name: door", "name: host-hauberk").replace("targetPort: 8080", "targetPort: 10080")
    guests = (
        gateway("one", address="host-hauberk.edge"),
        gateway("two", HTTP.replace("HTTP", "TCP"), address="host-hauberk.edge"),
    )
    assert listeners_of(status("one", host, made, *guests))["http"]["Conflicted"] == ("False", "NoConflicts")
    assert listeners_of(status("two", host, made, *guests))["http"]["Conflicted"] == ("True", "ProtocolConflict")
    named = msgspec.structs.replace(NODE, name="edge/host")
    found = translated(host, made, POD, BACKENDS, guests[0], route("one", "a.test", "reviews"), node=named)
    assert found.notes.gateways == ("edge/host", "default/one")
    assert [one.address for one in found.snapshot.listeners.values()] == [":10080"]
    assert "reviews" in ask(found.snapshot, "port-80", "/", "a.test").cluster


def test_gateways_of_other_services_are_no_matter() -> None:
    texts = (DOOR, gateway("one"), gateway("two", "{name: http, port: 80, protocol: TCP}", address="window.edge"))
    assert listeners_of(status("two", *texts))["http"]["Conflicted"] == ("False", "NoConflicts")


def test_one_set_of_connections_shows_one_certificate() -> None:
    issued = CA().issue_cert("client.test")
    shown = secret("client", issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    backend = "tls: {backend: {clientCertificateRef: {name: client}}}"
    alone = translated(DOOR, POD, shown, gateway("one", more=backend))
    assert len(alone.certificates) == 1
    agreed = translated(DOOR, POD, shown, gateway("one", more=backend), gateway("two", more=backend))
    assert len(agreed.certificates) == 1
    differing = translated(DOOR, POD, shown, gateway("one", more=backend), gateway("two"))
    assert len(differing.certificates) == 0
    assert "different certificates" in str(differing.problems)


def test_pods_of_another_namespace_serve_only_gateways_that_it_lets() -> None:
    door = DOOR.replace(GRANT, "")
    own = gateway("own", created="2025-01-01T00:00:00Z").replace("namespace: default", "namespace: edge")
    served = route("own", "a.test", "reviews").replace("{name: own-reviews}", "{name: own-reviews, namespace: edge}")
    guest = (
        gateway("guest"),
        route("guest", "a.test", "ratings").replace("rules: [{", "rules: [{matches: [{path: {value: /login}}], "),
    )

    def reached(*texts: str) -> object:
        return ask(snapshot(door, POD, BACKENDS, own, served, *texts), "port-80", "/login", "a.test").route

    assert reached(*guest) == reached() == "edge/own-reviews#00"
    assert reached(*guest, GRANT) == "default/guest-ratings#00"
    refused = status("guest", door, POD, BACKENDS, own, *guest)
    assert listeners_of(refused)["http"]["Accepted"] == ("False", "RefNotPermitted")
