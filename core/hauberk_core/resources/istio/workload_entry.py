"""WorkloadEntry."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Labels, Subdomain
from hauberk_core.resources.part import Part, PortNumber


class WorkloadEntrySpec(Part, kw_only=True):
    """Where a process listens, and what it is."""

    address: str = ""
    """An IP address or a host name."""
    ports: dict[str, PortNumber] = {}
    """Where it listens, by the names of its service's ports; without: the service's target ports."""
    labels: Labels = {}
    """Services select it by these."""
    service_account: Subdomain | None = None
    weight: Annotated[int, msgspec.Meta(ge=0)] | None = None
    network: str | None = None
    locality: str | None = None


class WorkloadEntry(Resource, kw_only=True):
    """A workload that is no pod."""

    GROUP: ClassVar[str] = "networking.istio.io"
    KIND: ClassVar[str] = "WorkloadEntry"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")

    spec: WorkloadEntrySpec
