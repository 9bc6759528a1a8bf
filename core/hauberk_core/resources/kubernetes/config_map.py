"""ConfigMap."""

import base64
from typing import Annotated, ClassVar

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.istio.mesh_config import ENTRY, MESH_CONFIG_MAP, ROOT_NAMESPACES, read_mesh_config
from hauberk_core.resources.kubernetes.secret import base64_text
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import data_key
from hauberk_core.resources.part import IGNORED, Ignored, follows

_Key = Annotated[str, follows(data_key)]


class ConfigMap(Resource, frozen=True, kw_only=True):
    """Texts that others refer to: bundles of authorities, in PEM, and Istio's MeshConfig."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "ConfigMap"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    data: dict[_Key, str] = msgspec.field(default_factory=dict)
    binary_data: dict[_Key, Annotated[str, follows(base64_text)]] = msgspec.field(default_factory=dict)
    immutable: Ignored = IGNORED

    def mistakes(self) -> list[Mistake]:
        if self.metadata.name == MESH_CONFIG_MAP and self.metadata.namespace in ROOT_NAMESPACES:
            try:
                read_mesh_config(self.data.get(ENTRY, ""))
            except ValueError as error:
                message, _, hint = str(error).partition("; ")
                return [Mistake(("data", ENTRY), message, hint)]
        return []

    def entry(self, name: str) -> bytes | None:
        """The octets of one entry."""
        if name in self.data:
            return self.data[name].encode()
        return base64.b64decode("".join(self.binary_data[name].split())) if name in self.binary_data else None
