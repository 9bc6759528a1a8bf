"""Who must prove who they are: PeerAuthentication at the doors of workloads, and what callers show there.

Source: Istio's PeerAuthentication reference. At each level (mesh, namespace, workload) the oldest policy counts; UNSET leaves the
decision to the next wider level, and with no policy at all a workload is PERMISSIVE.
"""

from typing import Final, Literal

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.precedence import seniority
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.transport import TransportConfig
from hauberk_core.resources import PeerAuthentication
from hauberk_core.resources.istio.mesh_config import ROOT_NAMESPACES

IDENTITY: Final = "workload"
"""What a snapshot calls the proxy's own certificate and the authorities of its mesh; its agent holds both in memory."""

Mode = Literal["DISABLE", "PERMISSIVE", "STRICT"]

# Labels by which Istio's workloads say whether they speak the mesh's TLS.
TLS_MODE_LABEL: Final = "security.istio.io/tlsMode"
TLS_MODE_MESH: Final = "istio"


class Policies:
    """All PeerAuthentications of a store."""

    def __init__(self, store: Store) -> None:
        self._mesh: PeerAuthentication | None = None
        self._namespaces: Final[dict[str, PeerAuthentication]] = {}
        self._workloads: Final[dict[str, list[PeerAuthentication]]] = {}
        self.findings: tuple[Finding, ...] = ()
        self.all: Final = tuple(sorted(store.of(PeerAuthentication), key=lambda policy: seniority(policy.metadata)))
        """The oldest first."""
        for policy in self.all:
            self._add(policy)

    def _add(self, policy: PeerAuthentication) -> None:
        namespace = policy.metadata.namespace
        if policy.spec.selector is not None and policy.spec.selector.match_labels:
            self._workloads.setdefault(namespace, []).append(policy)
            return
        if policy.spec.port_level_mtls:
            self._warn(policy, ("spec", "portLevelMtls"), "ports mean nothing without a selector", "add one, or remove this")
        if namespace in ROOT_NAMESPACES:
            first = self._mesh
            self._mesh = first or policy
        else:
            first = self._namespaces.setdefault(namespace, policy)
            first = None if first is policy else first
        if first is not None:
            message = f"{first.metadata.namespace}/{first.metadata.name} is older and for the same workloads: it counts"
            self._warn(policy, (), message, "keep one of the two")

    def _warn(self, policy: PeerAuthentication, path: tuple[str, ...], message: str, hint: str) -> None:
        self.findings += findings(policy, [Mistake(path, message, hint, "warning")])

    def mode(self, namespace: str, labels: dict[str, str], port: int) -> Mode:
        """What a workload asks of those who connect to one of its ports."""
        mode: Mode = "PERMISSIVE"
        for policy in self.concerning(namespace, labels):
            mode = _narrowed(mode, policy.spec.mtls.mode if policy.spec.mtls else "UNSET")
            # Only one that selects workloads has any that count.
            if policy.spec.selector is not None and port in policy.spec.port_level_mtls:
                mode = _narrowed(mode, policy.spec.port_level_mtls[port].mode)
        return mode

    def concerning(self, namespace: str, labels: dict[str, str]) -> list[PeerAuthentication]:
        """The policies that count for a workload: the mesh's, its namespace's, its own."""
        levels = (self._mesh, self._namespaces.get(namespace), self._selecting(namespace, labels))
        return [policy for policy in levels if policy is not None]

    def _selecting(self, namespace: str, labels: dict[str, str]) -> PeerAuthentication | None:
        """The oldest policy that selects a workload."""
        best: PeerAuthentication | None = None
        for place in (namespace, *[root for root in ROOT_NAMESPACES if root != namespace]):
            for policy in self._workloads.get(place, ()):
                selector = policy.spec.selector
                if selector is not None and selector.matches(labels):
                    if best is None or seniority(policy.metadata) < seniority(best.metadata):
                        best = policy
                    break
        return best


def _narrowed(wider: Mode, own: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]) -> Mode:
    return wider if own == "UNSET" else own


def listening_transport(mode: Mode) -> TransportConfig:
    """How a sidecar takes connections for a workload of this mode."""
    if mode == "DISABLE":
        return TransportConfig()
    return TransportConfig(
        security="mesh",
        mode="strict" if mode == "STRICT" else "permissive",
        certificates=(IDENTITY,),
        trust_file=IDENTITY,
        min_version="1.3",
        # The caller chooses: what it calls is HTTP/2 or HTTP/1.1 as the workload behind is.
        alpn=("h2", "http/1.1"),
    )


def calling_transport(identities: tuple[str, ...]) -> TransportConfig:
    """How a proxy connects to workloads of the mesh that may be any of `identities`."""
    return TransportConfig(
        security="mesh", identities=identities, certificates=(IDENTITY,), trust_file=IDENTITY, min_version="1.3"
    )
