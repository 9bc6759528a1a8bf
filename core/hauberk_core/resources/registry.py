"""Which kinds there are, and what to make of the others."""

import difflib
from collections.abc import Iterable
from typing import Final

from hauberk_core.model.errors import quote
from hauberk_core.model.suggest import nearest
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.backend_tls_policy import BackendTLSPolicy
from hauberk_core.resources.gateway_api.gateway import Gateway
from hauberk_core.resources.gateway_api.gateway_class import GatewayClass
from hauberk_core.resources.gateway_api.grpc_route import GRPCRoute
from hauberk_core.resources.gateway_api.http_route import HTTPRoute
from hauberk_core.resources.gateway_api.listener_set import ListenerSet
from hauberk_core.resources.gateway_api.reference_grant import ReferenceGrant
from hauberk_core.resources.gateway_api.tcp_route import TCPRoute
from hauberk_core.resources.gateway_api.tls_route import TLSRoute
from hauberk_core.resources.gateway_api.udp_route import UDPRoute
from hauberk_core.resources.hauberk.plugin_policy import PluginPolicy
from hauberk_core.resources.istio.destination_rule import DestinationRule
from hauberk_core.resources.istio.peer_authentication import PeerAuthentication
from hauberk_core.resources.istio.sidecar import Sidecar
from hauberk_core.resources.istio.virtual_service import VirtualService
from hauberk_core.resources.istio.workload_entry import WorkloadEntry
from hauberk_core.resources.kubernetes.config_map import ConfigMap
from hauberk_core.resources.kubernetes.endpoint_slice import EndpointSlice
from hauberk_core.resources.kubernetes.namespace import Namespace
from hauberk_core.resources.kubernetes.node import Node
from hauberk_core.resources.kubernetes.pod import Pod
from hauberk_core.resources.kubernetes.secret import Secret
from hauberk_core.resources.kubernetes.service import Service
from hauberk_core.resources.kubernetes.service_account import ServiceAccount
from hauberk_core.resources.meta import Resource

RESOURCES: Final[tuple[type[Resource], ...]] = (
    BackendTLSPolicy,
    ConfigMap,
    DestinationRule,
    EndpointSlice,
    GRPCRoute,
    Gateway,
    GatewayClass,
    HTTPRoute,
    ListenerSet,
    Namespace,
    Node,
    PeerAuthentication,
    PluginPolicy,
    Pod,
    ReferenceGrant,
    Secret,
    Service,
    ServiceAccount,
    Sidecar,
    TCPRoute,
    TLSRoute,
    UDPRoute,
    VirtualService,
    WorkloadEntry,
)

# Kinds of groups we know that say nothing to a proxy. Leaving them out changes nothing but where they are applied.
_BESIDE_THE_MESH: Final[dict[str, frozenset[str]]] = {
    "": frozenset(
        (
            "Binding",
            "ComponentStatus",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
        )
    ),
    "networking.istio.io": frozenset(("ProxyConfig", "WorkloadGroup")),
}
# Kinds that would change who may do what, or where traffic goes. To leave these out silently would be wrong.
_NOT_SUPPORTED: Final[dict[str, frozenset[str]]] = {
    "networking.istio.io": frozenset(("EnvoyFilter", "Gateway", "ServiceEntry")),
    "security.istio.io": frozenset(("AuthorizationPolicy", "RequestAuthentication")),
    "telemetry.istio.io": frozenset(("Telemetry",)),
    "extensions.istio.io": frozenset(("WasmPlugin",)),
}
_INSTEAD: Final = {
    ("networking.istio.io", "Gateway"): "write a Gateway of gateway.networking.k8s.io/v1",
}


class UnknownKind(Exception):
    """An object is of no kind that could be right; `field` is the name of the field to look at."""

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.field: Final = field
        self.fault: Final[Fault] = (message, hint)


class Kinds:
    """The kinds that are read: the core's, and those that plugins understand."""

    def __init__(self, kinds: Iterable[type[Resource]]) -> None:
        """Raises: ValueError if two are called the same: a plugin cannot change what the core's kinds mean."""
        self._by_key: Final[dict[tuple[str, str], type[Resource]]] = {}
        for kind in kinds:
            if self._by_key.setdefault((kind.GROUP, kind.KIND), kind) is not kind:
                raise ValueError(f"there are two kinds called {kind.KIND} in the group {quote(kind.GROUP)}")

    def with_kinds(self, kinds: Iterable[type[Resource]]) -> "Kinds":
        """These and others. Raises: ValueError."""
        return Kinds([*self._by_key.values(), *kinds])

    def all(self) -> tuple[type[Resource], ...]:
        """Every kind that is read."""
        return tuple(self._by_key.values())

    def find(self, api_version: str, kind: str) -> type[Resource] | None:
        """The type of an object, or None for an object that means nothing to a mesh and is passed over.

        Raises: UnknownKind for one that is misspelt, or that asks for something hauberk does not do.
        """
        group, _, version = api_version.rpartition("/")
        found = self._by_key.get((group, kind))
        if found is not None:
            if version in found.VERSIONS:
                return found
            served = " or ".join([_api_version(found, served) for served in found.VERSIONS])
            raise UnknownKind("apiVersion", f"{kind} is not served in {quote(api_version)}", f"write {served}")
        if kind in _NOT_SUPPORTED.get(group, ()):
            hint = _INSTEAD.get((group, kind), "remove it, so that nobody counts on it; a plugin may do the same")
            raise UnknownKind("kind", f"hauberk does not act on {kind} of {group}", hint)
        if kind in _BESIDE_THE_MESH.get(group, ()):
            return None
        fault = self._misspelt(group, kind)
        if fault is not None:
            raise fault
        return None

    def _misspelt(self, group: str, kind: str) -> UnknownKind | None:
        groups = {known for known, _ in self._by_key}
        if group in groups:
            return self._unknown_kind(group, kind)
        close = nearest(group, [name for name in [*groups, *_NOT_SUPPORTED] if name])
        elsewhere = [one for one in self._by_key.values() if kind == one.KIND and one.GROUP]
        if elsewhere and (close == elsewhere[0].GROUP or not group):
            return _wrong_group(group, elsewhere[0])
        if close is not None and _differs_little(group, close):
            return UnknownKind("apiVersion", f"no group is called {quote(group)}", f"did you mean {quote(close)}?")
        return None

    def _unknown_kind(self, group: str, kind: str) -> UnknownKind:
        """For a kind that its group, one of ours, does not have."""
        elsewhere = [one for one in self._by_key.values() if kind == one.KIND]
        if elsewhere:
            return _wrong_group(group, elsewhere[0])
        ours = [one.KIND for one in self._by_key.values() if group == one.GROUP]
        close = nearest(kind, [*ours, *_BESIDE_THE_MESH.get(group, ())])
        hint = f"did you mean {quote(close)}? " if close else ""
        known = ", ".join([quote(one) for one in ours])
        return UnknownKind("kind", f"no kind is called {quote(kind)} here", f"{hint}known: {known}")


CORE_KINDS: Final = Kinds(RESOURCES)


def _wrong_group(group: str, kind: type[Resource]) -> UnknownKind:
    wanted = _api_version(kind, kind.VERSIONS[0])
    message = f"{kind.KIND} does not belong to the group {quote(group)}"
    return UnknownKind("apiVersion", message, f"write apiVersion: {wanted}")


def _api_version(kind: type[Resource], version: str) -> str:
    return f"{kind.GROUP}/{version}" if kind.GROUP else version


def _differs_little(group: str, other: str) -> bool:
    """Whether one may have been meant for the other. Groups share their endings, so that only near ones count."""
    return difflib.SequenceMatcher(None, group, other).ratio() > 0.9
