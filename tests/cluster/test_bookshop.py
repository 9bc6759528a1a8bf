"""The first hours with a mesh on Kubernetes, as Istio's "getting started" has them, with the bookshop."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Final

import kubectl
import pytest
from cluster_client import LOOK_UP_AGAIN, ask
from cluster_pods import STRICT
from cluster_shop import DEPLOYMENTS, gateway_address, image
from kubectl import Done
from laptop_mesh import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PATIENCE: Final = 180.0
ISTIO_SAMPLES: Final = "HAUBERK_ISTIO_SAMPLES"
FETCH: Final = f"""
{LOOK_UP_AGAIN}
for _ in range(int(sys.argv[1])):
    print(open_url(sys.argv[2]).read().decode())
"""


def _in_client(namespace: str, *command: str) -> Done:
    return kubectl.kubectl("exec", "-n", namespace, "client", "-c", "client", "--", "python", *command)


def test_every_pod_has_its_proxy(shop: str) -> None:
    pods = kubectl.kubectl("get", "pods", "-n", shop, "-l", "app", "-o", "json").objects()[0]["items"]
    assert len(pods) >= len(DEPLOYMENTS)
    for pod in pods:
        spec = pod["spec"]
        names = [container["name"] for container in [*spec.get("initContainers", ()), *spec["containers"]]]
        assert "hauberk-proxy" in names


def test_the_gateway_answers_from_outside(shop: str, outside: str) -> None:
    url = f"http://{gateway_address(shop)}/productpage"
    wait_until(lambda: ask(outside, url) == "200", f"an answer 200 of {url}", PATIENCE)


def test_istios_own_gateway_for_its_bookinfo_is_this_shops_as_well(shop: str, outside: str) -> None:
    samples = os.environ.get(ISTIO_SAMPLES, "")
    if not samples:
        pytest.skip(f"{ISTIO_SAMPLES} names no folder with Istio's samples")
    file = str(Path(samples) / "bookinfo" / "gateway-api" / "bookinfo-gateway.yaml")
    assert kubectl.kubectl("apply", "-n", shop, "-f", file).code == 0
    try:
        gateway = "gateway/bookinfo-gateway"
        done = kubectl.kubectl("wait", gateway, "-n", shop, "--for=condition=Programmed", f"--timeout={PATIENCE:.0f}s")
        assert done.code == 0, done.err
        assert kubectl.kubectl("get", "deployment/bookinfo-gateway-istio", "-n", shop).code == 0
        base = f"http://{gateway_address(shop, 'bookinfo-gateway')}"
        wait_until(lambda: ask(outside, f"{base}/productpage") == "200", "a page through Istio's gateway", PATIENCE)
        assert ask(outside, f"{base}/details/0") == "404"
    finally:
        kubectl.kubectl("delete", "-n", shop, "-f", file)


def test_strict_mutual_tls_resets_plaintext_and_lets_the_mesh_through(shop: str, outside: str) -> None:
    url = f"http://details.{shop}:9080/details/0"
    wait_until(lambda: ask(outside, url) == "200", "an answer to plaintext before STRICT", PATIENCE)
    kubectl.apply(shop, STRICT)
    try:
        wait_until(lambda: ask(outside, url) == "ConnectionResetError", "a reset of plaintext under STRICT", PATIENCE)
        assert ask(shop, url) == "200"
        assert ask(outside, f"http://{gateway_address(shop)}/productpage") == "200"
        _job_asks(shop, url)
        _nobody_was_restarted(shop)
    finally:
        kubectl.kubectl("delete", "peerauthentications.security.istio.io", "default", "-n", shop)


def _job_asks(shop: str, url: str) -> None:
    """A Job that fails unless it is answered, and whose proxy must end with it."""
    container = {"name": "ask", "image": image("hauberk-bookshop"), "command": ["python", "-c", FETCH, "1", url]}
    template = {"metadata": {"labels": {"job": "ask"}}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "ask"},
        "spec": {"backoffLimit": 0, "template": template},
    }
    kubectl.apply(shop, job)
    done = kubectl.kubectl("wait", "job/ask", "-n", shop, "--for=condition=Complete", f"--timeout={PATIENCE:.0f}s")
    assert done.code == 0, done.err


def _nobody_was_restarted(shop: str) -> None:
    """Probes went on passing."""
    pods = kubectl.kubectl("get", "pods", "-n", shop, "-l", "app", "-o", "json").objects()[0]["items"]
    for pod in pods:
        ready = {one["type"]: one["status"] for one in pod["status"]["conditions"]}
        assert ready["Ready"] == "True"
        assert all(status["restartCount"] == 0 for status in pod["status"]["containerStatuses"])


def _versions(namespace: str, requests: int) -> Counter[str]:
    """Which versions of reviews answer a meshed pod."""
    url = f"http://reviews.{namespace}:9080/reviews/0"
    done = _in_client(namespace, "-c", FETCH, str(requests), url)
    answers = [json.loads(line) for line in done.out.splitlines() if line.strip()]
    return Counter(answer["instance"].split("-")[1] for answer in answers)


def _route(*weights: tuple[str, int]) -> dict[str, object]:
    backends = [{"name": name, "port": 9080, "weight": weight} for name, weight in weights]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "reviews"},
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews", "port": 9080}],
            "rules": [{"backendRefs": backends}],
        },
    }


def test_weights_move(shop: str) -> None:
    try:
        kubectl.apply(shop, _route(("reviews-v1", 1)))
        wait_until(lambda: set(_versions(shop, 10)) == {"v1"}, "all requests at v1", PATIENCE)
        kubectl.apply(shop, _route(("reviews-v1", 50), ("reviews-v3", 50)))
        wait_until(lambda: set(_versions(shop, 30)) == {"v1", "v3"}, "shares of v1 and v3", PATIENCE)
        kubectl.apply(shop, _route(("reviews-v3", 1)))
        wait_until(lambda: set(_versions(shop, 10)) == {"v3"}, "all requests at v3", PATIENCE)
    finally:
        kubectl.kubectl("delete", "httproute", "reviews", "-n", shop)
