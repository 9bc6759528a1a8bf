"""The cluster that is measured, through its API, and processes of its pods where the node is this machine."""

import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from bench import machine
from hauberk_control.kubernetes.client import JSON, Client
from hauberk_control.kubernetes.errors import NOT_FOUND, ApiError

Manifest = dict[str, Any]
Found = TypeVar("Found")

MERGE_PATCH: Final = "application/merge-patch+json"
_LOOK_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 180.0
# As cgroups are called after pods: by a container runtime itself with dashes, by systemd with underscores.
_POD_OF_CGROUP: Final = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")


class BenchFailed(Exception):
    """What was to be measured did not happen; the message says what."""


class Cluster:
    """Objects are made, changed and read; every call blocks."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client

    def create(self, collection: str, manifest: Manifest) -> Manifest:
        """Make an object. Args: collection - the path, `/api/v1/namespaces/x/services`. Returns: what is stored."""
        return _read(self._client.call("POST", collection, None, json.dumps(manifest).encode()))

    def get(self, path: str) -> Manifest:
        """An object, or a list."""
        return _read(self._client.call("GET", path))

    def find(self, path: str) -> Manifest | None:
        """An object; None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def change(self, path: str, patch: bytes) -> float:
        """Merge `patch` into an object. Returns: when the API server had answered, as `time.perf_counter` counts."""
        self._client.call("PATCH", path, None, patch, MERGE_PATCH)
        return time.perf_counter()

    def delete(self, path: str) -> None:
        """Remove an object, if it is there."""
        with contextlib.suppress(ApiError):
            self._client.call("DELETE", path, None, b"{}", JSON)

    @contextlib.contextmanager
    def namespace(self, labels: dict[str, str]) -> Iterator[str]:
        """A namespace of one's own, removed afterwards with all that is in it."""
        name = f"hauberk-bench-{secrets.token_hex(3)}"
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        try:
            wait_for(lambda: self.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"), "a service account")
            yield name
        finally:
            self.delete(f"/api/v1/namespaces/{name}")

    def ready_pods(self, namespace: str, selector: str) -> list[Manifest]:
        """The pods of a selection, once there are some and all are ready. Raises: BenchFailed."""

        def look() -> list[Manifest]:
            pods: list[Manifest] = self.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")["items"]
            return pods if all(_is_ready(pod) for pod in pods) else []

        return wait_for(look, f"pods with {selector} in {namespace} that are ready")


def wait_for(look: Callable[[], Found], what: str, seconds: float = _PATIENCE_SECONDS) -> Found:
    """What `look` finds as soon as that is something. Raises: BenchFailed if it is nothing until the end."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise BenchFailed(f"there is no {what} after {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


def processes_of(pods: Sequence[Manifest]) -> list[int]:
    """The processes of some pods, in all of their containers, as far as they run on this machine."""
    wanted = {pod["metadata"]["uid"] for pod in pods}
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile
                if pod_of((entry / "cgroup").read_text()) in wanted:
                    found.append(int(entry.name))
    return found


def pod_of(cgroups: str) -> str:
    """The uid of the pod that a process belongs to, by the text of its /proc/PID/cgroup; empty: none."""
    found = _POD_OF_CGROUP.search(cgroups)
    return found.group(1).replace("_", "-") if found else ""


def is_hauberk(pid: int) -> bool:
    """Whether a process is one of hauberk's, not of the workload beside it."""
    return any(
        ("hauberk_" in word and "hauberk_bookshop" not in word) or word.endswith("/hauberk") for word in machine.command_line(pid)
    )


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return (
        any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        and "deletionTimestamp" not in pod["metadata"]
    )


def _read(data: bytes) -> Manifest:
    read: Manifest = json.loads(data)
    return read
