"""What is written and has no effect is told with its place, and the page about resources lists it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import translate
from hauberk_control.translate.undone import undone_findings

CERTIFICATES = "[{name: shop}]"


def sidecar(spec: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: own}}
spec: {{{spec}}}
"""


class Written(NamedTuple):
    """A field that has no effect, in an object."""

    kind: str
    field: str
    """As the page names it."""
    outcome: str
    """A key of OUTCOMES: `refused` is told as an error, everything else as a warning."""
    text: str
    """The object."""
    told_at: str = ""
    """Where that is not the field itself."""
    value: str = ""
    """Of which values it is so, in the words of the page; empty: of all."""


def gateway(more: str = "", listener: str = "", tls: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: hauberk
  {more}
  listeners:
  - {{name: http, port: 80, protocol: HTTP, {listener}}}
  - {{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: {CERTIFICATES}, {tls}}}}}
"""


def route(more: str = "", backend: str = "", parent: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: web}}]
  rules:
  - backendRefs: [{{name: reviews, port: 9080, {backend}}}]
    {more}
"""


def rule(policy: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec: {{host: reviews, trafficPolicy: {policy}}}
"""


TLS_MODE = "spec.trafficPolicy.tls.mode"
MUTUAL = "{tls: {mode: MUTUAL, clientCertificate: /a, privateKey: /b}}"

TO = "route: [{destination: {host: reviews}}]"


def virtual_service(rule: str, more: str = "", rest: str = TO) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews}}
spec:
  hosts: [reviews]
  http: [{{{", ".join([part for part in (rule, rest) if part])}}}]
  {more}
"""


def other(kind: str, spec: str) -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: other}}
spec: {spec}
"""


def entry(more: str) -> str:
    return f"{workload('extra', 20009, app='reviews').strip().removeprefix('---')}\n  {more}\n"


FILTER = "filters: [{type: %s, %s}]"
EXTENSION = FILTER % ("ExtensionRef", "extensionRef: {group: a.test, kind: B, name: c}")
AUTH = FILTER % ("ExternalAuth", "externalAuth: {protocol: HTTP, http: {}, backendRef: {name: reviews, port: 9080}}")
BACKEND_TLS = (
    "{targetRefs: [{group: '', kind: Service, name: a}], options: {a.test/b: c}, "
    "validation: {hostname: a.test, wellKnownCACertificates: System}}"
)
GRPC_EXTENSION = f"{{parentRefs: [{{name: web}}], rules: [{{backendRefs: [{{name: reviews, port: 9080}}], {EXTENSION}}}]}}"
OF_A_BACKEND = "filters: [{type: URLRewrite, urlRewrite: {hostname: a.test}}]"
LISTENERS = "{parentRef: {name: web}, listeners: [{name: a, port: 8443, protocol: HTTPS, tls: {options: {a.test/b: c}}}]}"

FIELDS = [
    Written("Gateway", "spec.addresses", "warning", gateway("addresses: [{value: 10.0.0.1}]")),
    Written("Gateway", "spec.infrastructure", "warning", gateway("infrastructure: {labels: {a: b}}")),
    Written("Gateway", "spec.listeners.tls.options", "warning", gateway(tls="options: {a.test/b: c}")),
    Written("HTTPRoute", "spec.rules.filters.externalAuth", "refused", route(AUTH)),
    Written("HTTPRoute", "spec.rules.filters.extensionRef", "refused", route(EXTENSION)),
    Written("GRPCRoute", "spec.rules.filters.extensionRef", "refused", other("GRPCRoute", GRPC_EXTENSION)),
    Written("BackendTLSPolicy", "spec.options", "warning", other("BackendTLSPolicy", BACKEND_TLS)),
    Written("ListenerSet", "spec.listeners.tls.options", "warning", other("ListenerSet", LISTENERS)),
    Written("DestinationRule", "spec.trafficPolicy.tunnel", "warning", rule("{tunnel: {targetHost: a, targetPort: 1}}")),
    Written(
        "DestinationRule",
        "spec.trafficPolicy.connectionPool.tcp.idleTimeout",
        "warning",
        rule("{connectionPool: {tcp: {idleTimeout: 5s}}}"),
    ),
    Written("DestinationRule", "spec.trafficPolicy.tls.clientCertificate", "unserved", rule(MUTUAL), told_at=TLS_MODE),
    Written("DestinationRule", "spec.trafficPolicy.tls.privateKey", "unserved", rule(MUTUAL), told_at=TLS_MODE),
    Written(
        "DestinationRule",
        "spec.trafficPolicy.tls.credentialName",
        "unserved",
        rule("{tls: {mode: SIMPLE, credentialName: a}}"),
    ),
    Written("DestinationRule", "spec.trafficPolicy.tls.caCrl", "unserved", rule("{tls: {mode: SIMPLE, caCrl: /a}}")),
    Written("Sidecar", "spec.egress", "warning", sidecar("egress: [{hosts: ['./*']}]")),
    Written("Sidecar", "spec.ingress", "warning", sidecar("ingress: [{port: {number: 80}}]")),
    Written("Sidecar", "spec.inboundConnectionPool", "warning", sidecar("inboundConnectionPool: {tcp: {maxConnections: 1}}")),
    Written("VirtualService", "spec.gateways", "warning", virtual_service("", "gateways: [mesh, edge]")),
    Written("VirtualService", "spec.tls", "warning", virtual_service("", f"tls: [{{match: [{{sniHosts: [a]}}], {TO}}}]")),
    Written(
        "VirtualService",
        "spec.tcp.match.sourceSubnet",
        "nothing",
        virtual_service("", f"tcp: [{{match: [{{sourceSubnet: 10.0.0.0/8}}], {TO}}}]"),
    ),
    Written("VirtualService", "spec.http.delegate", "refused", virtual_service("delegate: {name: a}", rest="")),
    Written(
        "VirtualService",
        "spec.http.rewrite.uriRegexRewrite",
        "refused",
        virtual_service("rewrite: {uriRegexRewrite: {match: a, rewrite: b}}"),
    ),
    Written(
        "VirtualService",
        "spec.http.retries.retryRemoteLocalities",
        "warning",
        virtual_service("retries: {retryRemoteLocalities: true}"),
    ),
    Written(
        "VirtualService",
        "spec.http.retries.retryIgnorePreviousHosts",
        "warning",
        virtual_service("retries: {retryIgnorePreviousHosts: false}"),
    ),
    Written("VirtualService", "spec.http.match.statPrefix", "warning", virtual_service("match: [{statPrefix: a}]")),
    Written(
        "VirtualService",
        "spec.http.corsPolicy.unmatchedPreflights",
        "warning",
        virtual_service("corsPolicy: {allowOrigins: [{exact: 'http://a.test'}], unmatchedPreflights: FORWARD}"),
    ),
    Written(
        "VirtualService",
        "spec.http.fault.delay.exponentialDelay",
        "warning",
        virtual_service("fault: {delay: {exponentialDelay: 1s}}"),
    ),
    Written("VirtualService", "spec.http.fault.abort.http2Error", "warning", virtual_service("fault: {abort: {http2Error: A}}")),
    Written("WorkloadEntry", "spec.network", "warning", entry("network: n")),
]
VALUES = [
    Written(
        "HTTPRoute", "spec.rules.backendRefs.filters", "refused", route(backend=OF_A_BACKEND), value="other than for headers"
    ),
    Written("HTTPRoute", "spec.rules.retry.attempts", "bounded", route("retry: {attempts: 40}"), value="above 25"),
    Written("DestinationRule", TLS_MODE, "unserved", rule(MUTUAL), value="`MUTUAL`"),
    Written(
        "DestinationRule",
        "spec.trafficPolicy.tls.subjectAltNames",
        "unserved",
        rule("{tls: {mode: SIMPLE, sni: a.test, subjectAltNames: [b.test]}}"),
        value="other than `sni`; in the mesh, no SPIFFE ID",
    ),
    Written(
        "DestinationRule",
        "spec.trafficPolicy.loadBalancer.simple",
        "fewest",
        rule("{loadBalancer: {simple: PASSTHROUGH}}"),
        value="`PASSTHROUGH`",
    ),
    Written(
        "VirtualService",
        "spec.http.match.scheme",
        "nothing",
        virtual_service("match: [{scheme: {exact: https}}]"),
        value="other than `http`",
    ),
    Written(
        "VirtualService",
        "spec.http.rewrite.uri",
        "refused",
        virtual_service("match: [{uri: {prefix: /a}, ignoreUriCase: true}], rewrite: {uri: /b}"),
        value="for a prefix with `ignoreUriCase`",
    ),
    Written(
        "VirtualService", "spec.http.retries.attempts", "bounded", virtual_service("retries: {attempts: 40}"), value="above 25"
    ),
    Written(
        "VirtualService",
        "spec.http.retries.retryOn",
        "warning",
        virtual_service("retries: {retryOn: envoy-ratelimited}"),
        value="words that its how-to does not list",
    ),
    Written(
        "VirtualService",
        "spec.http.corsPolicy.allowOrigins",
        "warning",
        virtual_service("corsPolicy: {allowOrigins: [{prefix: 'http://a'}]}"),
        value="by `prefix` or `regex`",
    ),
    Written(
        "VirtualService",
        "spec.http.headers.request.set",
        "literal",
        virtual_service("headers: {request: {set: {x-a: '%PROTOCOL%'}}}"),
        told_at="spec.http.headers.request.set.x-a",
        value="Envoy's `%COMMANDS%`",
    ),
]
OUTCOMES = {
    "warning": "no effect; a warning says so",
    "nothing": "such a match takes nothing; a warning says so",
    "literal": "sent as it stands; a warning says so",
    "fewest": "the endpoint with the fewest requests is taken; a warning says so",
    "bounded": "25 are made; a warning says so",
    "unserved": "requests to the host are answered with 503; a warning says so",
    "refused": "refused: what needs it does not serve, and the status says why",
}


def world(written: Written) -> Iterator[str]:
    """The object among others that make it matter."""
    yield service("reviews") + workload("reviews-v1", 20001, app="reviews")
    if written.kind != "Gateway":
        yield gateway()
    if written.kind != "HTTPRoute":
        yield route()
    yield written.text


@pytest.mark.parametrize("written", [*FIELDS, *VALUES], ids=lambda one: f"{one.kind}.{one.field}")
def test_what_has_no_effect_is_told_with_its_place(written: Written) -> None:
    store = store_of(*world(written))
    nodes = [gateway_node(), sidecar_node(outbound={"reviews.default:9080": 1})]
    told = {problem for node in nodes for problem in translate(store, node).problems}
    near = [problem for problem in told if _is_place_of(re.sub(r"\[\d+\]", "", problem.path), written.told_at or written.field)]
    assert near, [str(problem) for problem in told]
    assert (written.outcome == "unserved") == any("503" in problem.message for problem in near)
    wanted = "error" if written.outcome == "refused" else "warning"
    assert wanted in {problem.severity for problem in near}
    assert all(problem.line > 0 for problem in near)


def _is_place_of(path: str, field: str) -> bool:
    """Whether a mistake stands at a field, or at the part of the object that has it."""
    return bool(path) and f"{field}.".startswith(f"{path}.")


def test_the_page_lists_these_fields_and_no_others(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "resources.md").read_text()
    section = page.split("## Fields")[1].split("\n## ")[0]
    fields, _, values = section.partition("### Values")
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (.*) \|$", fields, re.MULTILINE)
    assert rows == [(one.kind, one.field, OUTCOMES[one.outcome]) for one in FIELDS]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (.*) \| (.*) \|$", values, re.MULTILINE)
    assert rows == [(one.kind, one.field, one.value, OUTCOMES[one.outcome]) for one in VALUES]


def test_what_a_cluster_does_is_no_warning_there() -> None:
    store = store_of(gateway("addresses: [{value: 10.0.0.1}]\n  infrastructure: {labels: {a: b}}", tls="options: {a.test/b: c}"))
    assert {finding.mistake.path[1] for finding in undone_findings(store)} == {"addresses", "infrastructure", "listeners"}
    assert {finding.mistake.path[1] for finding in undone_findings(store, on_cluster=True)} == {"listeners"}
