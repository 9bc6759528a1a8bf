"""A stranger's plugin in a cluster: the example, in an image derived from ours, and the page that tells of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubectl
import pytest
from cluster_page import run, type_in, write_files
from cluster_shop import image
from laptop_mesh import wait_until
from page_reader import ROOT, commands_of

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PAGE: Final = "docs/how-to/plugins-on-kubernetes.md"
(LACKING, CHOOSE, ASK, OTHER_VERSION) = commands_of(PAGE)
SHOWN: Final = (ROOT / PAGE).read_text()
PLUGIN: Final = "example-ask"
DERIVED: Final = image("hauberk-proxy-example-ask")
PATIENCE: Final = 180.0


@pytest.fixture
def desk() -> Iterator[None]:
    """The namespace that the page makes."""
    yield
    kubectl.kubectl("delete", "namespace", "desk", "--ignore-not-found", "--wait=false")


def test_the_page_does_what_it_says(installed: str, desk: None, tmp_path: Path) -> None:
    write_files(SHOWN, tmp_path)
    lacking = type_in(LACKING, tmp_path)
    assert f"```text\n{lacking.splitlines()[-1]}\n```" in SHOWN
    # A Gateway is programmed before every node has learnt of its pods.
    wait_until(lambda: refused_by_gateway(tmp_path), "the gateway to refuse what the plugin guards", PATIENCE)
    type_in(CHOOSE, tmp_path)
    # Proxies without the plugin answer until their pods are gone.
    wait_until(lambda: f"```text\n{type_in(ASK, tmp_path)}```" in SHOWN, "the answers that the page shows", PATIENCE)
    other = type_in(OTHER_VERSION, tmp_path)
    assert f"```text\n{other.splitlines()[-1]}\n```" in SHOWN
    wait_until(lambda: refused_by_gateway(tmp_path), "the gateway to refuse what the plugin guards", PATIENCE)


def refused_by_gateway(folder: Path) -> bool:
    """Whether requests that the missing plugin should see are answered as its failure mode says, and with the reason."""
    address, *_ = ASK.splitlines()
    done = run("bash", "-ec", f"{address}\ncurl -s -i http://$address/details/0", folder=folder)
    return " 503 " in done.out.partition("\n")[0] and "\nhauberk-reason: plugin_failed" in done.out.lower()


POLICY: Final = """
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: ask}
spec:
  targetRefs: [{group: "", kind: Service, name: books}]
  plugin: example-ask
  phase: authz
  failure: open
  config: {url: "http://127.0.0.1:9/nobody"}
"""
PARAMETERS: Final = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: with-plugins}}
data:
  deployment: |
    spec: {{template: {{spec: {{containers: [{{name: hauberk-proxy, image: {DERIVED}}}]}}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: books}}
spec:
  gatewayClassName: hauberk
  infrastructure: {{parametersRef: {{group: "", kind: ConfigMap, name: with-plugins}}}}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: v1
kind: Service
metadata: {{name: books}}
spec:
  selector: {{app: books}}
  ports: [{{name: http, port: 9080}}]
"""


def books(version: str, annotations: dict[str, str]) -> dict[str, Any]:
    """A meshed pod that serves details of books."""
    container = {
        "name": "books",
        "image": image("hauberk-bookshop"),
        "args": ["details", "--host", "0.0.0.0", "--port", "9080"],
    }
    metadata = {"name": f"books-{version}", "labels": {"app": "books"}, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def proxy_images(namespace: str) -> dict[str, str]:
    """The image of each pod's proxy, by the pod's name."""
    pods = kubectl.kubectl("get", "pods", "-n", namespace, "-o", "json").objects()[0]["items"]
    return {
        pod["metadata"]["name"]: container["image"]
        for pod in pods
        for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
        if container["name"] == "hauberk-proxy"
    }


def message(namespace: str) -> str:
    """What the policy's status says of its plugin at proxies."""
    path = 'jsonpath={.status.conditions[?(@.type=="hauberk.dev/Programmed")].message}'
    return kubectl.kubectl("get", "pluginpolicy/ask", "-n", namespace, "-o", path).out


def test_pods_and_gateways_choose_their_images_and_a_policy_names_who_lacks_the_plugin(installed: str) -> None:
    with kubectl.namespace({"istio-injection": "enabled"}) as namespace:
        assert kubectl.apply_text(PARAMETERS, namespace).code == 0
        pods = [books("plain", {}), books("asking", {"hauberk.dev/proxy-image": DERIVED})]
        assert kubectl.kubectl("apply", "-n", namespace, "-f", "-", given=pods).code == 0
        assert kubectl.apply_text(POLICY, namespace).code == 0
        done = kubectl.kubectl("wait", "pod", "--all", "-n", namespace, "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s")
        assert done.code == 0, done.err
        wait_until(lambda: len(proxy_images(namespace)) == 3, "two pods and the Gateway's", PATIENCE)
        chosen = proxy_images(namespace)
        assert (chosen.pop("books-plain"), chosen.pop("books-asking")) == (image("hauberk-proxy"), DERIVED)
        assert list(chosen.values()) == [DERIVED]
        expected = (
            f"the plugin {PLUGIN!r} is not installed at sidecar {namespace}/books-plain; its requests there go on without it"
        )
        wait_until(lambda: message(namespace).startswith(expected), "the name of the pod that lacks the plugin", PATIENCE)
