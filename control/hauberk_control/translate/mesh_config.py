"""Istio's MeshConfig, as far as it is about what proxies believe: the ConfigMap `istio` of the root namespace, entry `mesh`.

What is wrong there is told, and has no effect: paths are normalised as Istio does by default, and no proxy is believed.
"""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.security import ROOT_NAMESPACES
from hauberk_core.model.edge import CertificateForwarding, PathNormalization
from hauberk_core.model.listener import Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import ConfigMap
from hauberk_core.resources.embedded_yaml import read_members
from hauberk_core.resources.part import Excerpt

MESH_CONFIG_MAP: Final = "istio"
ENTRY: Final = "mesh"
_EXAMPLE: Final = "pathNormalization: {normalization: MERGE_SLASHES}"
_MODES: Final[dict[str, PathNormalization]] = {
    "DEFAULT": "base",
    "NONE": "none",
    "BASE": "base",
    "MERGE_SLASHES": "merge_slashes",
    "DECODE_AND_MERGE_SLASHES": "decode_and_merge_slashes",
}

INBOUND_CERTIFICATES: Final[CertificateForwarding] = "append_forward"
OUTBOUND_CERTIFICATES: Final[CertificateForwarding] = "sanitize"
"""Of sidecars, as in Istio: a workload is told who calls it, and says nothing of the kind itself."""
_CERTIFICATES: Final[dict[str, CertificateForwarding]] = {
    "SANITIZE": "sanitize",
    "FORWARD_ONLY": "forward_only",
    "APPEND_FORWARD": "append_forward",
    "SANITIZE_SET": "sanitize_set",
    "ALWAYS_FORWARD_ONLY": "always_forward_only",
}


class Normalization(Excerpt, frozen=True, kw_only=True):
    """MeshConfig's `pathNormalization`."""

    normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"


class Topology(Excerpt, frozen=True, kw_only=True):
    """ProxyConfig's `gatewayTopology`."""

    num_trusted_proxies: Annotated[int, msgspec.Meta(ge=0, le=32)] | None = None
    forward_client_cert_details: Literal[
        "UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"
    ] = "UNDEFINED"

    def client_certificate(self) -> CertificateForwarding | None:
        """What becomes of the field at Gateways; None: it is not said."""
        return _CERTIFICATES.get(self.forward_client_cert_details)


class ProxyDefaults(Excerpt, frozen=True, kw_only=True):
    """A ProxyConfig."""

    gateway_topology: Topology = Topology()


class MeshConfig(Excerpt, frozen=True, kw_only=True):
    """The members that have an effect."""

    path_normalization: Normalization = Normalization()
    default_config: ProxyDefaults = ProxyDefaults()


class MeshSettings(NamedTuple):
    """What the mesh's configuration says."""

    path_normalization: PathNormalization = "base"
    trusted_hops: int = 0
    """Proxies in front of every Gateway that says nothing else."""
    client_certificate: CertificateForwarding = "sanitize_set"
    """What becomes of X-Forwarded-Client-Cert at Gateways that say nothing else; this is Istio's default."""
    findings: tuple[Finding, ...] = ()

    def applied(self, listener: Listener) -> Listener:
        """A listener whose chains with requests normalise their paths."""
        mode = self.path_normalization
        if mode == "none" or all(chain.protocol in ("tcp", "tls") for chain in listener.filter_chains):
            return listener
        chains = [
            chain if chain.protocol in ("tcp", "tls") else msgspec.structs.replace(chain, path_normalization=mode)
            for chain in listener.filter_chains
        ]
        return msgspec.structs.replace(listener, filter_chains=tuple(chains))


def mesh_settings(store: Store) -> MeshSettings:
    """What the store's mesh configuration says; the first root namespace that has one counts."""
    for namespace in ROOT_NAMESPACES:
        found = store.get(ConfigMap, namespace, MESH_CONFIG_MAP)
        if found is not None:
            text = found.data.get(ENTRY, "")
            try:
                config = msgspec.convert(read_members(text, "mesh config", _EXAMPLE), MeshConfig)
            except ValueError as error:
                message, _, hint = str(error).partition("; ")
                hint = hint or "see Istio's reference of MeshConfig for the form of this member"
                return MeshSettings(findings=findings(found, [Mistake(("data", ENTRY), message, hint)]))
            topology = config.default_config.gateway_topology
            return MeshSettings(
                _MODES[config.path_normalization.normalization],
                topology.num_trusted_proxies or 0,
                topology.client_certificate() or "sanitize_set",
            )
    return MeshSettings()


def topology_of(text: str) -> Topology:
    """What an annotation `proxy.istio.io/config` says of the proxies in front. Raises: ValueError."""
    members = read_members(text, "proxy config", "gatewayTopology: {numTrustedProxies: 1}")
    return msgspec.convert(members, ProxyDefaults).gateway_topology
