"""What the control half makes of each field of a DestinationRule, and that the data half takes it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from resource_scenarios import service, sidecar_node, store_of, workload

from hauberk_circuitbreaker.config import read_rules
from hauberk_circuitbreaker.control import hauberk_translate
from hauberk_control.plugins import PluginTranslation
from hauberk_control.translate.translate import Translator
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.plugin.host import control_host
from hauberk_core.resources import Resource
from hauberk_core.resources.istio.destination_rule import TrafficPolicy

HOST = "reviews.default.svc.cluster.local"
NAME = f"outbound|9080||{HOST}"


def attached(policy: str, more: str = "") -> Mapping[str, tuple[PluginConfig, ...]]:
    """What a sidecar is told of its clusters' breakers."""
    text = f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: default}}
spec:
  host: reviews
  trafficPolicy: {policy}
  {more}
"""
    store = store_of(service("reviews") + workload("reviews-v1", 20001, app="reviews", version="v1", account="reviews"), text)
    translation = PluginTranslation(Translator(), control_host(), str).translate(store, sidecar_node(http_proxy_port=15099))
    return {name: cluster.plugins for name, cluster in translation.snapshot.clusters.items() if cluster.plugins}


def config(policy: str) -> dict[str, Any]:
    """The breaker's configuration of the whole service; the data half has read it."""
    uses = attached(policy).get(NAME, ())
    if not uses:
        return {}
    [use] = uses
    assert (use.plugin, use.phase) == ("circuitbreaker", "admission")
    read_rules(use.config.decode())
    return use.config.decode()


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ("{tcp: {maxConnections: 7}}", {"max_connections": 7}),
        ("{http: {http1MaxPendingRequests: 3}}", {"max_pending": 3}),
        ("{http: {http2MaxRequests: 9}}", {"max_requests": 9}),
        ("{http: {maxRetries: 2}}", {"max_retries": 2}),
        ("{tcp: {maxConnections: 0}, http: {http1MaxPendingRequests: 0, http2MaxRequests: 0, maxRetries: 0}}", {}),
        ("{tcp: {connectTimeout: 1s}}", {}),
    ],
)
def test_limits(pool: str, told: dict[str, int]) -> None:
    assert config(f"{{connectionPool: {pool}}}") == told


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{}", {}),
        ("{consecutive5xxErrors: 0}", {"consecutive_5xx": 0}),
        ("{consecutiveGatewayErrors: 3}", {"consecutive_gateway": 3}),
        ("{consecutiveErrors: 4}", {"consecutive_gateway": 4, "consecutive_5xx": 0}),
        ("{consecutiveErrors: 4, consecutive5xxErrors: 6}", {"consecutive_gateway": 4, "consecutive_5xx": 6}),
        ("{consecutiveLocalOriginFailures: 2}", {}),
        ("{splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2}", {"split": True, "consecutive_local": 2}),
        ("{interval: 500ms, baseEjectionTime: 100h}", {"interval": "500ms", "base_ejection": "129600s"}),
        ("{maxEjectionPercent: 0, minHealthPercent: 0}", {}),
        ("{maxEjectionPercent: 40, minHealthPercent: 60}", {"max_ejection_percent": 40, "min_health_percent": 60}),
    ],
)
def test_outlier_detection(section: str, told: dict[str, Any]) -> None:
    assert config(f"{{outlierDetection: {section}}}") == {"outliers": told}


def test_a_subset_has_its_own_and_what_no_rule_is_for_has_none() -> None:
    more = "subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}}]"
    uses = attached("{loadBalancer: {simple: ROUND_ROBIN}}", more)
    assert list(uses) == [f"outbound|9080|v1|{HOST}"]


def test_a_scope_without_rules_gets_nothing() -> None:
    class Empty:
        role = "sidecar"
        name = "web"
        namespace = "default"
        labels: Mapping[str, str] = {}
        policies: Mapping[str, TrafficPolicy] = {}

        def of(self, kind: type[Resource]) -> Sequence[Any]:
            return ()

        def secret(self, purpose: str) -> str:
            return ""

    assert hauberk_translate(Empty()) is None
