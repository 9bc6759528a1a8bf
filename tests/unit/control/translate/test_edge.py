"""Whom a Gateway believes about its clients, and how paths are normalised in a mesh."""

import msgspec
import pytest
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.kubernetes.follow import Event
from hauberk_control.sources.known import KnownObjects
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import FilterChain
from hauberk_core.model.edge import Edge
from hauberk_core.resources import ConfigMap
from hauberk_core.resources.read import read_file

SHOP = service("shop", 80) + workload("shop-v1", 20001, app="shop")


def gateway(annotations: str = "", name: str = "web", infrastructure: str = "") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, annotations: {{{annotations}}}}}
spec:
  gatewayClassName: hauberk
  {infrastructure}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
"""


def mesh(text: str, namespace: str = "istio-system") -> str:
    lines = "".join([f"\n    {line}" for line in text.splitlines()])
    return f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: {namespace}}}\ndata:\n  mesh: |{lines}\n"


def told(*texts: str) -> Translation:
    translation = translate(store_of(SHOP, *texts), gateway_node(ports={}))
    check_whole(translation.snapshot, "")
    return translation


def chain_of(translation: Translation) -> FilterChain:
    [listener] = translation.snapshot.listeners.values()
    [chain] = listener.filter_chains
    return chain


@pytest.mark.parametrize(
    ("annotations", "edge"),
    [
        ("", Edge()),
        ("hauberk.dev/trusted-hops: '2'", Edge(trusted_hops=2)),
        ("hauberk.dev/trusted-proxies: '10.0.0.0/8, 192.0.2.1'", Edge(trusted_proxies=("10.0.0.0/8", "192.0.2.1/32"))),
        ('proxy.istio.io/config: \'{"gatewayTopology": {"numTrustedProxies": 3}, "concurrency": 2}\'', Edge(trusted_hops=3)),
        ("proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: 3}', hauberk.dev/trusted-hops: '0'", Edge()),
        (
            "hauberk.dev/trusted-hops: '1', hauberk.dev/client-address-field: Forwarded, hauberk.dev/forwarded: append",
            Edge(trusted_hops=1, address_field="forwarded", forwarded="append"),
        ),
    ],
)
def test_a_gateway_says_whom_it_believes(annotations: str, edge: Edge) -> None:
    translation = told(gateway(annotations))
    assert translation.problems == ()
    assert chain_of(translation).edge == edge


def test_istio_puts_it_on_the_gateways_pods() -> None:
    infrastructure = "infrastructure: {annotations: {proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: 1}'}}"
    assert chain_of(told(gateway(infrastructure=infrastructure))).edge == Edge(trusted_hops=1)


@pytest.mark.parametrize(
    ("annotations", "place", "said"),
    [
        ("hauberk.dev/trusted-hops: two", "trusted-hops", "two"),
        ("hauberk.dev/trusted-hops: '33'", "trusted-hops", "33"),
        ("hauberk.dev/trusted-proxies: everybody", "trusted-proxies", "everybody"),
        ("hauberk.dev/client-address-field: X-Real-IP", "client-address-field", "X-Real-IP"),
        ("hauberk.dev/forwarded: keep", "forwarded", "keep"),
        ("proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: many}'", "proxy.istio.io/config", "int"),
        ("proxy.istio.io/config: '[}'", "proxy.istio.io/config", "line 1"),
    ],
)
def test_of_what_is_wrong_nobody_is_believed(annotations: str, place: str, said: str) -> None:
    translation = told(gateway(annotations))
    [problem] = translation.problems
    assert place in problem.path
    assert said in problem.message
    assert problem.hint
    assert chain_of(translation).edge == Edge()


def test_addresses_go_before_numbers() -> None:
    translation = told(gateway("hauberk.dev/trusted-hops: '2', hauberk.dev/trusted-proxies: 10.0.0.0/8"))
    assert [problem.severity for problem in translation.problems] == ["warning"]
    assert chain_of(translation).edge == Edge(trusted_proxies=("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (None, "base"),
        ("", "base"),
        ("enableTracing: true", "base"),
        ("pathNormalization: {normalization: DEFAULT}", "base"),
        ("pathNormalization: {normalization: NONE}", "none"),
        ("pathNormalization: {normalization: MERGE_SLASHES}", "merge_slashes"),
        ("pathNormalization:\n  normalization: DECODE_AND_MERGE_SLASHES", "decode_and_merge_slashes"),
    ],
)
def test_the_mesh_says_how_paths_are_normalised(text: str | None, mode: str) -> None:
    texts = [] if text is None else [mesh(text)]
    assert chain_of(told(gateway(), *texts)).path_normalization == mode
    sidecar = translate(store_of(SHOP, *texts), sidecar_node(http_proxy_port=15099))
    modes = {chain.path_normalization for one in sidecar.snapshot.listeners.values() for chain in one.filter_chains}
    assert modes == {mode}


def test_the_mesh_says_how_many_proxies_stand_before_gateways() -> None:
    text = mesh("defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}")
    assert chain_of(told(gateway(), text)).edge == Edge(trusted_hops=1)
    assert chain_of(told(gateway("hauberk.dev/trusted-hops: '0'"), text)).edge == Edge()
    own = mesh("defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}", "hauberk-system")
    assert chain_of(told(gateway(), text, own)).edge == Edge(trusted_hops=2)


@pytest.mark.parametrize("text", ["pathNormalization: {normalization: ALL}", "- a", "a: [", "defaultConfig: 1"])
def test_a_wrong_mesh_configuration_leaves_the_last_right_one_in_force(text: str) -> None:
    read = read_file(mesh(text).encode(), "mesh.yaml")
    assert [(error.path, error.severity) for error in read.errors] == [("data.mesh", "error")]
    assert read.objects == ()

    in_cluster = KnownObjects(ConfigMap, "v1", keep_status=False)
    for version, entry in enumerate(["pathNormalization: {normalization: MERGE_SLASHES}", text]):
        metadata = {"name": "istio", "namespace": "istio-system", "resourceVersion": str(version)}
        data = msgspec.json.encode({"metadata": metadata, "data": {"mesh": entry}})
        in_cluster.apply([Event(False, in_cluster.decode(data))])
    [known] = in_cluster.all()
    assert known.refused
    assert known.errors[0].path == "data.mesh"
    assert known.object is not None
    store = store_of(SHOP, gateway()).with_changes({known.key: known.object})
    assert chain_of(translate(store, gateway_node(ports={}))).path_normalization == "merge_slashes"


def test_other_texts_of_that_name_are_nobodys_configuration() -> None:
    assert read_file(mesh("a: [", "shop").encode(), "mesh.yaml").errors == ()


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("UNDEFINED", "sanitize_set"),
        ("SANITIZE", "sanitize"),
        ("FORWARD_ONLY", "forward_only"),
        ("APPEND_FORWARD", "append_forward"),
        ("SANITIZE_SET", "sanitize_set"),
        ("ALWAYS_FORWARD_ONLY", "always_forward_only"),
    ],
)
def test_what_becomes_of_clients_certificates(said: str, mode: str) -> None:
    own = gateway(f"proxy.istio.io/config: 'gatewayTopology: {{forwardClientCertDetails: {said}}}'")
    assert chain_of(told(own)).client_certificate == mode
    text = mesh(f"defaultConfig: {{gatewayTopology: {{forwardClientCertDetails: {said}}}}}")
    assert chain_of(told(gateway(), text)).client_certificate == mode


def test_a_sidecar_tells_its_workload_who_calls_and_takes_nobodys_word() -> None:
    node = sidecar_node(http_proxy_port=15099, inbound={80: (20101, 20001)})
    listeners = translate(store_of(SHOP), node).snapshot.listeners
    assert {name: listener.filter_chains[0].client_certificate for name, listener in listeners.items()} == {
        "http-proxy": "sanitize",
        "inbound|80||": "append_forward",
    }
