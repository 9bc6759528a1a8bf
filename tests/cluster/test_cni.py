"""Capture by the node, in a namespace that forbids pods to do it themselves: with its agent there, away, restarted, removed."""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import kubectl
import pytest
from cluster_client import ask
from cluster_shop import client_pod, image
from kubectl import Done
from kubectl import namespace as made_namespace
from laptop_mesh import wait_until
from run_mark import RUN_MARK

CONFIGURATION: Final = "HAUBERK_CNI_CONFIGURATION"
PROGRAMS: Final = "HAUBERK_CNI_PROGRAMS"
RESTART: Final = "HAUBERK_NODE_RESTART"
FOLDERS_UNKNOWN: Final = (
    f"{CONFIGURATION} and {PROGRAMS} do not say where this cluster's only node, which is this machine, has its CNI plugins"
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing()),
    pytest.mark.skipif(CONFIGURATION not in os.environ or PROGRAMS not in os.environ, reason=FOLDERS_UNKNOWN),
]

PATIENCE: Final = 180.0
# A kubelet renews its node's lease every ten seconds.
LEASE_RENEWED: Final = 30.0
REVISION: Final = "by-node"
AGENT: Final = ("daemonset/hauberk-cni", "-n", "kube-system")
LINK: Final = "hauberk-cni"
PORT: Final = 8080
RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted", "istio.io/rev": REVISION}
# What the standard asks of a pod's own containers.
OF_CONTAINER: Final = {
    "runAsUser": 1000,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
STRICT: Final = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default"},
    "spec": {"mtls": {"mode": "STRICT"}},
}
NOWHERE: Final = {"hauberk.dev/no-such-node": "true"}


def chain() -> dict[str, Any]:
    """The node's chain of plugins."""
    first = min(Path(os.environ[CONFIGURATION]).glob("*.conflist"))
    found: dict[str, Any] = json.loads(first.read_text())
    return found


def linked() -> bool:
    return [one["type"] for one in chain()["plugins"]].count(LINK) == 1


def write_chain(content: dict[str, Any]) -> None:
    """As whoever makes the node's network writes it."""
    first = min(Path(os.environ[CONFIGURATION]).glob("*.conflist"))
    aside = first.with_suffix(".written")
    aside.write_text(json.dumps(content))
    aside.replace(first)


def web_pod(name: str) -> dict[str, object]:
    """A pod that answers, and has nothing that `restricted` forbids."""
    container = {
        "name": "web",
        "image": image("hauberk-bookshop"),
        "command": ["python", "-m", "http.server", str(PORT), "-d", "/tmp"],
        "ports": [{"containerPort": PORT}],
        "imagePullPolicy": "IfNotPresent",
        "securityContext": OF_CONTAINER,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def service(name: str) -> dict[str, object]:
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def applied(namespace: str, *manifests: Mapping[str, object]) -> bool:
    return kubectl.kubectl("apply", "-n", namespace, "-f", "-", given=list(manifests)).code == 0


class Room:
    """A namespace under the standard `restricted`, whose pods are of the mesh and take no plaintext."""

    def __init__(self, name: str, outside: str) -> None:
        self.name: Final = name
        self._outside: Final = outside

    def start(self, name: str) -> None:
        done = kubectl.kubectl("apply", "-n", self.name, "-f", "-", given=[web_pod(name), service(name)])
        assert done.code == 0, done.err

    def pod(self, name: str) -> dict[str, Any]:
        return kubectl.kubectl("get", "pod", name, "-n", self.name, "-o", "json").objects()[0]

    def events(self, name: str) -> str:
        return kubectl.kubectl("get", "events", "-n", self.name, "--field-selector", f"involvedObject.name={name}").out

    def wait_ready(self, name: str) -> None:
        done = kubectl.kubectl("wait", f"pod/{name}", "-n", self.name, "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s")
        assert done.code == 0, done.err + self.events(name)

    def expect_captured(self, name: str) -> None:
        """Plaintext from outside is reset, because the pod's proxy takes what comes in; the client is served, because its own
        proxy takes what goes out."""
        self.wait_ready(name)
        address = f"http://{self.pod(name)['status']['podIP']}:{PORT}/"
        wait_until(lambda: ask(self._outside, address) == "ConnectionResetError", f"a reset by {name}", PATIENCE)
        by_name = f"http://{name}.{self.name}:{PORT}/"
        wait_until(lambda: ask(self.name, by_name) == "200", f"an answer of {name} to the mesh", PATIENCE)


def hauberk(command: str) -> Done:
    """Install or uninstall a second control, whose pods are captured by the node."""
    settings = [
        f"image.registry={os.environ.get('HAUBERK_IMAGE_REGISTRY', 'localhost')}",
        f"image.tag={os.environ.get('HAUBERK_IMAGE_TAG', 'dev')}",
        f"revision={REVISION}",
        "clusterWide=false",
        "inject.capture=cni",
        "cni.enabled=true",
        f"cni.configurationFolder={os.environ[CONFIGURATION]}",
        f"cni.programsFolder={os.environ[PROGRAMS]}",
    ]
    words = [word for setting in settings for word in ("--set", setting)]
    program = [sys.executable, "-m", "hauberk_cli", command, *words]
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    """The chain before the installation."""
    found = chain()
    assert not linked(), "an earlier installation has left its link"
    return found


@pytest.fixture(scope="module")
def by_node(installed: str, before: dict[str, Any]) -> Iterator[None]:
    """Capture by the node is there."""
    try:
        done = hauberk("install")
        assert done.code == 0, done.err
        wait_rolled_out()
        yield
    finally:
        hauberk("uninstall")
        write_chain(before)


@pytest.fixture(scope="module")
def room(by_node: None, outside: str) -> Iterator[Room]:
    with made_namespace(RESTRICTED) as name:
        client = client_pod()
        (container,) = client["spec"]["containers"]  # type: ignore[index]
        container["securityContext"] = OF_CONTAINER
        # The API server takes a moment to hear of the new webhook.
        wait_until(lambda: applied(name, client, STRICT), "a pod that gets a sidecar", PATIENCE)
        made = Room(name, outside)
        made.wait_ready("client")
        yield made


@contextlib.contextmanager
def agent_away() -> Iterator[None]:
    """No node has an agent, and yet it is not removed: as on a node where its pod cannot run."""

    def choose(nodes: dict[str, str | None]) -> None:
        patch = json.dumps({"spec": {"template": {"spec": {"nodeSelector": nodes}}}})
        assert kubectl.kubectl("patch", *AGENT, "--type=merge", "-p", patch).code == 0

    choose(dict(NOWHERE))
    try:
        wait_until(lambda: not agents(), "the end of the agent", PATIENCE)
        yield
    finally:
        choose(dict.fromkeys(NOWHERE))
        wait_rolled_out()


def agents() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kubectl.kubectl(
        "get", "pods", "-n", "kube-system", "-l", f"app={LINK}", "-o", "json"
    ).objects()[0]["items"]
    return found


def wait_rolled_out() -> None:
    done = kubectl.kubectl("rollout", "status", *AGENT, f"--timeout={PATIENCE:.0f}s")
    assert done.code == 0, done.err


def test_restricted_pods_are_captured_without_a_right_of_their_own(room: Room) -> None:
    assert linked()
    room.start("plain")
    room.expect_captured("plain")
    spec = room.pod("plain")["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["hauberk-proxy"]
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"].get("privileged", False) is False


def test_a_restart_of_the_agent_loses_no_pod(room: Room) -> None:
    assert kubectl.kubectl("rollout", "restart", *AGENT).code == 0
    room.start("meanwhile")
    wait_rolled_out()
    assert linked(), "the next agent finds it as it was"
    room.expect_captured("meanwhile")
    room.expect_captured("plain")


def test_a_pod_is_held_while_the_agent_is_away_also_when_the_node_comes_up_again(room: Room) -> None:
    with agent_away():
        assert linked(), "what starts now is to wait"
        # The pods of a node that boots start in any order, and the agent's may be the last.
        restart_node()
        room.start("held")
        wait_until(
            lambda: "hauberk-cni on this node" in room.events("held"), "an event that says whom the pod waits for", PATIENCE
        )
        assert "podIP" not in room.pod("held")["status"]
    for name in ("held", "plain"):
        room.expect_captured(name)


def restart_node() -> None:
    """Its container runtime and its kubelet, where it is known how.

    A kubelet ends if the runtime is not ready when it starts. An init system starts it again, and so does this.
    """
    if RESTART in os.environ:
        restart("containerd")
        wait_until(starts_kubelet, "a kubelet that speaks with the API server", PATIENCE)


def starts_kubelet() -> bool:
    restart("kubelet")
    started = dt.datetime.now(dt.UTC)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: lease_renewed() > started, "the node's lease renewed", LEASE_RENEWED)
        return True
    return False


def lease_renewed() -> dt.datetime:
    """When the node's kubelet last said that it lives."""
    found = kubectl.kubectl("get", "leases", "-n", "kube-node-lease", "-o", "json")
    if found.code != 0:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    (lease,) = found.objects()[0]["items"]
    return dt.datetime.fromisoformat(lease["spec"]["renewTime"])


def restart(program: str) -> None:
    """What is started so is the node's, not this test's."""
    environment = {name: value for name, value in os.environ.items() if name != RUN_MARK}
    command = [*os.environ[RESTART].split(), program]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE, env=environment)


def test_a_pod_that_started_without_the_link_waits_and_is_repaired(room: Room, before: dict[str, Any]) -> None:
    with agent_away():
        write_chain(before)
        room.start("repaired")
        wait_until(lambda: proxy_runs(room.pod("repaired")), "the proxy of a pod that is not captured", PATIENCE)
        wait_until(lambda: "startup probe failed" in room.events("repaired").lower(), "a word that it is not", PATIENCE)
        (web,) = [one for one in room.pod("repaired")["status"]["containerStatuses"] if one["name"] == "web"]
        assert "waiting" in web["state"], "the application is not to run without capture"
    room.expect_captured("repaired")
    assert linked()


def proxy_runs(pod: dict[str, Any]) -> bool:
    return any("running" in one["state"] for one in pod["status"].get("initContainerStatuses", ()))


def test_its_removal_leaves_the_chain_as_it_was(room: Room, before: dict[str, Any]) -> None:
    done = hauberk("uninstall")
    assert done.code == 0, done.err
    wait_until(lambda: chain() == before, "the chain without the link", PATIENCE)
    wait_until(lambda: ask(room.name, f"http://plain.{room.name}:{PORT}/") == "200", "pods that run serve on", PATIENCE)
