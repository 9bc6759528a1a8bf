"""Conditions of Gateways: what they refer to, and what a cluster makes of them."""

import pytest
from condition_scenarios import ACCEPTED, GROUP, PROGRAMMED, RESOLVED, gateway, listeners_of, route, status_of, told
from resource_scenarios import config_map, secret, service, store_of
from trustme import CA

from hauberk_control.gateways.addresses import GatewayAddresses, StatusAddress
from hauberk_control.gateways.owned import OwnedKey
from hauberk_control.gateways.refusals import Refusal
from hauberk_control.gateways.wanted import wanted_gateways
from hauberk_control.proxy_settings import ProxySettings
from hauberk_control.status.cluster import Cluster, Deployed, cluster_facts
from hauberk_control.status.conditions import AddressStatus, Status
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.translate import Translator

KEY = ObjectKey("gateway.networking.k8s.io", "Gateway", "default", "web")
AN_ADDRESS = StatusAddress("IPAddress", "192.0.2.7")
HTTPS = "{name: NAME, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}]}}"


def on_cluster(deployed: Deployed, more: str = "") -> Status:
    view = Translator().view(store_of(gateway(more=more)))
    return view_statuses(view, None, Cluster(lambda _: deployed, frozenset()))[KEY]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{name: gone}", "InvalidClientCertificateRef"),
        ("{name: gone, kind: Thing}", "InvalidClientCertificateRef"),
        ("{name: gone, group: example.com}", "InvalidClientCertificateRef"),
        ("{name: gone, namespace: other}", "RefNotPermitted"),
    ],
)
def test_a_certificate_for_backends_that_cannot_be_had(reference: str, reason: str) -> None:
    status = status_of("Gateway", "web", gateway(more=f"tls: {{backend: {{clientCertificateRef: {reference}}}}}"))
    assert told(status.conditions)["ResolvedRefs"] == ("False", reason)
    assert told(status.conditions)["Accepted"] == ACCEPTED
    # It is the Gateway's own reference, no listener's.
    assert listeners_of(status)["http"]["ResolvedRefs"] == RESOLVED


def test_references_of_listeners_are_summed_up() -> None:
    both = f"{{name: http, port: 80, protocol: HTTP}}, {HTTPS.replace('NAME', 'https')}"
    conditions = status_of("Gateway", "web", gateway(both)).conditions
    (one,) = [condition for condition in conditions if condition.type == "ResolvedRefs"]
    assert (one.status, one.reason, one.observed_generation) == ("False", "ListenersNotResolved", 7)
    assert "https" in one.message


def test_clients_that_are_let_in_without_proof_are_told() -> None:
    frontend = (
        "tls: {frontend: {default: {validation: {mode: MODE, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}}}"
    )
    bundle = config_map("ca", CA().cert_pem.bytes().decode())
    insecure = status_of("Gateway", "web", gateway(more=frontend.replace("MODE", "AllowInsecureFallback")), bundle)
    assert told(insecure.conditions)["InsecureFrontendValidationMode"] == ("True", "ConfigurationChanged")
    strict = status_of("Gateway", "web", gateway(more=frontend.replace("MODE", "AllowValidOnly")), bundle)
    assert "InsecureFrontendValidationMode" not in told(strict.conditions)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{group: '', kind: ConfigMap, name: gone}", "InvalidCACertificateRef"),
        ("{group: '', kind: Service, name: ca}", "InvalidCACertificateKind"),
        ("{group: '', kind: ConfigMap, name: ca, namespace: other}", "RefNotPermitted"),
    ],
)
def test_authorities_that_cannot_be_had_touch_their_port_alone(reference: str, reason: str) -> None:
    frontend = f"tls: {{frontend: {{default: {{validation: {{caCertificateRefs: [{reference}]}}}}}}}}"
    both = f"{{name: http, port: 80, protocol: HTTP}}, {HTTPS.replace('NAME', 'https').replace('gone', 'shop')}"
    issued = CA().issue_cert("shop.test")
    shown = secret("shop", issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    listeners = listeners_of(status_of("Gateway", "web", gateway(both, frontend), shown))
    assert listeners["https"]["Accepted"] == ("False", "NoValidCACertificate")
    assert listeners["https"]["ResolvedRefs"] == ("False", reason)
    assert listeners["https"]["Programmed"] == ("False", "Invalid")
    assert listeners["http"]["Accepted"] == ACCEPTED
    assert listeners["http"]["Programmed"] == PROGRAMMED


def test_a_gateway_with_its_address() -> None:
    status = on_cluster(Deployed(GatewayAddresses((AN_ADDRESS,))))
    assert told(status.conditions)["Programmed"] == PROGRAMMED
    assert status.addresses == (AddressStatus(type="IPAddress", value="192.0.2.7"),)


@pytest.mark.parametrize(
    ("deployed", "accepted", "programmed"),
    [
        (Deployed(GatewayAddresses()), ACCEPTED, ("False", "AddressNotAssigned")),
        (Deployed(GatewayAddresses((AN_ADDRESS,), (), ("192.0.2.9",))), ACCEPTED, ("False", "AddressNotUsable")),
        (Deployed(GatewayAddresses((), ("a.test/b",))), ("False", "UnsupportedAddress"), ("False", "Invalid")),
        (Deployed(GatewayAddresses(), "there is no ConfigMap x"), ("False", "InvalidParameters"), ("False", "Invalid")),
    ],
)
def test_what_keeps_a_gateway_from_being_reached(
    deployed: Deployed, accepted: tuple[str, str], programmed: tuple[str, str]
) -> None:
    status = on_cluster(deployed)
    assert told(status.conditions)["Accepted"] == accepted
    assert told(status.conditions)["Programmed"] == programmed
    # Its listeners are what they are, wherever they are reached.
    assert listeners_of(status)["http"]["Programmed"] == PROGRAMMED


QUOTA = Refusal(OwnedKey("Service", "default", "web-hauberk"), "403 services is forbidden: exceeded quota: few")
ADMISSION = Refusal(OwnedKey("Deployment", "default", "web-hauberk"), '400 admission webhook "guard" denied the request: no')
NO_PODS = Refusal(OwnedKey("Deployment", "default", "web-hauberk"), "pods are forbidden: violates PodSecurity", of_pods=True)


@pytest.mark.parametrize(
    ("refusals", "reason", "words"),
    [
        ((ADMISSION,), "Refused", 'Deployment web-hauberk cannot be had: 400 admission webhook "guard"'),
        ((ADMISSION, QUOTA), "NoResources", "Service web-hauberk cannot be had: 403 services is forbidden"),
    ],
)
def test_what_the_api_server_refuses_is_told_in_its_words(refusals: tuple[Refusal, ...], reason: str, words: str) -> None:
    status = on_cluster(Deployed(GatewayAddresses((AN_ADDRESS,)), refusals=refusals))
    (programmed,) = [one for one in status.conditions if one.type == "Programmed"]
    assert (programmed.status, programmed.reason) == ("False", reason)
    assert words in programmed.message
    assert told(status.conditions)["Accepted"] == ACCEPTED


def test_pods_that_are_refused_count_where_no_other_serves() -> None:
    deployed = Deployed(GatewayAddresses((AN_ADDRESS,)), refusals=(NO_PODS,))
    assert told(on_cluster(deployed).conditions)["Programmed"] == PROGRAMMED
    view = Translator().view(store_of(gateway()))
    without = view_statuses(view, [], Cluster(lambda _: deployed, frozenset()))[KEY]
    assert told(without.conditions)["Programmed"] == ("False", "Refused")


def test_an_address_that_cannot_be_had_is_named() -> None:
    status = on_cluster(Deployed(GatewayAddresses((AN_ADDRESS,), (), ("192.0.2.9",))))
    (message,) = [condition.message for condition in status.conditions if condition.type == "Programmed"]
    assert "192.0.2.9" in message


def test_the_class_of_istio_is_ours_where_nobody_owns_it() -> None:
    istio = gateway(class_="istio")
    assert told(status_of("Gateway", "web", istio).conditions)["Accepted"] == ACCEPTED
    owned = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
"""
    view = Translator().view(store_of(istio, owned, service("reviews")))
    assert KEY not in view_statuses(view)


def test_gateways_of_another_control_are_left_to_it() -> None:
    routed = route("HTTPRoute", "rules: [{backendRefs: [{name: reviews, port: 9080}]}]")
    view = Translator().view(store_of(gateway(), routed, service("reviews")))
    found = view_statuses(view, None, Cluster(lambda _: None, frozenset()))
    assert KEY not in found
    assert found[ObjectKey(GROUP, "HTTPRoute", "default", "shop")].parents == ()


def test_what_a_cluster_has_for_a_gateway() -> None:
    service_of_gateway = """
---
apiVersion: v1
kind: Service
metadata: {name: web-hauberk}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}
"""
    looks = "infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: looks}}"

    def status(*texts: str) -> Status:
        view = Translator().view(store_of(*texts))
        facts = cluster_facts(view.store, wanted_gateways(view, ProxySettings()), frozenset())
        return view_statuses(view, None, facts)[KEY]

    assert status(gateway(), service_of_gateway).addresses == (AddressStatus(type="IPAddress", value="192.0.2.7"),)
    assert told(status(gateway()).conditions)["Programmed"] == ("False", "AddressNotAssigned")
    assert told(status(gateway(more=looks)).conditions)["Accepted"] == ("False", "InvalidParameters")
    named = gateway(more="addresses: [{type: Hostname, value: web-hauberk.default.svc.cluster.local}]")
    assert told(status(named).conditions)["Programmed"] == ("False", "AddressNotUsable")
    assert told(status(named, service_of_gateway).conditions)["Programmed"] == PROGRAMMED
