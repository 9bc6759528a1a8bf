"""The first hours with a mesh on Kubernetes, as Istio's "getting started" has them, with the bookshop."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kubectl
import pytest
from cluster_shop import DEPLOYMENTS, client_pod, gateway_address, image, made_shop
from kubectl import Done
from laptop_mesh import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PATIENCE: Final = 180.0
STRICT: Final = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default"},
    "spec": {"mtls": {"mode": "STRICT"}},
}
# Prints the status of each answer, or what became of the connection, one a line.
ASK: Final = """
import sys, urllib.error, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=10).status)
    except urllib.error.HTTPError as error:
        print(error.code)
    except OSError as error:
        print(type(getattr(error, "reason", error)).__name__)
"""
FETCH: Final = """
import sys, urllib.request
for _ in range(int(sys.argv[1])):
    print(urllib.request.urlopen(sys.argv[2], timeout=10).read().decode())
"""


@pytest.fixture(scope="module")
def shop(installed: str, repository: Path) -> Iterator[str]:
    """A namespace with the bookshop in it, meshed, and its gateway."""
    with made_shop(repository) as namespace:
        yield namespace


def _in_client(namespace: str, *command: str) -> Done:
    return kubectl.kubectl("exec", "-n", namespace, "client", "-c", "client", "--", "python", *command)


def _ask(namespace: str, url: str) -> str:
    """The status of the answer, or the name of what went wrong."""
    return _in_client(namespace, "-c", ASK, url).out.strip()


def test_every_pod_has_its_proxy(shop: str) -> None:
    pods = kubectl.kubectl("get", "pods", "-n", shop, "-l", "app", "-o", "json").objects()[0]["items"]
    assert len(pods) >= len(DEPLOYMENTS)
    for pod in pods:
        spec = pod["spec"]
        names = [container["name"] for container in [*spec.get("initContainers", ()), *spec["containers"]]]
        assert "hauberk-proxy" in names


def test_the_gateway_is_programmed_and_answers_from_outside(shop: str, outside: str) -> None:
    done = kubectl.kubectl("wait", "gateway/bookshop", "-n", shop, "--for=condition=Programmed", f"--timeout={PATIENCE:.0f}s")
    assert done.code == 0, done.err
    url = f"http://{gateway_address(shop)}/productpage"
    wait_until(lambda: _ask(outside, url) == "200", f"an answer 200 of {url}", PATIENCE)


def test_strict_mutual_tls_resets_plaintext_and_lets_the_mesh_through(shop: str, outside: str) -> None:
    url = f"http://details.{shop}:9080/details/0"
    wait_until(lambda: _ask(outside, url) == "200", "an answer to plaintext before STRICT", PATIENCE)
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=STRICT).code == 0
    wait_until(lambda: _ask(outside, url) == "ConnectionResetError", "a reset of plaintext under STRICT", PATIENCE)
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=client_pod()).code == 0
    assert kubectl.kubectl("wait", "pod/client", "-n", shop, "--for=condition=Ready", "--timeout=120s").code == 0
    wait_until(lambda: _ask(shop, url) == "200", "an answer to a meshed pod", PATIENCE)
    page = f"http://{gateway_address(shop)}/productpage"
    assert _ask(outside, page) == "200"


def test_probes_pass_under_strict(shop: str) -> None:
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


def test_weights_move(shop: str, outside: str) -> None:
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=_route(("reviews-v1", 1))).code == 0
    wait_until(lambda: set(_versions(shop, 10)) == {"v1"}, "all requests at v1", PATIENCE)
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=_route(("reviews-v1", 50), ("reviews-v3", 50))).code == 0
    wait_until(lambda: set(_versions(shop, 30)) == {"v1", "v3"}, "shares of v1 and v3", PATIENCE)
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=_route(("reviews-v3", 1))).code == 0
    wait_until(lambda: set(_versions(shop, 10)) == {"v3"}, "all requests at v3", PATIENCE)


def test_a_job_completes(shop: str) -> None:
    url = f"http://details.{shop}:9080/details/0"
    container = {"name": "ask", "image": image("hauberk-bookshop"), "command": ["python", "-c", FETCH, "1", url]}
    template = {"metadata": {"labels": {"job": "ask"}}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "ask"},
        "spec": {"backoffLimit": 2, "template": template},
    }
    assert kubectl.kubectl("apply", "-n", shop, "-f", "-", given=job).code == 0
    done = kubectl.kubectl("wait", "job/ask", "-n", shop, "--for=condition=Complete", f"--timeout={PATIENCE:.0f}s")
    assert done.code == 0, done.err
