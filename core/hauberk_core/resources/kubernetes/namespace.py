"""Namespace."""

from typing import ClassVar

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import dns_label
from hauberk_core.resources.part import IGNORED, Ignored


class Namespace(Resource, kw_only=True):
    """A room for names; policies select it by its labels."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Namespace"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    NAMESPACED: ClassVar[bool] = False
    NAME_RULE = staticmethod(dns_label)

    spec: Ignored = IGNORED
