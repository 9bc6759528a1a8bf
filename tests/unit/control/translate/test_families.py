"""IPv4 and IPv6 side by side, or IPv6 alone: what proxies are told of services that have both, or the other."""

import pytest
from resource_scenarios import gateway_node, store_of

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import translate
from hauberk_core.config import check_whole
from hauberk_core.model import Snapshot
from hauberk_core.net.destinations import DestinationMap

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: reviews, port: 80}]}]}
"""
FOURTH = ("10.96.0.5", "10.244.0.5")
SIXTH = ("fd00:96::5", "fd00:244::5")


def reviews(*families: tuple[str, str]) -> str:
    """A Service with one pod. Args: families - the addresses of both, the first family first."""
    services, pods = zip(*families, strict=True)
    texts = [
        f"""
---
apiVersion: v1
kind: Service
metadata: {{name: reviews, namespace: shop}}
spec:
  clusterIP: '{services[0]}'
  clusterIPs: {list(services)}
  selector: {{app: reviews}}
  ports: [{{name: http, port: 80, targetPort: 9080}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: reviews-1, namespace: shop, labels: {{app: reviews}}}}
spec: {{serviceAccountName: reviews}}
status: {{phase: Running, podIP: '{pods[0]}', podIPs: {[{"ip": pod} for pod in pods]}}}
"""
    ]
    texts += [
        f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: reviews-{index}, namespace: shop, labels: {{kubernetes.io/service-name: reviews}}}}
addressType: {"IPv6" if ":" in pod else "IPv4"}
endpoints: [{{addresses: ['{pod}']}}]
ports: [{{name: http, port: 9080}}]
"""
        # Slices come in any order.
        for index, pod in reversed(list(enumerate(pods)))
    ]
    return "".join(texts)


def snapshot(node: Node, *families: tuple[str, str]) -> Snapshot:
    translation = translate(store_of(GATEWAY, reviews(*families)), node)
    check_whole(translation.snapshot, "")
    assert translation.problems == ()
    return translation.snapshot


CAPTURED = Node(
    identity="spiffe://cluster.local/ns/shop/sa/web",
    role="sidecar",
    name="web",
    namespace="shop",
    captured=True,
    pod="web-1",
    addresses=("10.244.0.9", "fd00:244::9"),
)


@pytest.mark.parametrize(
    ("families", "endpoint"),
    [
        ((FOURTH,), "10.244.0.5:9080"),
        ((SIXTH,), "[fd00:244::5]:9080"),
        ((FOURTH, SIXTH), "10.244.0.5:9080"),
        ((SIXTH, FOURTH), "[fd00:244::5]:9080"),
    ],
)
def test_a_pod_of_two_families_is_one_endpoint_of_the_services_first(
    families: tuple[tuple[str, str], ...], endpoint: str
) -> None:
    for node in (gateway_node("shop/web"), CAPTURED):
        (cluster,) = [
            found for name, found in snapshot(node, *families).clusters.items() if name.startswith("outbound|80||reviews.")
        ]
        assert [one.address for one in cluster.endpoints] == [endpoint]


@pytest.mark.parametrize("families", [(FOURTH,), (SIXTH,), (FOURTH, SIXTH)])
def test_a_service_is_captured_by_every_address_that_it_has(families: tuple[tuple[str, str], ...]) -> None:
    chains = snapshot(CAPTURED, *families).listeners["virtualOutbound"].filter_chains
    leads = DestinationMap([(chain.destinations, chain.destination_ports) for chain in chains])
    services = [service for service, _ in families]
    (own,) = [index for index, chain in enumerate(chains) if chain.destinations == tuple(services)]
    for service in services:
        assert leads.choose(service, 80) == own
