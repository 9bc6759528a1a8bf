"""A pod as far as injection reads it, with types; what is edited is the JSON beside it."""

from typing import Final

import msgspec

from hauberk_control.inject.json_object import JsonObject


class PodMalformed(Exception):
    """No pod: a member has another form than Kubernetes gives it. The message says which."""


class _View(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Null and absence are the same, as for the API server."""


class OwnerReference(_View, frozen=True, kw_only=True):
    """Who made an object."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(_View, frozen=True, kw_only=True):
    """An object's names and marks."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class SecurityContext(_View, frozen=True, kw_only=True):
    """Of a container or a pod."""

    run_as_user: int | None = None
    run_as_group: int | None = None


class ContainerPort(_View, frozen=True, kw_only=True):
    """A port that a container says it has."""

    container_port: int
    name: str | None = None
    protocol: str | None = None


class Container(_View, frozen=True, kw_only=True):
    """A container, or an init container."""

    name: str
    image: str | None = None
    restart_policy: str | None = None
    ports: list[ContainerPort] | None = None
    security_context: SecurityContext | None = None
    liveness_probe: JsonObject | None = None
    readiness_probe: JsonObject | None = None
    startup_probe: JsonObject | None = None
    env: list[JsonObject] | None = None


class DnsConfig(_View, frozen=True, kw_only=True):
    """How a pod's names are looked up, beside what its policy says."""

    searches: list[str] | None = None


class Os(_View, frozen=True, kw_only=True):
    """The system that a pod is for."""

    name: str = ""


class PodSpec(_View, frozen=True, kw_only=True):
    """What a pod runs, and how."""

    containers: list[Container]
    init_containers: list[Container] | None = None
    host_network: bool | None = None
    dns_policy: str | None = None
    dns_config: DnsConfig | None = None
    os: Os | None = None
    node_selector: dict[str, str] | None = None
    restart_policy: str | None = None
    security_context: SecurityContext | None = None
    volumes: list[JsonObject] | None = None
    image_pull_secrets: list[JsonObject] | None = None


class PodView(_View, frozen=True, kw_only=True):
    """A pod, or a pod template."""

    metadata: Metadata | None = None
    spec: PodSpec

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return (self.metadata.labels if self.metadata else None) or {}

    @property
    def annotations(self) -> dict[str, str]:
        """The pod's annotations."""
        return (self.metadata.annotations if self.metadata else None) or {}

    @property
    def containers(self) -> list[Container]:
        """The containers, without init containers."""
        return self.spec.containers

    @property
    def init_containers(self) -> list[Container]:
        """The init containers, in the order in which they start."""
        return self.spec.init_containers or []


_LINUX_OS_LABEL: Final = "kubernetes.io/os"


def view_pod(pod: JsonObject) -> PodView:
    """Read a pod. Raises: PodMalformed."""
    try:
        return msgspec.convert(pod, PodView)
    except msgspec.ValidationError as error:
        raise PodMalformed(str(error)) from error


def system_of(view: PodView) -> str:
    """`linux` or `windows`, as far as the pod says it."""
    if view.spec.os is not None and view.spec.os.name:
        return view.spec.os.name
    return (view.spec.node_selector or {}).get(_LINUX_OS_LABEL, "linux")


def workload_of(view: PodView) -> str:
    """The name of what this pod is one of: its Deployment, StatefulSet, DaemonSet, Job or CronJob, else its own."""
    metadata = view.metadata or Metadata()
    owner = next((owner for owner in metadata.owner_references or [] if owner.controller), None)
    if owner is None:
        return metadata.name or (metadata.generate_name or "").rstrip("-") or "unknown"
    stem, dash, last = owner.name.rpartition("-")
    # A Deployment names its ReplicaSets by a hash that their pods have as a label.
    if owner.kind == "ReplicaSet" and dash and last == view.labels.get("pod-template-hash"):
        return stem
    # A CronJob names its Jobs by the minute for which they were due.
    if owner.kind == "Job" and dash and last.isdecimal() and 8 <= len(last) <= 10:
        return stem
    return owner.name
