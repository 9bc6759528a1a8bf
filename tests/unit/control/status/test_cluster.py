"""What a Gateway's status says of its objects."""

from resource_scenarios import store_of

from hauberk_control.gateways.addresses import StatusAddress
from hauberk_control.gateways.wanted import wanted_gateways
from hauberk_control.proxy_settings import ProxySettings
from hauberk_control.status.cluster import Deployed, cluster_facts
from hauberk_control.translate.view import Memories, View
from hauberk_core.resources import Gateway

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 10.97.0.1}]}}
"""
TWO_REVISIONS = GATEWAY.replace("namespace: shop", "namespace: shop, labels: {istio.io/rev: next}")


def _deployed(text: str, revision: str = "default") -> Deployed | None:
    store = store_of(text)
    wanted = wanted_gateways(View(store, Memories()), ProxySettings(revision=revision))
    gateway = store.get(Gateway, "shop", "edge")
    assert gateway is not None
    return cluster_facts(store, wanted, frozenset()).deployed(gateway)


def test_the_address_is_that_of_its_own_service() -> None:
    found = _deployed(GATEWAY + SERVICE.replace("NAME", "edge-hauberk"))
    assert found is not None
    assert found.addresses.addresses == (StatusAddress("IPAddress", "10.97.0.1"),)
    waiting = _deployed(GATEWAY)
    assert waiting is not None
    assert waiting.addresses.addresses == ()


def test_the_address_is_that_of_the_service_that_is_named() -> None:
    manual = GATEWAY + "  addresses: [{type: Hostname, value: door}]\n"
    found = _deployed(manual + SERVICE.replace("NAME", "door"))
    assert found is not None
    assert found.addresses.addresses == (StatusAddress("IPAddress", "10.97.0.1"),)
    missing = _deployed(manual)
    assert missing is not None
    assert missing.addresses.unusable == ("door.shop",)


def test_wrong_parameters_are_told() -> None:
    found = _deployed(GATEWAY + "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: looks}}\n")
    assert found is not None
    assert "looks" in found.trouble


def test_a_gateway_belongs_to_one_revision() -> None:
    assert _deployed(TWO_REVISIONS) is None
    assert _deployed(TWO_REVISIONS, "next") is not None
    assert _deployed(GATEWAY, "next") is None
    namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {hauberk.dev/rev: next}}\n"
    assert _deployed(GATEWAY + namespace) is None
    assert _deployed(GATEWAY + namespace, "next") is not None
