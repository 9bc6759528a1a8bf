"""For any pod: the patch applies, a second pass patches nothing, and the pod's own containers are as they were but for probes."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_patch import apply_patch

from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster, Injected, cluster_of_version, inject
from hauberk_control.inject.pod_view import PodMalformed, view_pod, workload_of
from hauberk_control.inject.wishes import InjectionRefused
from hauberk_control.proxy_settings import ProxySettings

SHOP = Namespace("shop", {"istio-injection": "enabled"}, {})
PORTS = st.sampled_from((80, 8080, "web", "none"))
PROBES = st.one_of(
    st.fixed_dictionaries(
        {"httpGet": st.fixed_dictionaries({"port": PORTS}, optional={"path": st.just("/"), "host": st.just("h")})}
    ),
    st.fixed_dictionaries({"tcpSocket": st.fixed_dictionaries({"port": PORTS}), "timeoutSeconds": st.just(3)}),
    st.just({"grpc": {"port": 9}}),
    st.just({"exec": {"command": ["true"]}}),
    st.just({}),
    st.none(),
)
CONTAINERS = st.fixed_dictionaries(
    {"image": st.just("i")},
    optional={
        "livenessProbe": PROBES,
        "readinessProbe": PROBES,
        "startupProbe": PROBES,
        "ports": st.just([{"containerPort": 80, "name": "web"}]) | st.none(),
        "env": st.just([{"name": "A", "value": "1"}]) | st.none(),
        "securityContext": st.just({"runAsUser": 1337}) | st.none(),
        "restartPolicy": st.just("Always"),
    },
)
NAMES = ["a", "b", "c", "hauberk-proxy", "d"]
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "sidecar.istio.io/interceptionMode": st.sampled_from(("NONE", "REDIRECT", "TPROXY")),
        "sidecar.istio.io/nativeSidecar": st.sampled_from(("true", "false")),
        "proxy.istio.io/config": st.sampled_from(("holdApplicationUntilProxyStarts: false", "concurrency: 0", "")),
        "prometheus.io/scrape": st.sampled_from(("true", "false", "")),
        "prometheus.io/port": st.just("9"),
    },
)


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    names: list[str] = draw(st.permutations(NAMES))
    ordinary = draw(st.lists(CONTAINERS, min_size=1, max_size=3))
    first = draw(st.lists(CONTAINERS, max_size=3))
    named = [{"name": name, **container} for name, container in zip(names, [*ordinary, *first], strict=False)]
    spec: dict[str, Any] = {"containers": named[: len(ordinary)]}
    if first:
        spec["initContainers"] = named[len(ordinary) :]
    spec |= draw(st.fixed_dictionaries({}, optional={"volumes": st.none() | st.just([{"name": "v", "emptyDir": {}}])}))
    metadata = draw(st.fixed_dictionaries({}, optional={"annotations": ANNOTATIONS | st.none(), "name": st.just("p")}))
    return {"metadata": metadata, "spec": spec} if metadata else {"spec": spec}


@settings(max_examples=50)
@given(pods(), st.booleans())
def test_any_pod(pod: dict[str, Any], native: bool) -> None:
    untouched = copy.deepcopy(pod)
    result = inject(pod, SHOP, ProxySettings(), Cluster(native))
    assert pod == untouched
    assert isinstance(result, Injected)
    after = apply_patch(pod, msgspec.to_builtins(result.patch))
    again = inject(after, SHOP, ProxySettings(), Cluster(native))
    assert isinstance(again, Injected)
    assert again.patch == []
    assert others(after) == others(pod)
    names = [each["name"] for each in [*(after["spec"].get("initContainers") or ()), *after["spec"]["containers"]]]
    assert names.count("hauberk-proxy") == 1
    assert len(names) == len(set(names))


def others(pod: dict[str, Any]) -> list[dict[str, Any]]:
    everything = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    own = [each for each in everything if each["name"] not in {"hauberk-proxy", "hauberk-init"}]
    return [{key: value for key, value in each.items() if not key.endswith("Probe")} for each in own]


@pytest.mark.parametrize(
    ("version", "native"),
    [(("1", "28"), False), (("1", "29"), True), (("1", "34+"), True), (("2", "0"), True), (("", "x"), False)],
)
def test_native_sidecars_by_version(version: tuple[str, str], native: bool) -> None:
    assert cluster_of_version(*version).native_sidecars is native


def test_a_wrong_image_of_the_namespace_is_told_and_ours_is_taken() -> None:
    own = SHOP._replace(annotations={"hauberk.dev/proxy-image": "two words"})
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "c:1"}]}}
    result = inject(pod, own, ProxySettings(image="ours:1"), Cluster())
    assert isinstance(result, Injected)
    [warning] = result.warnings
    assert warning.startswith(
        "annotation hauberk.dev/proxy-image of namespace shop has no effect: 'two words' is no image's name"
    )
    after = apply_patch(pod, msgspec.to_builtins(result.patch))
    [proxy] = [each for each in after["spec"]["initContainers"] if each["name"] == "hauberk-proxy"]
    assert proxy["image"] == "ours:1"


@pytest.mark.parametrize(
    ("ports", "annotations", "told"),
    [
        ([{"containerPort": 15020}, {"containerPort": 8080}], {}, [15020]),
        ([{"containerPort": 15006}, {"containerPort": 15000, "protocol": "TCP"}], {}, [15006, 15000]),
        ([{"containerPort": 15001, "protocol": "UDP"}], {}, []),
        # Without capture nothing is led to the proxy's two ports for it.
        ([{"containerPort": 15006}], {"sidecar.istio.io/interceptionMode": "NONE"}, []),
    ],
)
def test_ports_that_are_the_proxys_are_told(ports: list[Any], annotations: dict[str, str], told: list[int]) -> None:
    pod = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "web", "ports": ports}]}}
    result = inject(pod, SHOP, ProxySettings(image="p"), Cluster(native_sidecars=True))
    assert isinstance(result, Injected)
    assert result.warnings == [f"container web has the port {port}, on which the proxy listens: choose another" for port in told]


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"spec": []},
        {"spec": {"containers": None}},
        {"spec": {"containers": [{}]}},
        {"metadata": 1, "spec": {"containers": []}},
    ],
)
def test_no_pod(pod: dict[str, Any]) -> None:
    with pytest.raises(PodMalformed):
        inject(pod, SHOP, ProxySettings(), Cluster())


@pytest.mark.parametrize(
    ("kind", "owner", "workload"),
    [
        ("ReplicaSet", "web-5d9f", "web"),
        ("ReplicaSet", "web-other", "web-other"),
        ("Job", "report-29381700", "report"),
        ("Job", "report-1", "report-1"),
        ("StatefulSet", "db", "db"),
    ],
)
def test_the_workload_is_what_made_the_pod(kind: str, owner: str, workload: str) -> None:
    references = [{"kind": "Other", "name": "x"}, {"kind": kind, "name": owner, "controller": True}]
    metadata = {"generateName": "p-", "labels": {"pod-template-hash": "5d9f"}, "ownerReferences": references}
    assert workload_of(view_pod({"metadata": metadata, "spec": {"containers": []}})) == workload


def test_a_pod_without_owner_is_its_own_workload() -> None:
    assert workload_of(view_pod({"metadata": {"generateName": "p-"}, "spec": {"containers": []}})) == "p"
    assert workload_of(view_pod({"spec": {"containers": []}})) == "unknown"


def test_a_gateway_that_does_not_say_which_is_found_by_its_service() -> None:
    annotations = {"inject.istio.io/templates": "gateway"}
    pod: dict[str, Any] = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "a"}]}}
    injected = inject(pod, SHOP, ProxySettings(), Cluster())
    assert isinstance(injected, Injected)
    pod = apply_patch(pod, msgspec.to_builtins(injected.patch))
    (proxy,) = [one for one in pod["spec"]["containers"] if one["name"] == "hauberk-proxy"]
    assert proxy["command"] == ["python", "-m", "hauberk_gateway"]
    assert {"name": "HAUBERK_GATEWAY", "value": ""} in proxy["env"]


def test_an_image_that_is_chosen_here_is_fetched_as_the_settings_say() -> None:
    container = {"name": "istio-proxy", "image": "auto", "imagePullPolicy": "Always"}
    pod: dict[str, Any] = {
        "metadata": {"annotations": {"inject.istio.io/templates": "gateway"}},
        "spec": {"containers": [container]},
    }
    for image, policy in (("auto", "IfNotPresent"), ("mine:1", "Always")):
        container["image"] = image
        pod["spec"]["containers"][0]["name"] = "istio-proxy" if image == "auto" else "hauberk-proxy"
        injected = inject(pod, SHOP, ProxySettings(), Cluster())
        assert isinstance(injected, Injected)
        (proxy,) = apply_patch(pod, msgspec.to_builtins(injected.patch))["spec"]["containers"]
        assert proxy["imagePullPolicy"] == policy


def test_a_container_with_the_name_of_ours() -> None:
    with pytest.raises(InjectionRefused, match="rename the container"):
        inject({"spec": {"containers": [{"name": "hauberk-init"}]}}, SHOP, ProxySettings(), Cluster())


@pytest.mark.parametrize(
    ("dns", "told"),
    [
        ({}, 0),
        ({"dnsPolicy": "ClusterFirst"}, 0),
        ({"dnsPolicy": "Default"}, 1),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"]}}, 1),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"], "searches": ["cluster.local"]}}, 0),
    ],
)
def test_a_pod_whose_names_are_not_the_clusters_is_told(dns: dict[str, Any], told: int) -> None:
    result = inject(
        {"spec": {"containers": [{"name": "web"}], **dns}}, SHOP, ProxySettings(image="p"), Cluster(native_sidecars=True)
    )
    assert isinstance(result, Injected)
    assert len([warning for warning in result.warnings if "dnsConfig.searches" in warning]) == told
    # The API server may cut what is longer.
    assert all(len(f"hauberk: {warning}") <= 256 for warning in result.warnings)
