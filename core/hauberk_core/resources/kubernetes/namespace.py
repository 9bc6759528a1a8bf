"""Namespace."""

from typing import ClassVar

from hauberk_core.model.syntax import Fault
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import dns_label
from hauberk_core.resources.part import IGNORED, Ignored


class Namespace(Resource, frozen=True, kw_only=True):
    """A room for names; policies select it by its labels."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Namespace"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    NAMESPACED: ClassVar[bool] = False

    spec: Ignored = IGNORED

    @staticmethod
    def name_fault(name: str) -> Fault | None:
        return dns_label(name)
