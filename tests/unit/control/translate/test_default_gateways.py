"""Routes that use default Gateways attach to all of them, as if they named each."""

import pytest
from resource_scenarios import ask, gateway_node, service, store_of, workload

from hauberk_control.status.statuses import statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.translate import translate
from hauberk_core.model import Snapshot

WORLD = service("reviews") + workload("reviews-v1", 20001, app="reviews")


def gateway(name: str, scope: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec: {{gatewayClassName: hauberk, {scope} listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
"""


def route(spec: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec: {{{spec} rules: [{{backendRefs: [{{name: reviews, port: 9080}}]}}]}}
"""


GATEWAYS = gateway("web", "defaultScope: All,") + gateway("other", "") + gateway("third", "defaultScope: None,")
USES = "useDefaultGateways: All,"


@pytest.mark.parametrize(
    ("spec", "attached"),
    [
        ("", []),
        (USES, ["web"]),
        ("useDefaultGateways: None,", []),
        (f"{USES} parentRefs: [{{name: other}}],", ["other", "web"]),
        (f"{USES} parentRefs: [{{name: web}}],", ["web"]),
        (f"{USES} parentRefs: [{{name: web, namespace: default, sectionName: http}}],", ["web"]),
        ("parentRefs: [{name: third}],", ["third"]),
    ],
)
def test_which_gateways_take_a_route(spec: str, attached: list[str]) -> None:
    store = store_of(WORLD, GATEWAYS, route(spec))

    def told(name: str) -> Snapshot:
        return translate(store, gateway_node(f"default/{name}")).snapshot

    assert [name for name in ("other", "third", "web") if ask(told(name), "port-80").cluster] == attached
    key = ObjectKey("gateway.networking.k8s.io", "HTTPRoute", "default", "shop")
    parents = statuses(store)[key].parents
    assert sorted([parent.parent_ref.name for parent in parents]) == attached
