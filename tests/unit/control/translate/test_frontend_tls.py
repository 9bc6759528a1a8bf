"""Clients' certificates, where a Gateway asks for them."""

import pytest
import trustme
from resource_scenarios import config_map, gateway_node, secret, store_of

from hauberk_control.translate.frontend_tls import is_insecure
from hauberk_control.translate.translate import translate
from hauberk_control.translate.view import Memories, View
from hauberk_core.config import check_whole
from hauberk_core.model import Snapshot
from hauberk_core.resources import Gateway

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
CA = AUTHORITY.cert_pem.bytes().decode()
LEAF = AUTHORITY.issue_cert("shop.test", key_type=trustme.KeyType.ECDSA)
OWN = secret("shop", LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes())
REF = "{group: '', kind: ConfigMap, name: %s}"


def gateway(frontend: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: hauberk
  tls: {{frontend: {frontend}}}
  listeners:
  - {{name: plain, port: 80, protocol: HTTP}}
  - {{name: one, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: shop}}]}}}}
  - {{name: other, port: 8443, protocol: HTTPS, tls: {{certificateRefs: [{{name: shop}}]}}}}
"""


def validation(name: str, mode: str = "") -> str:
    return f"{{validation: {{caCertificateRefs: [{REF % name}]{f', mode: {mode}' if mode else ''}}}}}"


def told(*texts: str) -> Snapshot:
    snapshot = translate(store_of(*texts, OWN), gateway_node(ports={})).snapshot
    check_whole(snapshot, "")
    return snapshot


def trust(snapshot: Snapshot) -> dict[str, str]:
    return {name: listener.filter_chains[0].transport.trust_pem for name, listener in snapshot.listeners.items()}


def test_each_port_has_the_default_or_its_own() -> None:
    frontend = f"{{default: {validation('ca')}, perPort: [{{port: 8443, tls: {validation('more')}}}]}}"
    other = trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.bytes().decode()
    snapshot = told(gateway(frontend), config_map("ca", CA), config_map("more", other))
    assert trust(snapshot) == {"port-443": CA, "port-80": "", "port-8443": other}


def test_a_port_may_be_left_out() -> None:
    frontend = f"{{default: {validation('ca')}, perPort: [{{port: 8443, tls: {{}}}}]}}"
    assert trust(told(gateway(frontend), config_map("ca", CA))) == {"port-443": CA, "port-80": "", "port-8443": ""}


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (REF % "gone", "InvalidCACertificateRef"),
        (REF % "empty", "InvalidCACertificateRef"),
        ("{group: a.test, kind: Bundle, name: ca}", "InvalidCACertificateKind"),
        ("{group: '', kind: ConfigMap, name: ca, namespace: elsewhere}", "RefNotPermitted"),
    ],
)
def test_a_port_whose_authorities_are_unknown_serves_nobody(reference: str, reason: str) -> None:
    frontend = f"{{default: {{}}, perPort: [{{port: 8443, tls: {{validation: {{caCertificateRefs: [{reference}]}}}}}}]}}"
    texts = (gateway(frontend), config_map("ca", CA), config_map("empty", ""))
    assert sorted(told(*texts).listeners) == ["port-443", "port-80"]
    view = View(store_of(*texts, OWN), Memories())
    [own] = view.store.of(Gateway)
    troubles = {state.name: [one.reason for one in state.troubles] for state in view.listeners(own)}
    assert troubles == {"plain": [], "one": [], "other": [reason, "NoValidCACertificate"]}


def test_clients_may_be_asked_and_let_in_whatever_they_show() -> None:
    frontend = f"{{default: {validation('ca', 'AllowInsecureFallback')}, perPort: [{{port: 8443, tls: {validation('ca')}}}]}}"
    text = gateway(frontend)
    snapshot = told(text, config_map("ca", CA))
    assert trust(snapshot) == {"port-443": CA, "port-80": "", "port-8443": CA}
    transports = {name: listener.filter_chains[0].transport for name, listener in snapshot.listeners.items()}
    assert {name: transport.unproven_clients for name, transport in transports.items()} == {
        "port-443": "take",
        "port-80": "refuse",
        "port-8443": "refuse",
    }
    [own] = store_of(text).of(Gateway)
    assert is_insecure(own)
    [asked] = store_of(gateway(f"{{default: {validation('ca')}}}")).of(Gateway)
    assert not is_insecure(asked)


def test_also_a_port_that_takes_anybody_does_not_serve_without_the_authorities_that_it_names() -> None:
    assert sorted(told(gateway(f"{{default: {validation('gone', 'AllowInsecureFallback')}}}")).listeners) == ["port-80"]
