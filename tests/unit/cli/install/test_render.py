"""What an installation is made of."""

import json
import re
from typing import Any

import pytest

from hauberk_cli.install.reading import read_values
from hauberk_cli.install.render import manifests, render
from hauberk_cli.install.values import Values
from hauberk_control.proxy_settings import ProxySettings, read_settings
from hauberk_core import pod
from hauberk_core.resources.one_document import read_one_document


def _made(*settings: str, namespace: str = "hauberk-system") -> dict[tuple[str, str], Any]:
    found = manifests(read_values([], settings), namespace)
    return {(str(one["kind"]), one["metadata"]["name"]): one for one in found}


def test_equal_values_give_equal_octets() -> None:
    assert render(Values(), "hauberk-system") == render(read_values([("empty.yaml", b"{}")]), "hauberk-system")


def test_the_text_holds_the_manifests() -> None:
    _, *documents = render(Values(), "mesh").split("---\n")
    read = [read_one_document(text.encode(), "rendered") for text in documents]
    assert read[-len(manifests(Values(), "mesh")) :] == manifests(Values(), "mesh")
    assert [one["kind"] for one in read[:2]] == ["Namespace", "CustomResourceDefinition"]  # type: ignore[index]


def test_control_is_told_what_the_values_say_of_proxies() -> None:
    made = _made(
        "image.registry=registry.test/mesh", "image.tag='7'", "proxy.workers=2", "gateways.replicas=2", "inject.tags=[canary]"
    )
    settings = read_settings(made["ConfigMap", "hauberk-settings"]["data"]["settings.yaml"].encode(), "settings.yaml")
    assert settings.image == "registry.test/mesh/hauberk-proxy:7"
    assert settings.control == "hauberk-control.hauberk-system.svc"
    assert (settings.workers, settings.gateways.replicas, settings.inject.tags) == (2, 2, ("canary",))
    plain = _made()["ConfigMap", "hauberk-settings"]["data"]["settings.yaml"]
    assert read_settings(plain.encode(), "settings.yaml") == ProxySettings()


def test_proxies_run_another_image_where_the_values_name_one_and_the_nodes_agent_runs_ours() -> None:
    made = _made(
        "image.registry=registry.test/mesh", "image.tag='7'", "proxy.image=registry.test/team/proxy:3", "cni.enabled=true"
    )
    settings = read_settings(made["ConfigMap", "hauberk-settings"]["data"]["settings.yaml"].encode(), "settings.yaml")
    assert settings.image == "registry.test/team/proxy:3"
    [agent] = made["DaemonSet", "hauberk-cni"]["spec"]["template"]["spec"]["containers"]
    assert agent["image"] == "registry.test/mesh/hauberk-proxy:7"


def test_pods_are_replaced_when_their_settings_change() -> None:
    def digest(*settings: str) -> object:
        return _made(*settings)["Deployment", "hauberk-control"]["spec"]["template"]["metadata"]["annotations"][
            "hauberk.dev/settings"
        ]

    assert digest() == digest("control.replicas=3")
    assert digest() != digest("proxy.workers=3")


def test_a_second_revision_shares_no_name_with_the_first() -> None:
    assert not set(_made()) & set(_made("revision=next", "clusterWide=false"))


def test_only_the_default_revision_takes_those_who_name_none() -> None:
    assert ("MutatingWebhookConfiguration", "hauberk-injector-unnamed") in _made()
    assert ("MutatingWebhookConfiguration", "hauberk-injector-unnamed") not in _made("revision=next")
    assert ("MutatingWebhookConfiguration", "hauberk-injector-next") in _made("revision=next")


def test_system_namespaces_are_never_asked_about() -> None:
    webhooks = [hook for (kind, _), one in _made().items() if kind == "MutatingWebhookConfiguration" for hook in one["webhooks"]]
    assert len(webhooks) == 8
    assert len({hook["name"] for hook in webhooks}) == 8
    for hook in webhooks:
        *_, never = hook["namespaceSelector"]["matchExpressions"]
        assert never["operator"] == "NotIn"
        assert {"kube-system", "hauberk-system"} <= set(never["values"])


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("webhook.enabled=false", "MutatingWebhookConfiguration"),
        ("networkPolicy=false", "NetworkPolicy"),
        ("disruptionBudget=false", "PodDisruptionBudget"),
        ("clusterWide=false", "GatewayClass"),
    ],
)
def test_what_is_not_wanted_is_not_there(setting: str, kind: str) -> None:
    assert kind in {made for made, _ in _made()}
    assert kind not in {made for made, _ in _made(setting)}


def test_monitors_are_made_when_asked_for() -> None:
    assert {"ServiceMonitor", "PodMonitor"} & {kind for kind, _ in _made()} == set()
    made = _made("monitoring.serviceMonitor=true", "monitoring.podMonitor=true", "monitoring.labels={release: prometheus}")
    assert made["ServiceMonitor", "hauberk-control"]["metadata"]["labels"]["release"] == "prometheus"
    assert made["PodMonitor", "hauberk-control"]["spec"]["namespaceSelector"] == {"any": True}


def test_monitors_choose_what_there_is() -> None:
    made = _made("monitoring.serviceMonitor=true", "monitoring.podMonitor=true")
    monitor, service = made["ServiceMonitor", "hauberk-control"]["spec"], made["Service", "hauberk-control"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports[monitor["endpoints"][0]["port"]] == pod.CONTROL_METRICS_PORT
    (endpoint,) = made["PodMonitor", "hauberk-control"]["spec"]["podMetricsEndpoints"]
    keep, six, four, job = endpoint["relabelings"]
    assert (keep["action"], keep["regex"]) == ("keep", pod.PROXY_CONTAINER)
    for rule, address, scraped in ((four, "10.1.2.3", "10.1.2.3:15020"), (six, "fd00::1", "[fd00::1]:15020")):
        found = re.fullmatch(rule["regex"], address)
        assert found is not None
        assert rule["replacement"].replace("$1", found[1]) == scraped
    assert job["replacement"] == "hauberk-proxy"


def test_dashboards_and_alerts_are_made_when_asked_for() -> None:
    assert not [name for kind, name in _made() if kind == "PrometheusRule" or "dashboard" in name]
    made = _made("monitoring.dashboards=true", "monitoring.alerts=true", "monitoring.dashboardLabels={board: mesh}")
    (group,) = made["PrometheusRule", "hauberk-control"]["spec"]["groups"]
    assert len(group["rules"]) > 10
    pages = [manifest for (_, name), manifest in made.items() if name.startswith("hauberk-dashboard-")]
    assert len(pages) == 5
    for page in pages:
        assert page["metadata"]["labels"]["board"] == "mesh"
        (text,) = page["data"].values()
        assert json.loads(text)["panels"]


def test_the_nodes_part_in_capture_is_kept_out_of_controls_namespace() -> None:
    assert "DaemonSet" not in {kind for kind, _ in _made()}
    made = _made("cni.enabled=true", "cni.configurationFolder=/var/cni")
    agents = made["DaemonSet", "hauberk-cni"]
    assert agents["metadata"]["namespace"] == "kube-system"
    spec = agents["spec"]["template"]["spec"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"]}
    assert paths["configuration"] == "/var/cni"
    assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == set(paths)
    assert made["ClusterRole", "hauberk-cni"]["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    (own,) = made["Role", "hauberk-cni"]["rules"]
    assert (own["resources"], own["resourceNames"], own["verbs"]) == (["daemonsets"], ["hauberk-cni"], ["get"])


def test_control_is_what_the_restricted_standard_allows() -> None:
    spec = _made()["Deployment", "hauberk-control"]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_control_may_write_nothing_that_users_write() -> None:
    rules = _made()["ClusterRole", "hauberk-control"]["rules"]
    for rule in rules:
        assert "*" not in rule["verbs"]
        assert "*" not in rule["apiGroups"]
        if {"gateway.networking.k8s.io", "hauberk.dev"} & set(rule["apiGroups"]) and {"patch", "update", "create"} & set(
            rule["verbs"]
        ):
            assert rule["resources"] == ["*/status"]
        if "secrets" in rule["resources"]:
            assert set(rule["verbs"]) == {"get", "list", "watch"}
