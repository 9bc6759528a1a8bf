"""A real cluster, for tests that need one: `kubectl` with KUBECONFIG set, as it is within the lab.

Only where HAUBERK_CLUSTER=1 says that this cluster is there to be tested with: whoever has KUBECONFIG set means no such thing by
it.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

ALLOWED: Final = "HAUBERK_CLUSTER"
_PATIENCE_SECONDS: Final = 300.0


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    def objects(self) -> list[dict[str, Any]]:
        """The objects that `-o json` printed, one behind the other."""
        assert self.code == 0, self.err
        found: list[dict[str, Any]] = []
        decoder, position = json.JSONDecoder(), 0
        while position < len(self.out.rstrip()):
            printed, end = decoder.raw_decode(self.out[position:].lstrip())
            position = len(self.out) - len(self.out[position:].lstrip()) + end
            found.append(printed)
        return found


def missing() -> str:
    """Why there is no cluster to test with; empty if there is one."""
    if os.environ.get(ALLOWED) != "1":
        return f"{ALLOWED}=1 does not say that the cluster of KUBECONFIG is for tests"
    return "" if os.environ.get("KUBECONFIG") and shutil.which("kubectl") else "KUBECONFIG or kubectl is missing"


def kubectl(*arguments: str, given: object = None) -> Done:
    """Run kubectl. Args: given - an object, or several in a list, for its standard input."""
    if isinstance(given, Sequence):
        given = {"apiVersion": "v1", "kind": "List", "items": given}
    done = subprocess.run(
        ["kubectl", *arguments],
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def apply(namespace: str, *manifests: Mapping[str, object]) -> None:
    """Apply objects, which must be taken."""
    done = kubectl("apply", "-n", namespace, "-f", "-", given=manifests)
    assert done.code == 0, done.err


def apply_text(text: str, namespace: str) -> Done:
    """Apply YAML as it is written."""
    command = ["kubectl", "apply", "-n", namespace, "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def namespace(labels: Mapping[str, str]) -> Iterator[str]:
    """A namespace of a test's own, in which pods can be made."""
    name = f"hauberk-test-{secrets.token_hex(4)}"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
    assert kubectl("create", "-f", "-", given=made).code == 0
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while kubectl("get", "serviceaccount", "default", "-n", name).code != 0:
            assert time.monotonic() < deadline, "no service account was made"
            time.sleep(0.1)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
