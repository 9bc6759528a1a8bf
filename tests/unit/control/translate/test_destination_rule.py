"""DestinationRules in what a proxy is told."""

import pytest
from resource_scenarios import service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Cluster
from hauberk_core.model.cluster import RetryBudget

HOST = "reviews.default.svc.cluster.local"
NAME = f"outbound|9080||{HOST}"
MESH = service("reviews") + "".join(
    [workload(f"reviews-v{index}", 20000 + index, app="reviews", version=f"v{index}", account="reviews") for index in (1, 2)]
)
OUTSIDE = service("reviews") + workload("reviews-v1", 20001, app="reviews")


def rule(spec: str, name: str = "reviews", namespace: str = "default", host: str = "reviews", more: str = "") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: "{host}"
  trafficPolicy: {spec}
  {more}
"""


def told(*texts: str, namespace: str = "default") -> Translation:
    translation = translate(store_of(*texts), sidecar_node(namespace=namespace, http_proxy_port=15099))
    check_whole(translation.snapshot, "")
    return translation


def cluster(*texts: str, name: str = NAME, namespace: str = "default") -> Cluster:
    return told(*texts, namespace=namespace).snapshot.clusters[name]


def test_settings_that_the_proxy_has() -> None:
    text = """
    loadBalancer: {simple: ROUND_ROBIN}
    connectionPool: {tcp: {maxConnections: 7, connectTimeout: 250ms}, http: {http1MaxPendingRequests: 3, idleTimeout: 100h}}
"""
    found = cluster(MESH, rule(text))
    assert (found.load_balancing, found.max_connections, found.max_pending) == ("round_robin", 7, 3)
    assert found.connect_timeout.seconds == 0.25
    assert found.idle_timeout.seconds == 36 * 3600


def test_what_the_proxy_does_not_do_is_told_with_its_place() -> None:
    text = """
    outlierDetection: {consecutiveErrors: 3}
    loadBalancer: {simple: PASSTHROUGH}
    connectionPool: {tcp: {idleTimeout: 5s}, http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 5, useClientProtocol: true}}
"""
    problems = told(MESH, rule(text)).problems
    assert {problem.path for problem in problems} == {
        "spec.trafficPolicy.outlierDetection.consecutiveErrors",
        "spec.trafficPolicy.loadBalancer.simple",
        "spec.trafficPolicy.connectionPool.tcp.idleTimeout",
        "spec.trafficPolicy.connectionPool.http.h2UpgradePolicy",
    }
    assert {problem.severity for problem in problems} == {"warning"}
    assert all(problem.line for problem in problems)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{outlierDetection: {interval: 0s}}", "outlierDetection.interval"),
        ("{outlierDetection: {baseEjectionTime: 0s}}", "outlierDetection.baseEjectionTime"),
        ("{connectionPool: {tcp: {connectTimeout: 0s}}}", "connectionPool.tcp.connectTimeout"),
    ],
)
def test_a_time_of_nothing_is_refused(text: str, path: str) -> None:
    [problem] = told(MESH, rule(text)).problems
    assert (problem.path, problem.severity) == (f"spec.trafficPolicy.{path}", "error")


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ("{}", "http1"),
        ("{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}", "http2"),
        ("{connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}}", "http1"),
        ("{connectionPool: {http: {useClientProtocol: true}}}", "client"),
        ("{tls: {mode: SIMPLE}}", "alpn"),
        ("{tls: {mode: SIMPLE}, connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}}", "http1"),
        ("{tls: {mode: SIMPLE}, connectionPool: {http: {useClientProtocol: true}}}", "client"),
    ],
)
def test_what_is_spoken_to_endpoints(told: str, spoken: str) -> None:
    assert cluster(MESH, rule(told)).protocol == spoken


def test_streams_of_a_connection() -> None:
    found = cluster(MESH, rule("{connectionPool: {http: {maxConcurrentStreams: 5, h2UpgradePolicy: UPGRADE}}}"))
    assert (found.max_concurrent_streams, found.transport.security) == (5, "mesh")
    assert found.ping_interval.seconds == 30, "proxies of the mesh may be asked whether they are there"
    outside = cluster(MESH, rule("{tls: {mode: SIMPLE}}"))
    assert (outside.max_concurrent_streams, outside.ping_interval.seconds) == (128, 0)


def test_every_field_about_single_connections() -> None:
    text = """
    connectionPool:
      tcp: {maxConnectionDuration: 90s, tcpKeepalive: {probes: 900, time: 7200s, interval: 75s}}
      http: {maxRequestsPerConnection: 8}
"""
    found = cluster(MESH, rule(text))
    assert (found.max_requests_per_connection, found.max_connection_duration.seconds) == (8, 90.0)
    keepalive = found.tcp_keepalive
    assert keepalive is not None
    assert (keepalive.probes, keepalive.time.seconds, keepalive.interval.seconds) == (127, 7200.0, 75.0)


def test_what_is_not_set_is_istios_default() -> None:
    found = cluster(MESH, rule("{connectionPool: {tcp: {maxConnections: 0}, http: {http1MaxPendingRequests: 0}}}"))
    assert (found.connect_timeout.seconds, found.idle_timeout.seconds) == (10.0, 3600.0)
    assert (found.max_connections, found.max_pending, found.tcp_keepalive) == (1024, 1024, None)


def test_policies_are_told_to_plugins_by_cluster_with_their_levels_settled() -> None:
    text = rule(
        "{outlierDetection: {consecutive5xxErrors: 3}, connectionPool: {tcp: {maxConnections: 9}}}",
        more="""subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 7}}}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {portLevelSettings: [{port: {number: 9080}, connectionPool: {tcp: {maxConnections: 2}}}]}
""",
    )
    policies = told(MESH, text).traffic_policies
    shown: dict[str, tuple[int | None, int | None]] = {}
    for name, policy in policies.items():
        outliers = policy.outlier_detection
        pool = policy.connection_pool
        shown[name.split("|")[2]] = (
            outliers.consecutive_5xx_errors if outliers else None,
            pool.tcp.max_connections if pool and pool.tcp else None,
        )
    assert shown == {"": (3, 9), "v1": (7, 9), "v2": (None, 2)}
    assert told(MESH).traffic_policies == {}


def test_subsets_have_clusters_of_their_own() -> None:
    subsets = """subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}}
"""
    text = rule("{connectionPool: {tcp: {maxConnections: 9}}, loadBalancer: {simple: ROUND_ROBIN}}", more=subsets)
    first = cluster(MESH, text, name=f"outbound|9080|v1|{HOST}")
    second = cluster(MESH, text, name=f"outbound|9080|v2|{HOST}")
    assert [endpoint.address for endpoint in first.endpoints] == ["127.0.0.1:20001"]
    assert [endpoint.address for endpoint in second.endpoints] == ["127.0.0.1:20002"]
    assert (first.max_connections, second.max_connections) == (9, 5)
    assert second.load_balancing == "round_robin"
    assert len(cluster(MESH, text).endpoints) == 2


def test_settings_of_a_port_replace_all_others() -> None:
    text = """
    connectionPool: {tcp: {maxConnections: 9}}
    loadBalancer: {simple: ROUND_ROBIN}
    portLevelSettings: [{port: {number: 9080}, connectionPool: {tcp: {maxConnections: 4}}}]
"""
    found = cluster(MESH, rule(text))
    assert (found.max_connections, found.load_balancing) == (4, "least_request")


@pytest.mark.parametrize(
    ("objects", "tls", "security", "endpoints"),
    [
        (MESH, "{mode: DISABLE}", "plain", 2),
        (MESH, "{mode: ISTIO_MUTUAL}", "mesh", 2),
        (OUTSIDE, "{mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://cluster.local/ns/x/sa/y']}", "mesh", 1),
        (OUTSIDE, "{mode: ISTIO_MUTUAL, subjectAltNames: [x.test]}", "plain", 0),
        (OUTSIDE, "{mode: SIMPLE, sni: a.test}", "tls", 1),
        (OUTSIDE, "{mode: SIMPLE, sni: a.test, subjectAltNames: [b.test]}", "plain", 0),
        (OUTSIDE, "{mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /a}", "plain", 0),
    ],
)
def test_how_connections_are_secured(objects: str, tls: str, security: str, endpoints: int) -> None:
    found = cluster(objects, rule(f"{{tls: {tls}}}"))
    assert (found.transport.security, len(found.endpoints)) == (security, endpoints)


def test_simple_tls_verifies_the_name() -> None:
    transport = cluster(OUTSIDE, rule("{tls: {mode: SIMPLE, sni: a.test, caCertificates: /etc/ca.pem}}")).transport
    assert (transport.server_name, transport.trust_file, transport.verify) == ("a.test", "/etc/ca.pem", True)
    assert cluster(OUTSIDE, rule("{tls: {mode: SIMPLE, insecureSkipVerify: true}}")).transport.verify is False


@pytest.mark.parametrize("host", ["reviews", "reviews.default", "reviews.default.svc", HOST, "*.default.svc.cluster.local", "*"])
def test_hosts_of_a_rule(host: str) -> None:
    assert cluster(MESH, rule("{loadBalancer: {simple: ROUND_ROBIN}}", host=host)).load_balancing == "round_robin"


def limited(count: int, **place: str) -> str:
    return rule(f"{{connectionPool: {{tcp: {{maxConnections: {count}}}}}}}", **place)


def test_the_callers_rule_goes_before_the_services_and_that_before_the_meshs() -> None:
    mesh = limited(1, namespace="istio-system", host=HOST)
    services = limited(2, host=HOST)
    callers = limited(3, namespace="shop", host=HOST)
    assert cluster(MESH, mesh, namespace="shop").max_connections == 1
    assert cluster(MESH, mesh, services, namespace="shop").max_connections == 2
    assert cluster(MESH, mesh, services, callers, namespace="shop").max_connections == 3
    assert cluster(MESH, mesh, services, callers).max_connections == 2


def test_a_rule_may_keep_to_its_namespace_or_its_workloads() -> None:
    private = limited(2, host=HOST, more="exportTo: ['.']")
    assert cluster(MESH, private).max_connections == 2
    assert cluster(MESH, private, namespace="shop").max_connections == 1024
    chosen = limited(2, host=HOST, more="workloadSelector: {matchLabels: {app: productpage}}")
    assert cluster(MESH, chosen).max_connections == 2
    other = limited(2, host=HOST, more="workloadSelector: {matchLabels: {app: details}}")
    assert cluster(MESH, other).max_connections == 1024


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("{}", RetryBudget()),
        ("{percent: 12.5}", RetryBudget(percent=12.5)),
        ("{percent: 0, minRetryConcurrency: 0}", RetryBudget(percent=0, least=0)),
        ("{minRetryConcurrency: 50}", RetryBudget(least=50)),
    ],
)
def test_retries_have_a_budget(told: str, found: RetryBudget) -> None:
    text = f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec: {{host: reviews, trafficPolicy: {{retryBudget: {told}}}}}
"""
    translation = translate(
        store_of(service("reviews"), workload("reviews-v1", 20001, app="reviews"), text), sidecar_node(http_proxy_port=1)
    )
    assert translation.problems == ()
    assert translation.snapshot.clusters["outbound|9080||reviews.default.svc.cluster.local"].retry_budget == found


def test_a_budget_beyond_all_is_refused() -> None:
    text = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: {retryBudget: {percent: 120}}}
"""
    problems = translate(store_of(service("reviews"), text), sidecar_node()).problems
    assert any("120.0 is no share in percent" in problem.message for problem in problems)


@pytest.mark.parametrize(("told_version", "version"), [("{version: V1}", "v1"), ("{version: V2}", "v2"), ("{}", "v1")])
def test_endpoints_are_told_whose_connections_they_get(told_version: str, version: str) -> None:
    assert cluster(OUTSIDE).proxy_protocol == ""
    translation = told(OUTSIDE, rule(f"{{proxyProtocol: {told_version}}}"))
    assert translation.problems == ()
    assert translation.snapshot.clusters[NAME].proxy_protocol == version
    # A port has no such setting of its own.
    ports = "portLevelSettings: [{port: {number: 9080}, connectionPool: {tcp: {maxConnections: 3}}}]"
    found = cluster(OUTSIDE, rule(f"{{proxyProtocol: {told_version}, {ports}}}"))
    assert (found.proxy_protocol, found.max_connections) == (version, 3)
