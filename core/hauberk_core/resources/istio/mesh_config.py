"""Istio's MeshConfig, as far as it is about what proxies believe: the ConfigMap `istio` of a root namespace, entry `mesh`.

It is read with the ConfigMap: where it is wrong, the ConfigMap is, and the last right one stays in use.
"""

from typing import Annotated, Final, Literal

import msgspec

from hauberk_core.resources.embedded_yaml import read_members
from hauberk_core.resources.part import Excerpt

ROOT_NAMESPACES: Final = ("hauberk-system", "istio-system")
"""What is here without selector is for the whole mesh, and with a selector for workloads of every namespace."""
MESH_CONFIG_MAP: Final = "istio"
ENTRY: Final = "mesh"
_EXAMPLE: Final = "pathNormalization: {normalization: MERGE_SLASHES}"
_REFERENCE: Final = "see Istio's reference of MeshConfig for the form of this member"


class Normalization(Excerpt, frozen=True, kw_only=True):
    """MeshConfig's `pathNormalization`."""

    normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"


class Topology(Excerpt, frozen=True, kw_only=True):
    """ProxyConfig's `gatewayTopology`."""

    num_trusted_proxies: Annotated[int, msgspec.Meta(ge=0, le=32)] | None = None
    forward_client_cert_details: Literal[
        "UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"
    ] = "UNDEFINED"


class ProxyDefaults(Excerpt, frozen=True, kw_only=True):
    """A ProxyConfig."""

    gateway_topology: Topology = Topology()


class MeshConfig(Excerpt, frozen=True, kw_only=True):
    """The members that have an effect."""

    path_normalization: Normalization = Normalization()
    default_config: ProxyDefaults = ProxyDefaults()


def read_mesh_config(text: str) -> MeshConfig:
    """Read the entry. Raises: ValueError: what is wrong, a semicolon, and what to write."""
    try:
        return msgspec.convert(read_members(text, "mesh config", _EXAMPLE), MeshConfig)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}; {_REFERENCE}") from None
