"""ReferenceGrant."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Group, Kind, Label, Subdomain
from hauberk_core.resources.part import Part


class ReferenceGrantFrom(Part, frozen=True, kw_only=True):
    """Who may refer."""

    group: Group
    kind: Kind
    namespace: Label


class ReferenceGrantTo(Part, frozen=True, kw_only=True):
    """What may be referred to; no name: every object of the kind."""

    group: Group
    kind: Kind
    name: Subdomain | None = None


class ReferenceGrantSpec(Part, frozen=True, kw_only=True):
    """Every `from` may refer to every `to`."""

    from_: Annotated[tuple[ReferenceGrantFrom, ...], msgspec.Meta(min_length=1, max_length=16)] = msgspec.field(name="from")
    to: Annotated[tuple[ReferenceGrantTo, ...], msgspec.Meta(min_length=1, max_length=16)]


class ReferenceGrant(Resource, frozen=True, kw_only=True):
    """Allows objects of other namespaces to refer to objects of this one."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "ReferenceGrant"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: ReferenceGrantSpec
