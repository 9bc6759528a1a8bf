"""Pods in a cluster that run `pod_programs`: applications that tell who asked them for what, and whoever asks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import kubectl
import pod_programs
from cluster_shop import image

CONTAINER: Final = "main"
PROGRAM: Final = "/programs/pod_programs.py"
STRICT: Final[Mapping[str, object]] = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default"},
    "spec": {"mtls": {"mode": "STRICT"}},
}
"""Nobody in the namespace answers plaintext."""
_PROGRAMS: Final = "pod-programs"


def programs() -> dict[str, object]:
    """The ConfigMap that the pods of a namespace have their programs from."""
    text = Path(pod_programs.__file__).read_text()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _PROGRAMS},
        "data": {"pod_programs.py": text},
    }


def container(*command: str, name: str = CONTAINER, of: str = "hauberk-bookshop", **more: object) -> dict[str, object]:
    """A container with Python and the programs. Args: of - which of our images; more - fields of it, such as probes."""
    return {
        "name": name,
        "image": image(of),
        "command": list(command or ("python", PROGRAM, "serve")),
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"runAsUser": 1000},
        "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
        **more,
    }


def pod(*containers: Mapping[str, object]) -> dict[str, object]:
    """A pod's spec with these containers, or with one that serves."""
    return {
        "containers": list(containers) or [container()],
        "volumes": [{"name": "programs", "configMap": {"name": _PROGRAMS}}],
        "terminationGracePeriodSeconds": 0,
    }


def service(name: str, spec: Mapping[str, object]) -> dict[str, object]:
    """A Service of this name."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ask(namespace: str, asker: str, *what: Mapping[str, object]) -> list[object]:
    """Have a pod (or `deployment/NAME`: one of its pods) ask others, one after the other; see `pod_programs.ask`."""
    words = ("exec", "-n", namespace, asker, "-c", CONTAINER, "--", "python", PROGRAM, "ask", json.dumps(what))
    (answers,) = kubectl.kubectl(*words).objects()
    assert isinstance(answers, list)
    return answers


def pod_address(namespace: str, label: str) -> str:
    """The address of the pod that has this label."""
    words = ("get", "pods", "-n", namespace, "-l", label, "-o", "jsonpath={.items[*].status.podIP}")
    (address,) = kubectl.kubectl(*words).out.split()
    return address
