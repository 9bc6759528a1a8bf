"""WorkloadEntry."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.model.address import is_host_name, is_ip_address
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Labels, Subdomain
from hauberk_core.resources.part import Part, PortNumber


class WorkloadEntrySpec(Part, frozen=True, kw_only=True):
    """Where a process listens, and what it is."""

    address: str = ""
    """An IP address or a host name."""
    ports: dict[str, PortNumber] = msgspec.field(default_factory=dict)
    """Where it listens, by the names of its service's ports; without: the service's target ports."""
    labels: Labels = msgspec.field(default_factory=dict)
    """Services select it by these."""
    service_account: Subdomain | None = None
    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """Its part of its services' requests, in proportion to the others'; 0, as in Istio, is the same as none: 1."""
    network: str | None = None
    locality: str | None = None

    def mistakes(self) -> list[Mistake]:
        if self.address and not is_ip_address(self.address) and not is_host_name(self.address):
            hint = "write an IP address or a host name; ports stand under ports"
            return [Mistake(("address",), f"{quote(self.address)} is no address", hint)]
        if not self.address and not self.network:
            return [Mistake((), "a workload without address", "add its address")]
        return []


class WorkloadEntry(Resource, frozen=True, kw_only=True):
    """A workload that is no pod."""

    GROUP: ClassVar[str] = "networking.istio.io"
    KIND: ClassVar[str] = "WorkloadEntry"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")

    spec: WorkloadEntrySpec
