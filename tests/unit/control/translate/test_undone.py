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
    """`warning`: told, and the rest of the object is acted on; `refused`: told, and what needs it does not serve."""
    text: str
    """The object."""
    told_at: str = ""
    """Where that is not the field itself."""


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
LISTENERS = "{parentRef: {name: web}, listeners: [{name: a, port: 8443, protocol: HTTPS, tls: {options: {a.test/b: c}}}]}"

FIELDS = [
    Written("Gateway", "spec.addresses", "warning", gateway("addresses: [{value: 10.0.0.1}]")),
    Written("Gateway", "spec.infrastructure", "warning", gateway("infrastructure: {labels: {a: b}}")),
    Written("Gateway", "spec.listeners.tls.options", "warning", gateway(tls="options: {a.test/b: c}")),
    Written("HTTPRoute", "spec.rules.filters.externalAuth", "refused", route(AUTH)),
    Written("HTTPRoute", "spec.rules.filters.extensionRef", "refused", route(EXTENSION)),
    Written("BackendTLSPolicy", "spec.options", "warning", other("BackendTLSPolicy", BACKEND_TLS)),
    Written("ListenerSet", "spec.listeners.tls.options", "warning", other("ListenerSet", LISTENERS)),
    Written("DestinationRule", "spec.trafficPolicy.tunnel", "warning", rule("{tunnel: {targetHost: a, targetPort: 1}}")),
    Written(
        "DestinationRule",
        "spec.trafficPolicy.tls.credentialName",
        "warning",
        rule("{tls: {mode: SIMPLE, credentialName: a}}"),
    ),
    Written("DestinationRule", "spec.trafficPolicy.tls.caCrl", "warning", rule("{tls: {mode: SIMPLE, caCrl: /a}}")),
    Written("Sidecar", "spec.egress", "warning", sidecar("egress: [{hosts: ['./*']}]")),
    Written("Sidecar", "spec.ingress", "warning", sidecar("ingress: [{port: {number: 80}}]")),
    Written("Sidecar", "spec.inboundConnectionPool", "warning", sidecar("inboundConnectionPool: {tcp: {maxConnections: 1}}")),
    Written("VirtualService", "spec.gateways", "warning", virtual_service("", "gateways: [mesh, edge]")),
    Written("VirtualService", "spec.tls", "warning", virtual_service("", f"tls: [{{match: [{{sniHosts: [a]}}], {TO}}}]")),
    Written(
        "VirtualService",
        "spec.tcp.match.sourceSubnet",
        "warning",
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
        "spec.http.fault.delay.exponentialDelay",
        "warning",
        virtual_service("fault: {delay: {exponentialDelay: 1s}}"),
    ),
    Written("VirtualService", "spec.http.fault.abort.http2Error", "warning", virtual_service("fault: {abort: {http2Error: A}}")),
    Written("WorkloadEntry", "spec.network", "warning", entry("network: n")),
]
OUTCOMES = {
    "warning": "no effect; a warning says so",
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


@pytest.mark.parametrize("written", FIELDS, ids=[f"{one.kind}.{one.field}" for one in FIELDS])
def test_what_has_no_effect_is_told_with_its_place(written: Written) -> None:
    store = store_of(*world(written))
    nodes = [gateway_node(), sidecar_node(outbound={"reviews.default:9080": 1})]
    told = {problem for node in nodes for problem in translate(store, node).problems}
    near = [problem for problem in told if _is_place_of(re.sub(r"\[\d+\]", "", problem.path), written.told_at or written.field)]
    assert near, [str(problem) for problem in told]
    wanted = "error" if written.outcome == "refused" else "warning"
    assert wanted in {problem.severity for problem in near}
    assert all(problem.line > 0 for problem in near)


def _is_place_of(path: str, field: str) -> bool:
    """Whether a mistake stands at a field, or at the part of the object that has it."""
    return bool(path) and f"{field}.".startswith(f"{path}.")


def test_the_page_lists_these_fields_and_no_others(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "resources.md").read_text()
    section = page.split("## Fields")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (.*) \|$", section, re.MULTILINE)
    assert rows == [(one.kind, one.field, OUTCOMES[one.outcome]) for one in FIELDS]


def test_what_a_cluster_does_is_no_warning_there() -> None:
    store = store_of(gateway("addresses: [{value: 10.0.0.1}]\n  infrastructure: {labels: {a: b}}", tls="options: {a.test/b: c}"))
    assert {finding.mistake.path[1] for finding in undone_findings(store)} == {"addresses", "infrastructure", "listeners"}
    assert {finding.mistake.path[1] for finding in undone_findings(store, on_cluster=True)} == {"listeners"}
