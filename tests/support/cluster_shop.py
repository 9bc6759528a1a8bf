"""The bookshop in a cluster, meshed, for tests."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import kubectl
from laptop_mesh import wait_until

DEPLOYMENTS: Final = ("productpage-v1", "details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
_ROLLOUT: Final = "--timeout=240s"
_INJECTED_SECONDS: Final = 180.0


def image(name: str) -> str:
    """The image that `make e2e` says is to be tested."""
    registry, tag = os.environ.get("HAUBERK_IMAGE_REGISTRY", "localhost"), os.environ.get("HAUBERK_IMAGE_TAG", "dev")
    return f"{registry}/{name}:{tag}"


def client_pod() -> dict[str, object]:
    """A pod that asks what it is told to ask."""
    container = {
        "name": "client",
        "image": image("hauberk-bookshop"),
        "command": ["sleep", "infinity"],
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"runAsUser": 1000},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def wait_injected(namespace: str, revision: str = "default") -> None:
    """Return when pods of a namespace would get their proxy: the API server takes a moment to hear of a webhook."""
    wait_until(lambda: _injected_by(namespace) == revision, f"a pod with a sidecar of revision {revision}", _INJECTED_SECONDS)


def _injected_by(namespace: str) -> str:
    """The revision that a pod made now would get its proxy of; empty: it would get none, or not be made."""
    tried = kubectl.kubectl("create", "--dry-run=server", "-o", "json", "-n", namespace, "-f", "-", given=client_pod())
    if tried.code != 0:
        return ""
    annotations = tried.objects()[0]["metadata"].get("annotations", {})
    return str(json.loads(annotations.get("hauberk.dev/status", "{}")).get("revision", ""))


@contextlib.contextmanager
def made_shop(repository: Path) -> Iterator[str]:
    """A namespace with the bookshop in it, meshed, and its gateway."""
    with kubectl.namespace({"istio-injection": "enabled"}) as namespace:
        for name in ("bookshop.yaml", "bookshop-gateway.yaml"):
            text = (repository / "deploy" / "samples" / name).read_text()
            done = kubectl.apply_text(text.replace("localhost/hauberk-bookshop:dev", image("hauberk-bookshop")), namespace)
            assert done.code == 0, done.err
        wait_rolled_out(namespace, DEPLOYMENTS)
        yield namespace


def wait_rolled_out(namespace: str, deployments: Sequence[str]) -> None:
    """Return when all pods are new and ready."""
    for name in deployments:
        done = kubectl.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, _ROLLOUT)
        assert done.code == 0, done.err


def gateway_address(namespace: str, gateway: str = "bookshop") -> str:
    """Where a gateway is reached, by its status."""
    return kubectl.kubectl("get", "gateway", gateway, "-n", namespace, "-o", "jsonpath={.status.addresses[0].value}").out
