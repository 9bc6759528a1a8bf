"""What objects are told about themselves."""

import msgspec
import pytest
from condition_scenarios import GROUP, told
from resource_scenarios import secret, service, store_of, workload
from trustme import CA

from hauberk_control.status.conditions import Condition, Status
from hauberk_control.status.statuses import statuses
from hauberk_control.store import ObjectKey

SERVICES = service("reviews") + workload("reviews-v1", 20001, app="reviews")


def gateway(listeners: str, class_: str = "hauberk") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web, generation: 7}}
spec:
  gatewayClassName: {class_}
  listeners:
{listeners}
"""


def route(parent: str = "{name: web}", spec: str = "rules: [{backendRefs: [{name: reviews, port: 9080}]}]") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop, generation: 3}}
spec:
  parentRefs: [{parent}]
  {spec}
"""


HTTP = "  - {name: http, port: 80, protocol: HTTP}\n"
GATEWAY_KEY = ObjectKey(GROUP, "Gateway", "default", "web")
ROUTE_KEY = ObjectKey(GROUP, "HTTPRoute", "default", "shop")


def of_gateway(*texts: str) -> Status:
    return statuses(store_of(*texts))[GATEWAY_KEY]


def of_parent(*texts: str) -> tuple[Condition, ...]:
    (parent,) = statuses(store_of(*texts))[ROUTE_KEY].parents
    assert parent.controller_name == "hauberk.dev/gateway"
    return parent.conditions


def test_all_is_well() -> None:
    status = of_gateway(gateway(HTTP), route(), SERVICES)
    assert told(status.conditions) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
    }
    assert {condition.observed_generation for condition in status.conditions} == {7}
    (listener,) = status.listeners
    assert (listener.name, listener.attached_routes, listener.supported_kinds[0].kind) == ("http", 1, "HTTPRoute")
    assert told(listener.conditions) == {
        "Accepted": ("True", "Accepted"),
        "Conflicted": ("False", "NoConflicts"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
        "Programmed": ("True", "Programmed"),
    }
    conditions = of_parent(gateway(HTTP), route(), SERVICES)
    assert told(conditions) == {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}
    assert {condition.observed_generation for condition in conditions} == {3}


def test_a_status_is_written_as_kubernetes_has_it() -> None:
    written = msgspec.to_builtins(of_gateway(gateway(HTTP), SERVICES))
    assert written["listeners"][0]["attachedRoutes"] == 0
    assert written["listeners"][0]["supportedKinds"] == ({"kind": "HTTPRoute"}, {"kind": "GRPCRoute"})
    assert written["conditions"][0]["observedGeneration"] == 7


def test_one_listener_of_two_that_cannot_serve() -> None:
    status = of_gateway(gateway(HTTP + "  - {name: own, port: 81, protocol: example.com/own}\n"), SERVICES)
    assert told(status.conditions)["Accepted"] == ("True", "ListenersNotValid")
    assert told(status.conditions)["Programmed"] == ("True", "Programmed")
    assert told(status.listeners[1].conditions)["Accepted"] == ("False", "UnsupportedProtocol")
    assert told(status.listeners[1].conditions)["Programmed"] == ("False", "Invalid")
    assert status.listeners[1].supported_kinds == ()


def test_conflicts() -> None:
    status = of_gateway(gateway(HTTP + "  - {name: tcp, port: 80, protocol: TCP}\n"), SERVICES)
    assert told(status.conditions)["Accepted"] == ("False", "ListenersNotValid")
    assert told(status.conditions)["Programmed"] == ("False", "Invalid")
    for listener in status.listeners:
        conditions = told(listener.conditions)
        assert conditions["Conflicted"] == ("True", "ProtocolConflict")
        assert conditions["Accepted"] == conditions["Programmed"] == ("False", "ProtocolConflict")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{name: gone}", "InvalidCertificateRef"),
        ("{name: gone, namespace: other}", "RefNotPermitted"),
        ("{name: reviews, kind: Service}", "InvalidCertificateRef"),
    ],
)
def test_certificates_that_cannot_be_had(reference: str, reason: str) -> None:
    https = f"  - {{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{reference}]}}}}\n"
    (listener,) = of_gateway(gateway(https), SERVICES).listeners
    assert told(listener.conditions)["ResolvedRefs"] == ("False", reason)
    assert told(listener.conditions)["Accepted"] == ("True", "Accepted")
    assert told(listener.conditions)["Programmed"] == ("False", "Invalid")


def test_kinds_of_routes_that_are_not_known() -> None:
    some = "  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: TCPRoute}]}}\n"
    (listener,) = of_gateway(gateway(some), SERVICES).listeners
    assert told(listener.conditions)["ResolvedRefs"] == ("False", "InvalidRouteKinds")
    assert told(listener.conditions)["Programmed"] == ("True", "Programmed")
    assert [kind.kind for kind in listener.supported_kinds] == ["HTTPRoute"]


def test_overlapping_names_inside_tls_are_told() -> None:
    https = "".join(
        [
            f"  - {{name: {name}, port: 443, protocol: HTTPS, hostname: '{host}', tls: {{certificateRefs: [{{name: c}}]}}}}\n"
            for name, host in (("a", "*.shop.test"), ("b", "x.shop.test"), ("c", "other.test"))
        ]
    )
    first, second, third = of_gateway(gateway(https), SERVICES).listeners
    assert told(first.conditions)["OverlappingTLSConfig"] == ("True", "OverlappingHostnames")
    assert told(second.conditions)["OverlappingTLSConfig"] == ("True", "OverlappingHostnames")
    assert "OverlappingTLSConfig" not in told(third.conditions)


def test_certificates_that_are_good_for_each_others_hosts_are_told() -> None:
    authority = CA()
    shown = []
    for name, host in (("wild", "*.shop.test"), ("own", "own.test"), ("deep", "*.deep.test")):
        issued = authority.issue_cert(host)
        shown.append(secret(name, issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()))
    hosts = {"a": ("a.shop.test", "wild"), "b": ("b.shop.test", "wild"), "c": ("own.test", "own"), "d": ("x.y.deep.test", "deep")}
    https = "".join(
        [
            f"  - {{name: {name}, port: 443, protocol: HTTPS, hostname: {host}, tls: {{certificateRefs: [{{name: {own}}}]}}}}\n"
            for name, (host, own) in hosts.items()
        ]
    )
    first, second, third, fourth = of_gateway(gateway(https), SERVICES, *shown).listeners
    for one, other in ((first, "b"), (second, "a")):
        (overlap,) = [condition for condition in one.conditions if condition.type == "OverlappingTLSConfig"]
        assert (overlap.status, overlap.reason) == ("True", "OverlappingCertificates")
        assert overlap.message.endswith(f"hosts of {other}")
    # A wildcard in a certificate stands for one label.
    assert not any("OverlappingTLSConfig" in told(one.conditions) for one in (third, fourth))


@pytest.mark.parametrize(
    ("listener", "parent", "spec", "reason"),
    [
        (HTTP, "{name: gone}", "rules: []", "NoMatchingParent"),
        (HTTP, "{name: web, sectionName: gone}", "rules: []", "NoMatchingParent"),
        (HTTP, "{name: web, port: 81}", "rules: []", "NoMatchingParent"),
        (
            "  - {name: h, port: 80, protocol: HTTP, hostname: a.test}\n",
            "{name: web}",
            "hostnames: [b.test]",
            "NoMatchingListenerHostname",
        ),
        (
            "  - {name: h, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}\n",
            "{name: web}",
            "rules: []",
            "NotAllowedByListeners",
        ),
        ("  - {name: t, port: 80, protocol: TCP}\n", "{name: web}", "rules: []", "NotAllowedByListeners"),
        (HTTP, "{name: gone, kind: Service, group: ''}", "rules: []", "NoMatchingParent"),
        (HTTP, "{name: reviews, kind: Service, group: '', port: 1}", "rules: []", "NoMatchingParent"),
    ],
)
def test_why_a_parent_does_not_take_a_route(listener: str, parent: str, spec: str, reason: str) -> None:
    assert told(of_parent(gateway(listener), route(parent, spec), SERVICES))["Accepted"] == ("False", reason)


def test_a_route_that_is_refused_is_attached_nowhere() -> None:
    extension = "rules: [{filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: B, name: c}}]}]"
    texts = (gateway(HTTP), route(spec=extension), SERVICES)
    (accepted, _) = of_parent(*texts)
    assert (accepted.status, accepted.reason) == ("False", "UnsupportedValue")
    assert "ExtensionRef" in accepted.message
    assert of_gateway(*texts).listeners[0].attached_routes == 0


def test_a_route_of_which_some_rules_are_served() -> None:
    auth = "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, backendRef: {name: reviews, port: 9080}}}"
    rules = f"rules: [{{filters: [{auth}]}}, {{backendRefs: [{{name: reviews, port: 9080}}]}}]"
    accepted, _, partly = of_parent(gateway(HTTP), route(spec=rules), SERVICES)
    assert (accepted.status, accepted.reason) == ("True", "Accepted")
    assert (partly.type, partly.status, partly.reason) == ("PartiallyInvalid", "True", "UnsupportedValue")
    # Gateway API asks for this beginning.
    assert partly.message.startswith("Dropped Rule")
    assert "ExternalAuth" in partly.message


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("{name: gone, port: 9080}", "BackendNotFound"),
        ("{name: reviews, port: 1}", "BackendNotFound"),
        ("{name: reviews, namespace: other, port: 9080}", "RefNotPermitted"),
        ("{name: reviews, kind: Thing, group: example.com}", "InvalidKind"),
    ],
)
def test_backends_that_lead_nowhere(backend: str, reason: str) -> None:
    conditions = told(of_parent(gateway(HTTP), route(spec=f"rules: [{{backendRefs: [{backend}]}}]"), SERVICES))
    assert conditions["ResolvedRefs"] == ("False", reason)
    assert conditions["Accepted"] == ("True", "Accepted")


def test_a_service_as_parent() -> None:
    assert told(of_parent(route("{name: reviews, kind: Service, group: ''}"), SERVICES))["Accepted"] == ("True", "Accepted")


def test_gateways_of_other_classes_are_left_to_others() -> None:
    theirs = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/gateway}
"""
    found = statuses(store_of(theirs, gateway(HTTP, "theirs"), route(), SERVICES))
    assert ObjectKey(GROUP, "GatewayClass", "", "theirs") not in found
    assert GATEWAY_KEY not in found
    assert found[ROUTE_KEY].parents == ()


def test_other_kinds_have_a_condition_of_ours() -> None:
    rule = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME}
spec: {host: reviews, POLICY}
"""
    found = statuses(
        store_of(
            SERVICES,
            service("named").replace("port: 9080", "port: 9080, targetPort: web"),
            workload("odd", 20002, app="named", port_name="other"),
            rule.replace("NAME", "good").replace("POLICY", "exportTo: ['*']"),
            rule.replace("NAME", "part").replace("POLICY", "trafficPolicy: {tunnel: {targetHost: a, targetPort: 1}}"),
            rule.replace("NAME", "whole")
            .replace("DestinationRule", "Sidecar")
            .replace("host: reviews, POLICY", "outboundTrafficPolicy: {}"),
            rule.replace("NAME", "scoped")
            .replace("DestinationRule", "Sidecar")
            .replace("host: reviews, POLICY", "egress: [{hosts: ['./*']}]"),
            rule.replace("NAME", "wrong").replace("POLICY", "trafficPolicy: {tls: {mode: SIMPLE, sni: '*.a'}}"),
        )
    )

    def accepted(group: str, kind: str, name: str) -> tuple[str, str]:
        return told(found[ObjectKey(group, kind, "default", name)].conditions)["Accepted"]

    istio = "networking.istio.io"
    assert accepted(istio, "DestinationRule", "good") == ("True", "Accepted")
    assert accepted(istio, "DestinationRule", "part") == ("True", "AcceptedInPart")
    assert accepted(istio, "Sidecar", "whole") == ("True", "Accepted")
    assert accepted(istio, "Sidecar", "scoped") == ("True", "AcceptedInPart")
    assert accepted(istio, "DestinationRule", "wrong") == ("False", "Invalid")
    assert accepted(istio, "WorkloadEntry", "odd") == ("False", "Invalid")
    assert accepted("", "Service", "reviews") == ("True", "Accepted")


def test_virtual_services_have_a_condition_of_ours() -> None:
    rule = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [HOST]
  gateways: [GATEWAYS]
  http: [{route: [{destination: {host: reviews}}]}]
"""

    def text(name: str, gateways: str, host: str = "reviews.default.svc.cluster.local") -> str:
        return rule.replace("NAME", name).replace("GATEWAYS", gateways).replace("HOST", host)

    part = text("part", "mesh, edge", "'*.default.svc.cluster.local'")
    found = statuses(store_of(SERVICES, text("good", ""), part, text("wrong", "edge")))

    def accepted(name: str) -> tuple[str, str]:
        return told(found[ObjectKey("networking.istio.io", "VirtualService", "default", name)].conditions)["Accepted"]

    assert accepted("good") == ("True", "Accepted")
    assert accepted("part") == ("True", "AcceptedInPart")
    assert accepted("wrong") == ("False", "Invalid")
