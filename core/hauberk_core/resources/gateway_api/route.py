"""What the routes of all protocols have in common."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, BackendObjectReference, ParentReference
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Part, repeated

# These may stand several times in one list of filters.
_REPEATABLE: Final = ("RequestMirror", "ExtensionRef")


class BackendRef(BackendObjectReference, frozen=True, kw_only=True):
    """A backend and its share, in proportion to the weights of its rule."""

    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1


class RouteSpec(Part, frozen=True, kw_only=True):
    """Where a route attaches."""

    parent_refs: Annotated[tuple[ParentReference, ...], msgspec.Meta(max_length=32)] = ()
    use_default_gateways: Literal["All", "None"] = "None"
    """`All`: also to every Gateway whose `defaultScope` is All."""

    def mistakes(self) -> list[Mistake]:
        parents = [(one.group, one.kind, one.namespace, one.name, one.section_name, one.port) for one in self.parent_refs]
        return [
            Mistake(("parentRefs", index), "this parent is named twice", "remove one of the two")
            for index, parent in enumerate(parents)
            if parent in parents[:index]
        ]


class Route(Resource, frozen=True, kw_only=True):
    """A route of any protocol."""

    GROUP: ClassVar[str] = GATEWAY_GROUP

    spec: RouteSpec

    def hosts(self) -> tuple[str, ...]:
        """Which host names the route is for; none: every one, also where the protocol knows no hosts."""
        return ()

    def backends(self) -> tuple[BackendRef, ...]:
        """Everything among which the route divides its traffic."""
        raise NotImplementedError


def filters_twice(types: Sequence[str]) -> list[Mistake]:
    """A mistake for each filter of a type that a list may have once only."""
    return repeated("filters", [None if one in _REPEATABLE else one for one in types], "filter of the type")
