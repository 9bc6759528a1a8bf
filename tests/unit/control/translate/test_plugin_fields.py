"""What has no effect is told: for want of a plugin, or of a service."""

import msgspec
import pytest
from resource_scenarios import service, store_of

from hauberk_control.status.conditions import Condition
from hauberk_control.status.statuses import view_statuses
from hauberk_control.translate.plugin_fields import FIELDS, fields_without
from hauberk_control.translate.translate import Translator
from hauberk_core.resources import Resource

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules:
  - sessionPersistence: {sessionName: who}
    backendRefs: [{name: reviews, port: 9080}]
"""
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: "HOST"
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3}
    connectionPool: {tcp: {maxConnections: 3}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 4}}}}
"""
ALL = frozenset(FIELDS)


def accepted(installed: frozenset[str], host: str = "reviews") -> dict[str, Condition]:
    """The condition Accepted by kind."""
    store = store_of(service("reviews"), ROUTE, RULE.replace("HOST", host))
    statuses = view_statuses(Translator(undone=fields_without(installed)).view(store))
    shown = {
        key.kind: [*status.conditions, *(one for parent in status.parents for one in parent.conditions)]
        for key, status in statuses.items()
    }
    return {kind: one for kind, several in shown.items() for one in several if one.type == "Accepted"}


def test_with_all_plugins_everything_has_its_effect() -> None:
    assert {kind: one.message for kind, one in accepted(ALL).items()} == {"Service": "", "HTTPRoute": "", "DestinationRule": ""}


def test_sessions_without_the_plugin_that_keeps_them_are_told() -> None:
    found = accepted(ALL - {"canary"})
    assert found["HTTPRoute"].status == "True"
    assert "spec.rules[0].sessionPersistence" in found["HTTPRoute"].message
    assert "the plugin 'canary' is not there, or is switched off" in found["HTTPRoute"].message
    assert found["DestinationRule"].message == ""


def test_breaking_without_the_plugin_that_breaks_is_told() -> None:
    rule = accepted(ALL - {"circuitbreaker"})["DestinationRule"]
    assert (rule.status, rule.reason) == ("True", "AcceptedInPart")
    assert "spec.trafficPolicy.outlierDetection" in rule.message
    assert "spec.subsets[0].trafficPolicy.connectionPool.http.http2MaxRequests" in rule.message
    assert "maxConnections" not in rule.message


@pytest.mark.parametrize("host", ["reviews", "reviews.default", "reviews.default.svc.cluster.local", "*.cluster.local"])
def test_a_rule_for_a_service_that_is_there_is_accepted(host: str) -> None:
    assert accepted(ALL, host)["DestinationRule"].message == ""


def test_a_rule_for_nobody_is_accepted_and_told() -> None:
    rule = accepted(ALL, "revews")["DestinationRule"]
    assert (rule.status, rule.reason) == ("True", "AcceptedInPart")
    assert "no Service is called 'revews.default.svc.cluster.local', so that the rule has no effect" in rule.message


@pytest.mark.parametrize(("kind", "path"), [field for fields in FIELDS.values() for field in fields])
def test_every_field_is_one_of_its_kind(kind: type[Resource], path: tuple[str, ...]) -> None:
    wanted = msgspec.inspect.type_info(kind)
    for name in path:
        while not isinstance(wanted, msgspec.inspect.StructType):
            if isinstance(wanted, msgspec.inspect.UnionType):
                wanted = next(one for one in wanted.types if not isinstance(one, msgspec.inspect.NoneType))
            elif isinstance(wanted, msgspec.inspect.VarTupleType):
                wanted = wanted.item_type
            else:
                assert isinstance(wanted, msgspec.inspect.Metadata)
                wanted = wanted.type
        wanted = next(field.type for field in wanted.fields if field.encode_name == name)
