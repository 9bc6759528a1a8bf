"""Conditions of BackendTLSPolicies at the Gateways that follow them."""

import pytest
from condition_scenarios import ACCEPTED, RESOLVED, gateway, route, status_of, told
from resource_scenarios import config_map, service, workload
from trustme import CA

BUNDLE = config_map("ca", CA().cert_pem.bytes().decode())
REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews")
RULES = "rules: [{backendRefs: [{name: reviews, port: 9080}]}]"
WORLD = (gateway(), route("HTTPRoute", RULES), REVIEWS, BUNDLE)
CA_REF = "{group: '', kind: ConfigMap, name: ca}"


def policy(
    references: str = CA_REF,
    name: str = "secured",
    target: str = "{group: '', kind: Service, name: reviews}",
    created: str = "2026-01-01T00:00:00Z",
) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, generation: 2, creationTimestamp: '{created}'}}
spec:
  targetRefs: [{target}]
  validation: {{hostname: reviews.test, caCertificateRefs: [{references}]}}
"""


def conditions(*texts: str, name: str = "secured") -> dict[str, tuple[str, str]]:
    (ancestor,) = status_of("BackendTLSPolicy", name, *texts).ancestors
    assert {condition.observed_generation for condition in ancestor.conditions} == {2}
    return told(ancestor.conditions)


def test_a_policy_is_told_of_at_the_gateway_that_follows_it() -> None:
    (ancestor,) = status_of("BackendTLSPolicy", "secured", *WORLD, policy()).ancestors
    reference = ancestor.ancestor_ref
    assert (reference.kind, reference.namespace, reference.name) == ("Gateway", "default", "web")
    assert ancestor.controller_name == "hauberk.dev/gateway"
    assert told(ancestor.conditions) == {"Accepted": ACCEPTED, "ResolvedRefs": RESOLVED}


def test_without_a_gateway_the_target_tells() -> None:
    (ancestor,) = status_of("BackendTLSPolicy", "secured", REVIEWS, BUNDLE, policy()).ancestors
    assert (ancestor.ancestor_ref.group, ancestor.ancestor_ref.kind, ancestor.ancestor_ref.name) == ("", "Service", "reviews")


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ("{group: '', kind: ConfigMap, name: gone}", "InvalidCACertificateRef"),
        ("{group: '', kind: ConfigMap, name: empty}", "InvalidCACertificateRef"),
        ("{group: example.com, kind: Thing, name: ca}", "InvalidKind"),
    ],
)
def test_authorities_that_cannot_be_had(references: str, reason: str) -> None:
    texts = (*WORLD, config_map("empty", ""))
    assert conditions(*texts, policy(references)) == {
        "Accepted": ("False", "NoValidCACertificate"),
        "ResolvedRefs": ("False", reason),
    }
    # One that can be had is enough.
    assert conditions(*texts, policy(f"{references}, {CA_REF}")) == {"Accepted": ACCEPTED, "ResolvedRefs": ("False", reason)}


def test_the_older_of_two_policies_counts() -> None:
    texts = (*WORLD, policy(name="z-older"), policy(name="a-newer", created="2026-01-02T00:00:00Z"))
    assert conditions(*texts, name="z-older")["Accepted"] == ACCEPTED
    assert conditions(*texts, name="a-newer")["Accepted"] == ("False", "Conflicted")


def test_a_policy_for_a_port_does_not_conflict_with_one_for_the_service() -> None:
    port = "{group: '', kind: Service, name: reviews, sectionName: http-9080}"
    texts = (*WORLD, policy(), policy(name="port", target=port, created="2026-01-02T00:00:00Z"))
    assert conditions(*texts)["Accepted"] == conditions(*texts, name="port")["Accepted"] == ACCEPTED


@pytest.mark.parametrize("target", ["name: gone", "name: reviews, sectionName: gone"])
def test_a_target_that_is_not_there(target: str) -> None:
    found = conditions(REVIEWS, BUNDLE, policy(target=f"{{group: '', kind: Service, {target}}}"))
    assert found["Accepted"] == ("False", "TargetNotFound")


def test_authorities_that_nobody_knows_by_name() -> None:
    known = policy().replace(f"caCertificateRefs: [{CA_REF}]", "wellKnownCACertificates: WHICH")
    assert conditions(*WORLD, known.replace("WHICH", "System"))["Accepted"] == ACCEPTED
    assert conditions(*WORLD, known.replace("WHICH", "example.com/All"))["Accepted"] == ("False", "Invalid")
