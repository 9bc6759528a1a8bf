"""Pod."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Label, Subdomain
from hauberk_core.resources.part import Excerpt, PortNumber

_DEFAULT_ACCOUNT: Final = "default"


class ContainerPort(Excerpt, frozen=True, kw_only=True):
    """A port on which a container says it listens."""

    container_port: PortNumber
    name: Label | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class Container(Excerpt, frozen=True, kw_only=True):
    """A program of a pod."""

    name: Label
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Excerpt, frozen=True, kw_only=True):
    """What runs together."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: Subdomain | None = None
    node_name: Subdomain | None = None
    host_network: bool = False


class PodIp(Excerpt, frozen=True, kw_only=True):
    """An address of a pod."""

    ip: str


class PodStatus(Excerpt, frozen=True, kw_only=True):
    """What the cluster knows of a pod."""

    phase: str = ""
    """Pending, Running, Succeeded, Failed or Unknown."""
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: Annotated[tuple[PodIp, ...], msgspec.Meta(max_length=16)] = msgspec.field(default=(), name="podIPs")
    host_ip: str | None = msgspec.field(default=None, name="hostIP")


class Pod(Resource, frozen=True, kw_only=True):
    """Programs with an address of their own: a workload's replica."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Pod"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: PodSpec = PodSpec()
    # The one status that we read and do not write: it has the pod's addresses.
    status: PodStatus = PodStatus()  # type: ignore[assignment]

    def service_account(self) -> str:
        """Who the pod is."""
        return self.spec.service_account_name or _DEFAULT_ACCOUNT

    def addresses(self) -> tuple[str, ...]:
        """All of them, the first one first; none before the pod has one."""
        several = tuple([one.ip for one in self.status.pod_ips])
        return several or ((self.status.pod_ip,) if self.status.pod_ip else ())

    def has_ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.status.phase in ("Succeeded", "Failed")
