"""Gateway API's kinds beside HTTPRoute: every field of theirs is read, and what the API forbids is told with its place."""

import pytest

from hauberk_core.resources import BackendTLSPolicy, Gateway, GRPCRoute, HTTPRoute, ListenerSet, TCPRoute, TLSRoute, UDPRoute
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.read import read_file

PARENTS = "parentRefs: [{name: front, namespace: infra, sectionName: web, port: 80}], useDefaultGateways: All"
BACKENDS = "backendRefs: [{name: a, port: 1, weight: 3}, {name: b, namespace: other, port: 2}]"
TWICE = "parentRefs: [{name: front}, {name: front}]"
TO_A = "rules: [{backendRefs: [{name: a, port: 1}]}]"
CORS = "{rules: [{filters: [{type: CORS, cors: {%s}}]}]}"
AUTH = "{rules: [{filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: a, port: 1}}}]}]}"
ADDRESSES = "{gatewayClassName: a, listeners: [{name: a, port: 1, protocol: HTTP}], addresses: [%s, %s]}"
WHOLE: dict[type[Resource], str] = {
    GRPCRoute: """
        {parentRefs: [{name: front, namespace: infra, sectionName: web, port: 80}], useDefaultGateways: All,
         hostnames: [books.test], rules: [{name: one, sessionPersistence: {type: Header, sessionName: x-session},
         matches: [{method: {type: Exact, service: books.v1.Reviews, method: Get}, headers: [{name: x, value: y}]},
                   {method: {type: RegularExpression, method: 'G.*'}}],
         filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}},
                   {type: RequestMirror, requestMirror: {backendRef: {name: c, port: 3}, percent: 5}},
                   {type: RequestMirror, requestMirror: {backendRef: {name: d, port: 3}, fraction: {numerator: 1}}}],
         backendRefs: [{name: a, port: 1, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}},
                   {type: ExtensionRef, extensionRef: {group: a.test, kind: B, name: c}}]}]}]}""",
    TLSRoute: f"{{{PARENTS}, hostnames: [books.test, '*.books.test'], rules: [{{name: one, {BACKENDS}}}]}}",
    TCPRoute: f"{{{PARENTS}, rules: [{{name: one, {BACKENDS}}}]}}",
    UDPRoute: f"{{{PARENTS}, rules: [{{name: one, {BACKENDS}}}]}}",
    BackendTLSPolicy: """
        {targetRefs: [{group: '', kind: Service, name: a, sectionName: https}, {group: '', kind: Service, name: b}],
         options: {a.test/b: c}, validation: {hostname: a.test, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}],
         subjectAltNames: [{type: Hostname, hostname: '*.a.test'}, {type: URI, uri: 'spiffe://a.test/b'}]}}""",
    ListenerSet: """
        {parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: front, namespace: infra},
         listeners: [{name: web, port: 8080, protocol: HTTP, hostname: a.test, allowedRoutes: {namespaces: {from: All}}},
                     {name: own, port: 8081, protocol: a.test/Own},
                     {name: tls, port: 8443, protocol: TLS, tls: {mode: Passthrough}}]}""",
}


def read(kind: type[Resource], spec: str, version: str = "") -> tuple[Resource | None, list[str]]:
    text = f"apiVersion: {kind.GROUP}/{version or kind.VERSIONS[0]}\nkind: {kind.KIND}\nmetadata: {{name: x}}\nspec: {spec}\n"
    found = read_file(text.encode(), "x.yaml")
    return found.objects[0].value if found.objects else None, [f"{error.path}: {error.message}" for error in found.errors]


@pytest.mark.parametrize(("kind", "version"), [(kind, version) for kind in WHOLE for version in kind.VERSIONS])
def test_every_field_is_read_in_every_version(kind: type[Resource], version: str) -> None:
    value, errors = read(kind, WHOLE[kind], version)
    assert errors == []
    assert isinstance(value, kind)


def test_what_routes_say_is_asked_alike() -> None:
    for kind in (GRPCRoute, TLSRoute, TCPRoute, UDPRoute):
        route, _ = read(kind, WHOLE[kind])
        assert isinstance(route, GRPCRoute | TLSRoute | TCPRoute | UDPRoute)
        assert route.spec.parent_refs[0].section_name == "web"
        assert route.backends()[0].name == "a"
        assert route.hosts()[:1] == (("books.test",) if kind in (GRPCRoute, TLSRoute) else ())


@pytest.mark.parametrize(
    ("kind", "spec", "told"),
    [
        (TCPRoute, "{rules: []}", "spec.rules: expected at least 1 items"),
        (TCPRoute, "{rules: [{backendRefs: [{name: a}]}]}", "spec.rules[0].backendRefs[0]: a Service is named without a port"),
        (UDPRoute, f"{{{TWICE}, {TO_A}}}", "spec.parentRefs[1]: this parent is named twice"),
        (TLSRoute, f"{{hostnames: [], {TO_A}}}", "spec.hostnames: expected at least 1"),
        (TLSRoute, f"{{hostnames: [10.0.0.1], {TO_A}}}", "is an IP address"),
        (GRPCRoute, "{rules: [{matches: [{method: {}}]}]}", "a method match without service and method"),
        (GRPCRoute, "{rules: [{matches: [{method: {service: 'a b'}}]}]}", "'a b' is no service's name"),
        (GRPCRoute, "{rules: [{matches: [{method: {method: 'a/b'}}]}]}", "'a/b' is no method's name"),
        (GRPCRoute, "{rules: [{filters: [{type: RequestMirror}]}]}", "RequestMirror without requestMirror"),
        (GRPCRoute, "{rules: [{name: a}, {name: a}]}", "spec.rules[1]: a second rule called 'a'"),
        (
            BackendTLSPolicy,
            "{targetRefs: [{group: '', kind: Service, name: a}], validation: {hostname: a.test}}",
            "either caCertificateRefs or wellKnownCACertificates",
        ),
        (BackendTLSPolicy, WHOLE[BackendTLSPolicy].replace("type: URI", "type: Hostname"), "the type Hostname without hostname"),
        (BackendTLSPolicy, WHOLE[BackendTLSPolicy].replace("'spiffe://a.test/b'", "here"), "'here' is no absolute URI"),
        (
            BackendTLSPolicy,
            WHOLE[BackendTLSPolicy].replace("name: b}", "name: a, sectionName: https}"),
            "spec.targetRefs[1]: this target is named twice",
        ),
        (ListenerSet, WHOLE[ListenerSet].replace("name: own", "name: web"), "a second listener called 'web'"),
        (ListenerSet, WHOLE[ListenerSet].replace("a.test/Own", "http"), "'http' is no protocol of a listener"),
        (Gateway, ADDRESSES % ("{value: 10.0.0.1}", "{value: 10.0.0.1}"), "spec.addresses[1]: a second mention of the"),
        (HTTPRoute, CORS % "allowOrigins: [a.test]", "'a.test' is no origin"),
        (HTTPRoute, CORS % "allowMethods: [GET, '*']", "* beside others"),
        (HTTPRoute, AUTH, "the protocol GRPC without grpc"),
    ],
)
def test_what_the_api_forbids(kind: type[Resource], spec: str, told: str) -> None:
    value, errors = read(kind, spec)
    assert value is None
    assert [error for error in errors if told in error], errors
