"""Conditions of routes of all kinds."""

import pytest
from condition_scenarios import ACCEPTED, RESOLVED, gateway, listeners_of, route, status_of, told
from resource_scenarios import service, workload

REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews")
DNS = """
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec: {selector: {app: dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
"""
TO_REVIEWS = "rules: [{backendRefs: [{name: reviews, port: 9080}]}]"
TO_DNS = "rules: [{backendRefs: [{name: dns, port: 53}]}]"
# A listener for each kind of route, with the kind's own rules.
CARRIED = [
    ("GRPCRoute", "{name: a, port: 80, protocol: HTTP}", TO_REVIEWS),
    ("TLSRoute", "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}", f"hostnames: [shop.test], {TO_REVIEWS}"),
    ("TCPRoute", "{name: a, port: 6379, protocol: TCP}", TO_REVIEWS),
    ("UDPRoute", "{name: a, port: 53, protocol: UDP}", TO_DNS),
]


def accepted(*texts: str, kind: str) -> tuple[str, str]:
    (parent,) = status_of(kind, "shop", *texts, REVIEWS, DNS).parents
    assert {condition.observed_generation for condition in parent.conditions} == {3}
    return told(parent.conditions)["Accepted"]


@pytest.mark.parametrize(("kind", "listener", "spec"), CARRIED)
def test_each_kind_attaches_to_listeners_of_its_protocol(kind: str, listener: str, spec: str) -> None:
    texts = (gateway(listener), route(kind, spec), REVIEWS, DNS)
    (parent,) = status_of(kind, "shop", *texts).parents
    assert told(parent.conditions) == {"Accepted": ACCEPTED, "ResolvedRefs": RESOLVED}
    status = status_of("Gateway", "web", *texts)
    (only,) = status.listeners
    assert only.attached_routes == 1
    assert kind in [one.kind for one in only.supported_kinds]
    assert listeners_of(status)["a"]["Programmed"] == ("True", "Programmed")


@pytest.mark.parametrize(
    ("kind", "listener", "spec", "reason"),
    [
        ("TLSRoute", "{name: a, port: 80, protocol: HTTP}", f"hostnames: [a.test], {TO_REVIEWS}", "NotAllowedByListeners"),
        ("TCPRoute", "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}", TO_REVIEWS, "NotAllowedByListeners"),
        ("UDPRoute", "{name: a, port: 53, protocol: TCP}", TO_DNS, "NotAllowedByListeners"),
        ("GRPCRoute", "{name: a, port: 53, protocol: TCP}", TO_REVIEWS, "NotAllowedByListeners"),
        (
            "TLSRoute",
            "{name: a, port: 443, protocol: TLS, hostname: b.test, tls: {mode: Passthrough}}",
            f"hostnames: [a.test], {TO_REVIEWS}",
            "NoMatchingListenerHostname",
        ),
        (
            "GRPCRoute",
            "{name: a, port: 80, protocol: HTTP, hostname: b.test}",
            f"hostnames: [a.test], {TO_REVIEWS}",
            "NoMatchingListenerHostname",
        ),
        (
            "GRPCRoute",
            "{name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}",
            TO_REVIEWS,
            "NotAllowedByListeners",
        ),
    ],
)
def test_why_a_listener_does_not_take_a_route(kind: str, listener: str, spec: str, reason: str) -> None:
    assert accepted(gateway(listener), route(kind, spec), kind=kind) == ("False", reason)


@pytest.mark.parametrize("parent", ["{name: gone}", "{name: web, sectionName: gone}", "{name: web, port: 99}"])
@pytest.mark.parametrize(("kind", "listener", "spec"), CARRIED)
def test_parents_that_are_not_there(kind: str, listener: str, spec: str, parent: str) -> None:
    assert accepted(gateway(listener), route(kind, spec, parents=parent), kind=kind) == ("False", "NoMatchingParent")


def test_a_listener_that_ends_tls_takes_routes_of_tls_and_those_of_tcp_if_asked() -> None:
    ends = "{name: a, port: 443, protocol: TLS, tls: {mode: Terminate, certificateRefs: [{name: gone}]}"
    tls = ("TLSRoute", f"hostnames: [a.test], {TO_REVIEWS}")
    tcp = ("TCPRoute", TO_REVIEWS)
    for asked, taken in (("", {"TLSRoute"}), (", allowedRoutes: {kinds: [{kind: TCPRoute}]}", {"TCPRoute"})):
        for kind, spec in (tls, tcp):
            outcome = accepted(gateway(f"{ends}{asked}}}"), route(kind, spec), kind=kind)
            assert outcome == (ACCEPTED if kind in taken else ("False", "NotAllowedByListeners"))
        (only,) = status_of("Gateway", "web", gateway(f"{ends}{asked}}}"), REVIEWS).listeners
        assert {one.kind for one in only.supported_kinds} == taken


def test_of_two_routes_of_one_listener_both_are_accepted_and_counted() -> None:
    """Which of them serves is a matter of age, and no mistake of the other's."""
    texts = (
        gateway("{name: a, port: 6379, protocol: TCP}"),
        route("TCPRoute", TO_REVIEWS),
        route("TCPRoute", TO_REVIEWS, "other"),
    )
    (only,) = status_of("Gateway", "web", *texts, REVIEWS).listeners
    assert only.attached_routes == 2
    for name in ("shop", "other"):
        (parent,) = status_of("TCPRoute", name, *texts, REVIEWS).parents
        assert told(parent.conditions)["Accepted"] == ACCEPTED


@pytest.mark.parametrize(
    ("kind", "backend", "reason"),
    [
        ("TCPRoute", "{name: gone, port: 1}", "BackendNotFound"),
        ("TCPRoute", "{name: reviews, namespace: other, port: 9080}", "RefNotPermitted"),
        ("TCPRoute", "{name: x, kind: Thing, group: example.com}", "InvalidKind"),
        ("TCPRoute", "{name: dns, port: 53}", "UnsupportedProtocol"),
        ("UDPRoute", "{name: reviews, port: 9080}", "UnsupportedProtocol"),
        ("GRPCRoute", "{name: gone, port: 1}", "BackendNotFound"),
    ],
)
def test_backends_that_lead_nowhere(kind: str, backend: str, reason: str) -> None:
    texts = (gateway(), route(kind, f"rules: [{{backendRefs: [{backend}]}}]"), REVIEWS, DNS)
    (parent,) = status_of(kind, "shop", *texts).parents
    assert told(parent.conditions)["ResolvedRefs"] == ("False", reason)


def test_a_mirror_that_leads_nowhere() -> None:
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 1}}}"
    for kind in ("HTTPRoute", "GRPCRoute"):
        spec = f"rules: [{{filters: [{mirror}], backendRefs: [{{name: reviews, port: 9080}}]}}]"
        (parent,) = status_of(kind, "shop", gateway(), route(kind, spec), REVIEWS).parents
        assert told(parent.conditions)["ResolvedRefs"] == ("False", "BackendNotFound")


def test_services_are_parents_of_routes_for_requests_alone() -> None:
    parent = "{name: reviews, kind: Service, group: ''}"
    assert status_of("TCPRoute", "shop", route("TCPRoute", TO_REVIEWS, parents=parent), REVIEWS).parents == ()
    assert accepted(route("GRPCRoute", TO_REVIEWS, parents=parent), kind="GRPCRoute") == ACCEPTED


# Routes of different kinds at one place.

OLD = "2026-01-01T00:00:00Z"
YOUNG = "2026-02-01T00:00:00Z"


def created(text: str, when: str) -> str:
    return text.replace("metadata: {", f"metadata: {{creationTimestamp: '{when}', ", 1)


@pytest.mark.parametrize("first", ["HTTPRoute", "GRPCRoute"])
@pytest.mark.parametrize(
    ("own", "others", "meet"),
    [
        ("hostnames: [a.test]", "hostnames: [a.test]", True),
        ("hostnames: ['*.test']", "hostnames: [a.test, b.other]", True),
        ("hostnames: [a.test]", "hostnames: []", True),
        ("hostnames: [a.test]", "hostnames: [b.test]", False),
    ],
)
def test_of_two_kinds_with_hosts_in_common_the_older_is_accepted(first: str, own: str, others: str, *, meet: bool) -> None:
    second = "GRPCRoute" if first == "HTTPRoute" else "HTTPRoute"
    texts = (
        gateway(),
        created(route(first, f"{own}, {TO_REVIEWS}"), OLD),
        created(route(second, f"{others}, {TO_REVIEWS}", "other"), YOUNG),
        REVIEWS,
    )
    (older,) = status_of(first, "shop", *texts).parents
    assert told(older.conditions)["Accepted"] == ACCEPTED
    (younger,) = status_of(second, "other", *texts).parents
    assert told(younger.conditions)["Accepted"] == (("False", "RouteConflict") if meet else ACCEPTED)
    (listener,) = status_of("Gateway", "web", *texts).listeners
    assert listener.attached_routes == (1 if meet else 2)


def test_a_refused_route_stands_in_nobodys_way() -> None:
    wrong = "rules: [{filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: Thing, name: x}}]}]"
    texts = (gateway(), created(route("HTTPRoute", wrong), OLD), created(route("GRPCRoute", TO_REVIEWS, "other"), YOUNG), REVIEWS)
    (parent,) = status_of("GRPCRoute", "other", *texts).parents
    assert told(parent.conditions)["Accepted"] == ACCEPTED


def test_at_a_port_of_a_service_grpc_routes_go_before_the_others() -> None:
    parents = "{name: reviews, kind: Service, group: '', port: 9080}"
    texts = (
        created(route("HTTPRoute", TO_REVIEWS, parents=parents), OLD),
        created(route("GRPCRoute", TO_REVIEWS, "calls", parents=parents), YOUNG),
        REVIEWS,
    )
    (http,) = status_of("HTTPRoute", "shop", *texts).parents
    (calls,) = status_of("GRPCRoute", "calls", *texts).parents
    assert told(http.conditions)["Accepted"] == ("False", "RouteConflict")
    assert told(calls.conditions)["Accepted"] == ACCEPTED


def test_callers_in_the_mesh_need_no_grant() -> None:
    away = service("reviews", namespace="shop")
    spec = "rules: [{backendRefs: [{name: reviews, namespace: shop, port: 9080}]}]"
    parents = "{name: web}, {name: reviews, namespace: shop, kind: Service, group: ''}"
    of_gateway, of_service = status_of("HTTPRoute", "shop", gateway(), route("HTTPRoute", spec, parents=parents), away).parents
    assert told(of_gateway.conditions)["ResolvedRefs"] == ("False", "RefNotPermitted")
    assert told(of_service.conditions) == {"Accepted": ACCEPTED, "ResolvedRefs": RESOLVED}
