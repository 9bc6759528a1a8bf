"""Sidecar."""

from typing import ClassVar, Literal

import msgspec

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Labels
from hauberk_core.resources.part import Excerpt, Part


class SidecarSelector(Part, frozen=True, kw_only=True):
    """Labels that a workload must have; called differently than in other kinds."""

    labels: Labels = msgspec.field(default_factory=dict)


class OutboundTrafficPolicy(Part, frozen=True, kw_only=True):
    """What becomes of connections to places that the mesh does not know."""

    mode: Literal["ALLOW_ANY", "REGISTRY_ONLY"] = "ALLOW_ANY"
    """They pass, or they are refused."""


class SidecarListener(Excerpt, frozen=True, kw_only=True):
    """A listener of its own, or a part of the mesh."""


class SidecarSpec(Part, frozen=True, kw_only=True):
    """For which workloads, and what."""

    workload_selector: SidecarSelector | None = None
    """None: all workloads of the namespace, or of the mesh in the root namespace."""
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
    """None leaves it to the next wider object, and with none at all everything passes."""
    ingress: tuple[SidecarListener, ...] = ()
    egress: tuple[SidecarListener, ...] = ()
    inbound_connection_pool: SidecarListener | None = None


class Sidecar(Resource, frozen=True, kw_only=True):
    """How the sidecars of some workloads are to serve them."""

    GROUP: ClassVar[str] = "networking.istio.io"
    KIND: ClassVar[str] = "Sidecar"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")

    spec: SidecarSpec = SidecarSpec()
