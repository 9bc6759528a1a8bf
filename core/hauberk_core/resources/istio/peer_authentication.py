"""PeerAuthentication."""

from typing import ClassVar, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.istio.selector import WorkloadSelector
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Part, PortNumber


class MutualTls(Part, frozen=True, kw_only=True):
    """Whether peers must prove who they are; `UNSET` leaves it to the next wider policy."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = "UNSET"


class PeerAuthenticationSpec(Part, frozen=True, kw_only=True):
    """For which workloads, and how."""

    selector: WorkloadSelector | None = None
    """None: the whole namespace, or the whole mesh in the root namespace."""
    mtls: MutualTls | None = None
    port_level_mtls: dict[PortNumber, MutualTls] = msgspec.field(default_factory=dict)
    """By the workload's port. Only together with a selector."""

    def mistakes(self) -> list[Mistake]:
        if self.port_level_mtls and (self.selector is None or not self.selector.match_labels):
            return [Mistake(("portLevelMtls",), "modes for ports without a selector", "add a selector with matchLabels")]
        return []


class PeerAuthentication(Resource, frozen=True, kw_only=True):
    """What sidecars ask of those who connect to their workloads."""

    GROUP: ClassVar[str] = "security.istio.io"
    KIND: ClassVar[str] = "PeerAuthentication"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()
