"""ListenerSet."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.gateway_api.gateway import GatewayListener, listeners_twice
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Group, Kind, Label, Subdomain
from hauberk_core.resources.part import Part


class ParentGatewayReference(Part, frozen=True, kw_only=True):
    """The Gateway that the listeners belong to."""

    name: Subdomain
    group: Group = GATEWAY_GROUP
    kind: Kind = "Gateway"
    namespace: Label | None = None
    """None: the set's own."""


class ListenerSetSpec(Part, frozen=True, kw_only=True):
    """More listeners of a Gateway."""

    parent_ref: ParentGatewayReference
    listeners: Annotated[tuple[GatewayListener, ...], msgspec.Meta(min_length=1, max_length=64)]

    def mistakes(self) -> list[Mistake]:
        return listeners_twice(self.listeners)


class ListenerSet(Resource, frozen=True, kw_only=True):
    """Listeners that are kept apart from their Gateway, often by somebody else."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "ListenerSet"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: ListenerSetSpec
