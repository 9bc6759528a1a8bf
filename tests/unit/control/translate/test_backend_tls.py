"""BackendTLSPolicies and a Gateway's certificate for its backends: how services that are no part of the mesh are reached."""

import pytest
import trustme
from resource_scenarios import ask, config_map, gateway_node, secret, service, store_of, workload

from hauberk_control.store import key_of
from hauberk_control.translate.certificate import Found, Unfound
from hauberk_control.translate.translate import Translation, translate
from hauberk_control.translate.view import Memories, View
from hauberk_core.config import check_whole
from hauberk_core.model.transport import TransportConfig
from hauberk_core.resources import BackendTLSPolicy, Gateway
from hauberk_core.wire_proto.configuration import encode_configuration

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
CA = AUTHORITY.cert_pem.bytes().decode()
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: reviews, port: 9080}]}]}
"""
WORLD = GATEWAY + ROUTE + service("reviews") + workload("reviews-v1", 20001, app="reviews")
REF = "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]"
TARGET = "{group: '', kind: Service, name: reviews%s}"


def policy(name: str = "tls", validation: str = REF, section: str = "", host: str = "reviews.test", created: str = "") -> str:
    target = TARGET % (f", sectionName: {section}" if section else "")
    age = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}{age}}}
spec: {{targetRefs: [{target}], validation: {{hostname: {host}, {validation}}}}}
"""


def told(*texts: str) -> Translation:
    translation = translate(store_of(*texts), gateway_node())
    check_whole(translation.snapshot, "")
    return translation


def transport(*texts: str) -> TransportConfig:
    return told(WORLD, *texts).snapshot.clusters[CLUSTER].transport


def test_a_policy_says_how_its_service_is_reached() -> None:
    names = "subjectAltNames: [{type: Hostname, hostname: a.test}, {type: URI, uri: 'spiffe://a.test/b'}]"
    made = transport(policy(validation=f"{REF}, {names}"), config_map("ca", CA))
    assert made == TransportConfig(
        security="tls", server_name="reviews.test", trust_pem=CA, subject_alt_names=("a.test", "spiffe://a.test/b")
    )


def test_the_systems_authorities() -> None:
    assert transport(policy(validation="wellKnownCACertificates: System")).trust_pem == ""
    assert transport(policy(validation="wellKnownCACertificates: System")).security == "tls"


@pytest.mark.parametrize(
    ("validation", "more", "fault"),
    [
        (REF, "", "bundle"),
        (REF, config_map("ca", ""), "bundle"),
        (REF, config_map("ca", "no certificate"), "bundle"),
        ("caCertificateRefs: [{group: a.test, kind: Bundle, name: ca}]", "", "kind"),
        ("wellKnownCACertificates: a.test/others", "", ""),
    ],
)
def test_without_an_authority_the_service_is_not_reached_at_all(validation: str, more: str, fault: str) -> None:
    text = policy(validation=validation)
    snapshot = told(WORLD, text, more).snapshot
    assert snapshot.clusters[CLUSTER].endpoints == ()
    assert ask(snapshot, "port-80").cluster == CLUSTER
    view = View(store_of(WORLD, text, more), Memories())
    [state] = view.backend_tls.states.values()
    assert [one.fault for one in state.troubles] == ([fault] if fault else [])
    assert bool(state.unsupported) is not bool(fault)


def test_one_authority_of_several_is_enough() -> None:
    refs = "caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}, {group: '', kind: ConfigMap, name: ca}]"
    assert transport(policy(validation=refs), config_map("ca", CA)).trust_pem == CA


@pytest.mark.parametrize(
    ("policies", "host", "conflicting"),
    [
        ((policy("a", host="a.test"), policy("b", host="b.test")), "a.test", ["b"]),
        ((policy("a", host="a.test"), policy("b", host="b.test", created="2026-01-02T03:04:05Z")), "b.test", ["a"]),
        ((policy("a", host="a.test"), policy("b", section="http-9080", host="b.test")), "b.test", []),
        ((policy("a", host="a.test"), policy("b", section="http-1", host="b.test")), "a.test", []),
    ],
)
def test_which_of_several_policies_counts(policies: tuple[str, ...], host: str, conflicting: list[str]) -> None:
    texts = (*policies, config_map("ca", CA))
    assert transport(*texts).server_name == host
    store = store_of(WORLD, *texts)
    states = View(store, Memories()).backend_tls.states
    assert [one.metadata.name for one in store.of(BackendTLSPolicy) if states[key_of(one)].conflicts] == conflicting


def test_a_port_that_says_it_is_inside_tls_is_reached_by_a_policy_alone() -> None:
    world = WORLD.replace("name: http-9080", "name: https, appProtocol: HTTPS").replace("http-9080", "https")
    assert ask(told(world).snapshot, "port-80").cluster == ""
    assert ask(told(world, policy(), config_map("ca", CA)).snapshot, "port-80").cluster == CLUSTER


def test_a_gateway_shows_its_backends_its_certificate() -> None:
    leaf = AUTHORITY.issue_cert("web.test", key_type=trustme.KeyType.ECDSA)
    own = secret("own", leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())
    shown = GATEWAY.rstrip() + "\n  tls: {backend: {clientCertificateRef: {name: own}}}\n"
    texts = (WORLD.replace(GATEWAY, shown), policy(), config_map("ca", CA), own)
    translation = told(*texts)
    assert translation.snapshot.clusters[CLUSTER].transport.certificates == ("default/own",)
    assert "certificate/default/own" in encode_configuration(translation.snapshot, translation.certificates)
    view = View(store_of(*texts), Memories())
    [gateway] = view.store.of(Gateway)
    assert isinstance(view.client_certificate(gateway), Found)


@pytest.mark.parametrize(
    ("reference", "permitted"),
    [("{name: gone}", True), ("{kind: Other, name: own}", True), ("{name: own, namespace: elsewhere}", False)],
)
def test_a_certificate_for_backends_that_cannot_be_had_is_told(reference: str, permitted: bool) -> None:
    shown = GATEWAY.rstrip() + f"\n  tls: {{backend: {{clientCertificateRef: {reference}}}}}\n"
    texts = (WORLD.replace(GATEWAY, shown), policy(), config_map("ca", CA))
    translation = told(*texts)
    assert translation.snapshot.clusters[CLUSTER].transport.certificates == ()
    assert "spec.tls.backend.clientCertificateRef" in [problem.path for problem in translation.problems]
    view = View(store_of(*texts), Memories())
    [gateway] = view.store.of(Gateway)
    found = view.client_certificate(gateway)
    assert isinstance(found, Unfound)
    assert found.permitted is permitted
