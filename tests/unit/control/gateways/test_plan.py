"""What a cluster should have for a Gateway."""

from collections.abc import Mapping
from typing import Any

import pytest

from hauberk_control.gateways.plan import GatewayPlan, plan_gateway
from hauberk_control.proxy_settings import GatewaySettings, ProxySettings, Resources
from hauberk_core import pod
from hauberk_core.resources import Gateway
from hauberk_core.resources.read import read_file

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata: {name: edge, namespace: shop, uid: 1-2-3}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: alt, port: 8080, protocol: HTTP}
"""


def _gateway(more: str = "") -> Gateway:
    read = read_file((GATEWAY + more).encode(), "gateway.yaml")
    assert not read.errors
    (found,) = read.objects
    assert isinstance(found.value, Gateway)
    return found.value


def _plan(
    gateway: Gateway,
    settings: ProxySettings | None = None,
    entries: Mapping[str, str] | None = None,
) -> GatewayPlan:
    def parameters(namespace: str, name: str) -> Mapping[str, str] | None:
        return entries if (namespace, name) == ("shop", "looks") else None

    return plan_gateway(gateway, gateway.spec.listeners, settings or ProxySettings(), parameters)


def _made(plan: GatewayPlan) -> dict[str, Any]:
    assert plan.trouble == ""
    return {str(one["kind"]): one for one in plan.objects}


def test_a_gateway_has_four_objects_of_one_name_that_go_when_it_goes() -> None:
    made = _made(_plan(_gateway()))
    assert list(made) == ["ServiceAccount", "Service", "Deployment", "PodDisruptionBudget"]
    for one in made.values():
        assert (one["metadata"]["namespace"], one["metadata"]["name"]) == ("shop", "edge-hauberk")
        assert one["metadata"]["labels"][pod.GATEWAY_NAME_LABEL] == "edge"
        (owner,) = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("Gateway", "edge", "1-2-3", True)
        assert owner["apiVersion"] == "gateway.networking.k8s.io/v1beta1"


def test_the_service_leads_each_port_to_where_the_pods_listen() -> None:
    made = _made(_plan(_gateway()))
    ports = made["Service"]["spec"]["ports"]
    assert [(port["port"], port["targetPort"]) for port in ports] == [(80, 10080), (8080, 8080)]
    (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    listening = [port["containerPort"] for port in container["ports"]]
    assert listening == [10080, 8080, pod.METRICS_PORT, pod.READY_PORT]
    assert len({port["name"] for port in container["ports"]}) == len(listening)


def test_service_and_budget_select_the_pods() -> None:
    made = _made(_plan(_gateway()))
    labels = made["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        made["Service"]["spec"]["selector"],
        made["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        made["Deployment"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels.items()
    assert labels["sidecar.istio.io/inject"] == "false"


def test_the_pod_is_what_the_restricted_standard_allows() -> None:
    spec = _made(_plan(_gateway()))["Deployment"]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["command"] == ["python", "-m", "hauberk_gateway"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert told[pod.GATEWAY] == "edge"
    assert told[pod.WORKLOAD] == "edge-hauberk"


def test_settings_count() -> None:
    settings = ProxySettings(
        image="proxy:1",
        image_pull_secrets=("pull",),
        resources=Resources(requests={"cpu": "1m"}),
        gateways=GatewaySettings(
            service_type="ClusterIP",
            replicas=3,
            labels={"team": "edge"},
            annotations={"note": "x"},
            resources=Resources(requests={"cpu": "5m"}),
            priority_class="high",
        ),
    )
    made = _made(_plan(_gateway(), settings))
    assert made["Service"]["spec"]["type"] == "ClusterIP"
    assert made["Service"]["metadata"]["labels"]["team"] == "edge"
    assert made["Deployment"]["spec"]["replicas"] == 3
    template = made["Deployment"]["spec"]["template"]
    assert template["metadata"]["annotations"]["note"] == "x"
    assert template["spec"]["priorityClassName"] == "high"
    assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    (container,) = template["spec"]["containers"]
    assert (container["image"], container["resources"]) == ("proxy:1", {"requests": {"cpu": "5m"}})


def test_whoever_scales_the_deployment_is_not_overruled() -> None:
    assert "replicas" not in _made(_plan(_gateway()))["Deployment"]["spec"]


def test_infrastructure_is_on_every_object_and_wins_over_settings() -> None:
    more = """
  infrastructure:
    labels: {team: shop, app.kubernetes.io/managed-by: me}
    annotations: {example.com/pool: blue, hauberk.dev/proxy-image: "mine:1", networking.istio.io/service-type: NodePort}
"""
    made = _made(_plan(_gateway(more), ProxySettings(gateways=GatewaySettings(labels={"team": "edge"}))))
    template = made["Deployment"]["spec"]["template"]
    for one in (*made.values(), template):
        assert one["metadata"]["labels"]["team"] == "shop"
        assert one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "hauberk"
        assert one["metadata"]["annotations"]["example.com/pool"] == "blue"
    assert template["spec"]["containers"][0]["image"] == "mine:1"
    assert made["Service"]["spec"]["type"] == "NodePort"


def test_the_image_is_the_gateways_own_or_its_namespaces() -> None:
    def image(gateway: Gateway, annotations: dict[str, str]) -> object:
        planned = plan_gateway(
            gateway, list(gateway.spec.listeners), ProxySettings(image="ours:1"), lambda _s, _n: None, annotations
        )
        return _made(planned)["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]

    assert image(_gateway(), {}) == "ours:1"
    assert image(_gateway(), {"sidecar.istio.io/proxyImage": "theirs:1"}) == "theirs:1"
    own = _gateway("  infrastructure: {annotations: {hauberk.dev/proxy-image: 'own:1'}}\n")
    assert image(own, {"hauberk.dev/proxy-image": "theirs:1"}) == "own:1"


def test_an_address_is_asked_of_the_load_balancer() -> None:
    gateway = _gateway("  addresses: [{value: 10.97.200.1}]\n")
    assert _made(_plan(gateway))["Service"]["spec"]["loadBalancerIP"] == "10.97.200.1"
    of_cluster = ProxySettings(gateways=GatewaySettings(service_type="ClusterIP"))
    assert "loadBalancerIP" not in _made(_plan(gateway, of_cluster))["Service"]["spec"]


def test_nothing_is_made_for_a_gateway_of_somebodys_own_pods() -> None:
    plan = _plan(_gateway("  addresses: [{type: Hostname, value: ingress.istio-system.svc.cluster.local}]\n"))
    assert plan.objects == ()
    assert plan.trouble == ""
    assert plan.wanted.services == (("istio-system", "ingress"),)


LOOKS = "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: looks}}\n"


def test_parameters_change_each_object() -> None:
    entries = {
        "deployment": "spec: {template: {spec: {containers: [{name: hauberk-proxy, image: 'with-plugins:1'}]}}}",
        "service": "metadata: {labels: {app.kubernetes.io/managed-by: me, a: b}}\nspec: {externalTrafficPolicy: Local}",
        "horizontalPodAutoscaler": "spec: {minReplicas: 2, maxReplicas: 5}",
    }
    settings = ProxySettings(gateways=GatewaySettings(replicas=3))
    made = _made(_plan(_gateway(LOOKS), settings, entries))
    (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "with-plugins:1"
    assert container["command"] == ["python", "-m", "hauberk_gateway"]
    assert "replicas" not in made["Deployment"]["spec"]
    assert made["Service"]["spec"]["externalTrafficPolicy"] == "Local"
    assert made["Service"]["metadata"]["labels"] == {
        **made["Deployment"]["metadata"]["labels"],
        "a": "b",
        "app.kubernetes.io/managed-by": "hauberk",
    }
    scaler = made["HorizontalPodAutoscaler"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"], scaler["scaleTargetRef"]["name"]) == (2, 5, "edge-hauberk")


def test_parameters_cannot_make_an_object_somebody_elses() -> None:
    stolen = "kind: Secret\nmetadata: {name: other, namespace: kube-system, ownerReferences: []}"
    made = _made(_plan(_gateway(LOOKS), entries={"service": stolen}))
    assert "Secret" not in made
    metadata = made["Service"]["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("edge-hauberk", "shop")
    assert metadata["ownerReferences"]
    assert _made(_plan(_gateway(LOOKS), entries={"service": "metadata: null"}))["Service"]["metadata"]["name"] == "edge-hauberk"
    assert _made(_plan(_gateway(LOOKS), entries={"service": ""}))["Service"]["spec"]["ports"]


@pytest.mark.parametrize(
    ("more", "entries", "told"),
    [
        (LOOKS, None, "no ConfigMap shop/looks"),
        (LOOKS.replace("ConfigMap", "Secret"), {}, "only a ConfigMap"),
        (LOOKS, {"deploy": "{}"}, "'deploy'"),
        (LOOKS, {"deployment": "- a"}, "no object"),
        (LOOKS, {"deployment": "a: [1"}, "looks[deployment]:"),
    ],
)
def test_wrong_parameters_are_told_and_nothing_is_planned(more: str, entries: dict[str, str] | None, told: str) -> None:
    plan = _plan(_gateway(more), entries=entries)
    assert told in plan.trouble
    assert plan.objects == ()
