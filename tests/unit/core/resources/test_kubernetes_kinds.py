"""Kubernetes' own kinds are read as far as a mesh needs them, whatever else they say."""

import base64

from hauberk_core.resources import ConfigMap, Node, Pod
from hauberk_core.resources.read import read_file

POD = """
apiVersion: v1
kind: Pod
metadata: {name: reviews-1, namespace: books, ownerReferences: [{kind: ReplicaSet, name: reviews}]}
spec:
  priority: 0
  nodeName: n1
  %s
  containers:
  - name: reviews
    image: reviews:1
    ports: [{name: http, containerPort: 9080, hostPort: 1}]
status:
  phase: %s
  qosClass: Burstable
  podIP: 10.1.2.3
  podIPs: [{ip: 10.1.2.3}, {ip: "fd00::3"}]
"""


def read(text: str) -> object:
    found = read_file(text.encode(), "x.yaml")
    assert found.errors == ()
    return found.objects[0].value


def test_a_pod() -> None:
    pod = read(POD % ("serviceAccountName: reviews", "Running"))
    assert isinstance(pod, Pod)
    assert (pod.service_account(), pod.addresses(), pod.has_ended()) == ("reviews", ("10.1.2.3", "fd00::3"), False)
    assert pod.spec.containers[0].ports[0].container_port == 9080


def test_a_pod_without_account_and_address_that_has_ended() -> None:
    text = POD % ("hostNetwork: true", "Succeeded")
    pod = read(text[: text.index("  podIP")])
    assert isinstance(pod, Pod)
    assert (pod.service_account(), pod.addresses(), pod.has_ended()) == ("default", (), True)


def test_what_is_read_of_a_pod_must_be_right() -> None:
    found = read_file((POD % ("hostNetwork: perhaps", "Running")).encode(), "x.yaml")
    assert [error.path for error in found.errors] == ["spec.hostNetwork"]


def test_a_node() -> None:
    labels = "{topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1}"
    node = read(f"apiVersion: v1\nkind: Node\nmetadata: {{name: n1, labels: {labels}}}\nspec: {{podCIDR: 10.1.0.0/16}}\n")
    assert isinstance(node, Node)
    assert node.locality() == "eu/eu-1"


def test_a_config_map() -> None:
    folded = base64.b64encode(b"\x00\xff").decode()
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca}}\ndata: {{ca.crt: pem}}\nbinaryData: {{raw: {folded}}}\n"
    found = read(text)
    assert isinstance(found, ConfigMap)
    assert (found.entry("ca.crt"), found.entry("raw"), found.entry("none")) == (b"pem", b"\x00\xff", None)
