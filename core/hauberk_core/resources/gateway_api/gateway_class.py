"""GatewayClass."""

import re
from typing import Annotated, ClassVar, Final

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, ObjectReference
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Part, follows

# A DNS name, a slash and a path: Gateway API's form of a controller's name.
_CONTROLLER: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9/%._~!$&'()*+,;=:-]+")


def controller_name(text: str) -> Fault | None:
    """Names the program that serves a class."""
    if len(text) > 253 or _CONTROLLER.fullmatch(text) is None:
        return f"{quote(text)} is no controller's name", "write a DNS name, a slash and a path, for example hauberk.dev/gateway"
    return None


class GatewayClassSpec(Part, frozen=True, kw_only=True):
    """Who serves the class's gateways."""

    controller_name: Annotated[str, follows(controller_name)]
    parameters_ref: ObjectReference | None = None
    description: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class GatewayClass(Resource, frozen=True, kw_only=True):
    """A sort of gateways, served by one controller."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "GatewayClass"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")
    NAMESPACED: ClassVar[bool] = False

    spec: GatewayClassSpec
