"""What Istio's MeshConfig makes of listeners."""

from typing import Final, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_core.model.edge import CertificateForwarding, PathNormalization
from hauberk_core.model.listener import Listener
from hauberk_core.resources import ConfigMap
from hauberk_core.resources.embedded_yaml import read_members
from hauberk_core.resources.istio.mesh_config import (
    ENTRY,
    MESH_CONFIG_MAP,
    ROOT_NAMESPACES,
    ProxyDefaults,
    Topology,
    read_mesh_config,
)

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


class MeshSettings(NamedTuple):
    """What the mesh's configuration says."""

    path_normalization: PathNormalization = "base"
    trusted_hops: int = 0
    """Proxies in front of every Gateway that says nothing else."""
    client_certificate: CertificateForwarding = "sanitize_set"
    """What becomes of X-Forwarded-Client-Cert at Gateways that say nothing else; this is Istio's default."""

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
            config = read_mesh_config(found.data.get(ENTRY, ""))
            topology = config.default_config.gateway_topology
            return MeshSettings(
                _MODES[config.path_normalization.normalization],
                topology.num_trusted_proxies or 0,
                told_certificate(topology) or "sanitize_set",
            )
    return MeshSettings()


def told_certificate(topology: Topology) -> CertificateForwarding | None:
    """What becomes of X-Forwarded-Client-Cert at Gateways; None: it is not said."""
    return _CERTIFICATES.get(topology.forward_client_cert_details)


def topology_of(text: str) -> Topology:
    """What an annotation `proxy.istio.io/config` says of the proxies in front. Raises: ValueError."""
    members = read_members(text, "proxy config", "gatewayTopology: {numTrustedProxies: 1}")
    return msgspec.convert(members, ProxyDefaults).gateway_topology
