"""What the proxy of a captured pod is told."""

from typing import Final

import pytest
from resource_scenarios import ask, store_of, workload

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translator, translate
from hauberk_core.config import check_whole
from hauberk_core.model import FilterChain, Snapshot
from hauberk_core.net.destinations import DestinationMap

NODE: Final = Node(
    identity="spiffe://cluster.local/ns/shop/sa/web",
    role="sidecar",
    name="web",
    namespace="shop",
    labels={"app": "web"},
    captured=True,
    pod="web-1",
    addresses=("10.244.0.9",),
)


def service(name: str, address: str, ports: str, more: str = "") -> str:
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {address}, selector: {{app: {name}}}, ports: [{ports}]{more}}}
"""


def pod(name: str, address: str, app: str, more: str = "", ports: str = "", meshed: bool = True, captured: str = "{}") -> str:
    injected = f"""hauberk.dev/status: '{{"captured": {captured}}}',""" if meshed else ""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {app}}}, annotations: {{{injected} {more}}}}}
spec:
  serviceAccountName: {app}
  containers: [{{name: main, ports: [{ports}]}}]
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
"""


def slice_of(name: str, port_name: str, port: int, *addresses: str) -> str:
    endpoints = ", ".join([f"{{addresses: [{address}]}}" for address in addresses])
    return f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{port}, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{endpoints}]
ports: [{{name: {port_name}, port: {port}}}]
"""


WEB = service("web", "10.96.0.9", "{name: http, port: 80, targetPort: named}, {name: tcp-raw, port: 7000}") + pod(
    "web-1", "10.244.0.9", "web", ports="{containerPort: 8080, name: named}"
)
BOOKS = (
    service("books", "10.96.0.20", "{name: http, port: 80, targetPort: 9080}, {name: db, port: 3306, appProtocol: mysql}")
    + pod("books-1", "10.244.0.20", "books")
    + pod("books-2", "10.244.0.21", "books", meshed=False)
    + slice_of("books", "http", 9080, "10.244.0.20", "10.244.0.21")
    + slice_of("books", "db", 3306, "10.244.0.20")
)
QUEUE = (
    service("queue", "None", "{name: amqp, port: 5672}")
    + pod("queue-0", "10.244.0.30", "queue")
    + pod("queue-1", "10.244.0.31", "queue")
    + slice_of("queue", "amqp", 5672, "10.244.0.30", "10.244.0.31")
)


def told(*texts: str) -> Snapshot:
    translation = translate(store_of(*texts), NODE)
    check_whole(translation.snapshot, "")
    return translation.snapshot


def chain(snapshot: Snapshot, listener: str, host: str, port: int) -> FilterChain:
    """The one that takes a connection."""
    chains = snapshot.listeners[listener].filter_chains
    return chains[DestinationMap([(one.destinations, one.destination_ports) for one in chains]).choose(host, port)]


def outbound(snapshot: Snapshot, host: str, port: int) -> FilterChain:
    return chain(snapshot, "virtualOutbound", host, port)


def inbound(snapshot: Snapshot, port: int) -> FilterChain:
    return chain(snapshot, "virtualInbound", "10.244.0.9", port)


def identities(snapshot: Snapshot, taken: FilterChain) -> list[tuple[str, ...]]:
    return [snapshot.clusters[backend.cluster].transport.identities for backend in taken.backends]


def test_a_services_address_leads_to_its_endpoints() -> None:
    snapshot = told(WEB, BOOKS)
    taken = outbound(snapshot, "10.96.0.20", 80)
    assert taken.protocol == "http"
    name = "outbound|80||books.shop.svc.cluster.local"
    shared = {ask(snapshot, taken.route_table, host="any.test", dice=dice).cluster for dice in (0.1, 0.9)}
    assert shared == {name, f"{name}|plain"}
    assert [one.address for one in snapshot.clusters[name].endpoints] == ["10.244.0.20:9080"]
    assert snapshot.clusters[name].transport.identities == ("spiffe://cluster.local/ns/shop/sa/books",)
    assert snapshot.clusters[name].labels["destination_workload"] == "books-1"
    assert [one.address for one in snapshot.clusters[f"{name}|plain"].endpoints] == ["10.244.0.21:9080"]


def test_what_is_declared_not_to_be_http_passes_as_it_is() -> None:
    snapshot = told(WEB, BOOKS)
    taken = outbound(snapshot, "10.96.0.20", 3306)
    assert (taken.protocol, taken.route_table) == ("tcp", "")
    assert identities(snapshot, taken) == [("spiffe://cluster.local/ns/shop/sa/books",)]
    assert outbound(snapshot, "10.96.0.20", 3307).protocol == "detect"


def test_each_peer_of_a_headless_service_is_reached_by_itself() -> None:
    snapshot = told(WEB, QUEUE)
    taken = outbound(snapshot, "10.244.0.31", 5672)
    assert taken.protocol == "detect"
    assert identities(snapshot, taken) == [("spiffe://cluster.local/ns/shop/sa/queue",)]
    cluster = snapshot.clusters[taken.backends[0].cluster]
    assert (cluster.reach, cluster.endpoints) == ("original_destination", ())
    assert cluster.labels["destination_service_name"] == "queue"
    assert ask(snapshot, taken.route_table).cluster == taken.backends[0].cluster


def test_any_pod_of_the_mesh_is_reached_by_its_address() -> None:
    snapshot = told(WEB, BOOKS, QUEUE)
    taken = outbound(snapshot, "10.244.0.20", 12345)
    assert identities(snapshot, taken) == [("spiffe://cluster.local/ns/shop/sa/books",)]
    # Itself too.
    assert identities(snapshot, outbound(snapshot, "10.244.0.9", 8080)) == [("spiffe://cluster.local/ns/shop/sa/web",)]
    # What its proxy does not take, and pods without a proxy.
    assert [backend.cluster for backend in outbound(snapshot, "10.244.0.20", 15020).backends] == ["PassthroughCluster"]
    assert [backend.cluster for backend in outbound(snapshot, "10.244.0.21", 9080).backends] == ["PassthroughCluster"]


@pytest.mark.parametrize("captured", ['{"included": "80"}', "null"])
def test_ports_that_are_not_captured_are_called_plainly(captured: str) -> None:
    snapshot = told(
        WEB,
        service("books", "10.96.0.20", "{name: http, port: 80, targetPort: 9080}"),
        pod("books-1", "10.244.0.20", "books", captured=captured),
        slice_of("books", "http", 9080, "10.244.0.20"),
    )
    assert snapshot.clusters["outbound|80||books.shop.svc.cluster.local"].transport.security == "plain"


EXCLUDED = '{"included": "*", "excluded": "9080,9081"}'
# What Istio injected says so by a label, and by its annotations.
BY_ISTIO = pod("books-1", "10.244.0.20", "books", "'traffic.sidecar.istio.io/excludeInboundPorts': '9080, 9081'", meshed=False)


@pytest.mark.parametrize(
    "books",
    [
        pod("books-1", "10.244.0.20", "books", captured=EXCLUDED),
        BY_ISTIO.replace("labels: {", "labels: {security.istio.io/tlsMode: istio, "),
    ],
)
def test_excluded_ports_are_called_plainly(books: str) -> None:
    snapshot = told(
        WEB,
        service("books", "10.96.0.20", "{name: http, port: 80, targetPort: 9080}"),
        books,
        slice_of("books", "http", 9080, "10.244.0.20"),
    )
    assert snapshot.clusters["outbound|80||books.shop.svc.cluster.local"].transport.security == "plain"
    assert [backend.cluster for backend in outbound(snapshot, "10.244.0.20", 9081).backends] == ["PassthroughCluster"]
    assert identities(snapshot, outbound(snapshot, "10.244.0.20", 9082)) != [()]


def test_requests_elsewhere_go_by_their_host() -> None:
    external = service("search", '""', "", ", type: ExternalName, externalName: search.example.test")
    snapshot = told(WEB, BOOKS, external)
    taken = outbound(snapshot, "203.0.113.1", 80)
    assert ask(snapshot, taken.route_table, host="books").cluster.startswith("outbound|80||books.")
    assert ask(snapshot, taken.route_table, host="search.shop").cluster == "PassthroughCluster"
    assert ask(snapshot, taken.route_table, host="www.example.test").cluster == "PassthroughCluster"
    assert [backend.cluster for backend in taken.backends] == ["PassthroughCluster"]
    assert snapshot.clusters["PassthroughCluster"].reach == "original_destination"


def sidecar(name: str, mode: str, namespace: str = "shop", selector: str = "") -> str:
    chosen = f"workloadSelector: {{labels: {{{selector}}}}}, " if selector else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{chosen}outboundTrafficPolicy: {{mode: {mode}}}}}
"""


@pytest.mark.parametrize(
    ("objects", "cluster"),
    [
        ((), "PassthroughCluster"),
        ((sidecar("a", "REGISTRY_ONLY"),), "BlackHoleCluster"),
        ((sidecar("a", "REGISTRY_ONLY", "istio-system"),), "BlackHoleCluster"),
        ((sidecar("a", "REGISTRY_ONLY", "istio-system"), sidecar("a", "ALLOW_ANY")), "PassthroughCluster"),
        ((sidecar("a", "ALLOW_ANY"), sidecar("b", "REGISTRY_ONLY", selector="app: web")), "BlackHoleCluster"),
        ((sidecar("b", "REGISTRY_ONLY", selector="app: other"),), "PassthroughCluster"),
        ((sidecar("b", "REGISTRY_ONLY", "elsewhere"),), "PassthroughCluster"),
    ],
)
def test_the_narrowest_sidecar_says_what_may_be_called(objects: tuple[str, ...], cluster: str) -> None:
    snapshot = told(WEB, *objects)
    taken = outbound(snapshot, "203.0.113.1", 443)
    assert [backend.cluster for backend in taken.backends] == [cluster]
    assert ask(snapshot, taken.route_table, host="www.example.test").cluster == cluster


def authentication(mode: str, ports: str = "{}") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: own, namespace: shop}}
spec: {{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}, portLevelMtls: {ports}}}
"""


def test_what_comes_in_goes_to_the_workload_on_its_own_port() -> None:
    snapshot = told(WEB)
    by_name = inbound(snapshot, 8080)
    assert (by_name.protocol, by_name.transport.security, by_name.transport.mode) == ("http", "mesh", "permissive")
    cluster = snapshot.clusters[ask(snapshot, by_name.route_table).cluster]
    assert (cluster.reach, cluster.source_addresses) == ("original_destination", ("127.0.0.6", "::6"))
    assert cluster.labels["destination_service_name"] == "web"
    assert cluster.labels["reporter"] == "destination"
    assert inbound(snapshot, 7000).protocol == "tcp"
    assert by_name.transport.foreign_tls == "refuse"
    assert inbound(snapshot, 7000).transport.foreign_tls == "pass"
    other = inbound(snapshot, 12345)
    assert (other.protocol, [backend.cluster for backend in other.backends]) == ("detect", ["InboundPassthroughCluster"])


def test_policies_hold_by_port_whether_or_not_a_service_has_it() -> None:
    snapshot = told(WEB, authentication("STRICT", "{8080: {mode: DISABLE}, 9999: {mode: PERMISSIVE}}"))
    modes = {
        port: (inbound(snapshot, port).transport.security, inbound(snapshot, port).transport.mode)
        for port in (7000, 8080, 9999, 1)
    }
    assert modes == {
        7000: ("mesh", "strict"),
        8080: ("plain", "strict"),
        9999: ("mesh", "permissive"),
        1: ("mesh", "strict"),
    }


def test_the_agent_finds_itself_on_both_roads() -> None:
    snapshot = told(WEB, authentication("STRICT"))
    for taken in (outbound(snapshot, "127.0.0.7", 15002), chain(snapshot, "virtualInbound", "127.0.0.6", 15002)):
        assert (taken.protocol, taken.transport.security) == ("tcp", "plain")
        endpoints = snapshot.clusters[taken.backends[0].cluster].endpoints
        assert [one.address for one in endpoints] == ["127.0.0.1:15020"]


def tcp_route(name: str, parent: str, backends: str, created: str = "2026-01-01T00:00:00Z", namespace: str = "shop") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}
spec:
  parentRefs: [{{group: "", kind: Service, name: {parent}}}]
  rules: [{{backendRefs: [{backends}]}}]
"""


def test_connections_to_a_service_are_divided_as_the_oldest_route_attached_to_it_says() -> None:
    next_books = service("next", "10.96.0.21", "{name: db, port: 3306, appProtocol: mysql}") + slice_of(
        "next", "db", 3306, "10.244.0.21"
    )
    parent = "books, port: 3306, namespace: shop"
    old = tcp_route("old", parent, "{name: books, port: 3306, weight: 9}, {name: next, port: 3306}")
    young = tcp_route("young", parent, "{name: next, port: 3306}", "2026-02-02T00:00:00Z")
    snapshot = told(WEB, BOOKS, next_books, young, old)
    taken = outbound(snapshot, "10.96.0.20", 3306)
    shares = [(backend.cluster, backend.weight) for backend in taken.backends]
    assert shares == [
        ("outbound|3306||books.shop.svc.cluster.local", 9),
        ("outbound|3306||next.shop.svc.cluster.local", 1),
    ]
    # As secure as without the route.
    assert identities(snapshot, taken)[0] == ("spiffe://cluster.local/ns/shop/sa/books",)
    assert outbound(snapshot, "10.96.0.21", 3306).backends[0].cluster == "outbound|3306||next.shop.svc.cluster.local"


def test_a_route_for_connections_takes_requests_too_unless_they_have_a_route_of_their_own() -> None:
    only = tcp_route("all", "books, port: 80", "{name: books, port: 3306}")
    taken = outbound(told(WEB, BOOKS, only), "10.96.0.20", 80)
    assert (taken.protocol, taken.route_table) == ("tcp", "")
    requests = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: requests, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: books, port: 80}]
  rules: [{backendRefs: [{name: books, port: 80}]}]
"""
    assert outbound(told(WEB, BOOKS, only, requests), "10.96.0.20", 80).protocol == "http"


def test_a_backend_that_leads_nowhere_has_its_share_reset() -> None:
    route = tcp_route("half", "books, port: 3306", "{name: books, port: 3306}, {name: nobody, port: 1}")
    translation = translate(store_of(WEB, BOOKS, route), NODE)
    taken = outbound(translation.snapshot, "10.96.0.20", 3306)
    assert [backend.cluster for backend in taken.backends] == ["outbound|3306||books.shop.svc.cluster.local", ""]
    assert any("its share of connections is reset" in problem.message for problem in translation.problems)


@pytest.mark.parametrize(
    "annotation",
    [
        "'traffic.sidecar.istio.io/excludeInboundPorts': '000001" + "0" * 5_000 + "'",
        "'traffic.sidecar.istio.io/includeInboundPorts': '000001" + "0" * 5_000 + "'",
        """'hauberk.dev/status': '{"captured": {"more": """ + "[" * 20_000 + "'",
        """'hauberk.dev/status': '{"captured": """ + "9" * 5_000 + "}'",
    ],
)
def test_nobody_else_suffers_from_what_a_pod_writes_about_itself(annotation: str) -> None:
    hostile = pod("evil-1", "10.244.0.66", "evil", annotation, meshed=False)
    snapshot = told(WEB, BOOKS, hostile.replace("{app: evil}", "{app: evil, security.istio.io/tlsMode: istio}"))
    assert outbound(snapshot, "10.96.0.20", 80).route_table


def test_a_pod_may_have_so_many_ports_beside_its_proxy_and_no_more() -> None:
    excluded = ",".join([str(port) for port in range(1_000, 9_000)])
    snapshot = told(WEB, pod("many-1", "10.244.0.66", "many", captured=f'{{"included": "*", "excluded": "{excluded}"}}'))
    assert [one.cluster for one in outbound(snapshot, "10.244.0.66", 1_000).backends] == ["PassthroughCluster"]
    assert [one.cluster for one in outbound(snapshot, "10.244.0.66", 8_999).backends] == ["pods|shop/many"]
    assert len(snapshot.listeners["virtualOutbound"].filter_chains) < 100


def test_a_namespace_may_be_called_by_a_number() -> None:
    snapshot = told(WEB, BOOKS.replace("namespace: shop", "namespace: '2024'"))
    name = "outbound|80||books.2024.svc.cluster.local"
    assert ask(snapshot, "hosts", host="books.2024.svc").cluster.startswith(name)


@pytest.mark.parametrize(
    ("theirs", "port"), [("10.96.0.20", 80), ("10.244.0.20", 80), ("10.244.0.30", 5672), ("fd00::20", 80), ("FD00:0::20", 80)]
)
def test_nobody_takes_the_address_of_another_namespace(theirs: str, port: int) -> None:
    taken_over = f"""
---
apiVersion: v1
kind: Service
metadata: {{name: evil, namespace: aaa}}
spec: {{clusterIP: None, selector: {{app: evil}}, ports: [{{name: http, port: {port}}}]}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: evil, namespace: aaa}}
spec: {{address: "{theirs}", labels: {{app: evil}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: evil, namespace: aaa}}
spec: {{hosts: [evil], http: [{{directResponse: {{status: 418}}}}]}}
"""
    books = BOOKS.replace("clusterIP: 10.96.0.20", "clusterIP: 10.96.0.20, clusterIPs: ['10.96.0.20', 'fd00::20']")
    before = outbound(told(WEB, books, QUEUE), "fd00::20" if ":" in theirs else theirs, port)
    after = outbound(told(WEB, books, QUEUE, taken_over), "fd00::20" if ":" in theirs else theirs, port)
    assert (after.route_table, after.backends) == (before.route_table, before.backends)
    elsewhere = told(WEB, books, QUEUE, taken_over.replace(theirs, "10.244.7.7"))
    assert outbound(elsewhere, "10.244.7.7", port).route_table == f"original|{port}||evil.aaa.svc.cluster.local"


def test_an_address_that_means_another_machine_elsewhere_is_none_to_be_called_by() -> None:
    entry = """
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: scoped, namespace: shop}
spec: {address: "fe80::1%eth0", labels: {app: queue}}
"""
    assert outbound(told(WEB, QUEUE, entry), "10.244.0.30", 5672).backends


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "localhost", "A.localhost."]
)
def test_no_workload_of_a_cluster_is_whoever_calls(address: str) -> None:
    entry = workload("vm", 15000, namespace="shop", app="books", port_name="http", address=f"'{address}'")
    store = store_of(WEB, BOOKS, entry)
    name = "outbound|80||books.shop.svc.cluster.local|plain"
    beside = Translator(on_cluster=True).translate(store, NODE)
    assert [one.address for one in beside.snapshot.clusters[name].endpoints] == ["10.244.0.21:9080"]
    assert [problem.path for problem in beside.problems if problem.severity == "error"] == ["spec.address"]
    alone = Translator().translate(store, NODE)
    assert len(alone.snapshot.clusters[name].endpoints) == 2
