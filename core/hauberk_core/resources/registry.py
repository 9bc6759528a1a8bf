"""Which kinds there are, and what to make of the others."""

from typing import Final

from hauberk_core.model.errors import quote
from hauberk_core.model.shape import nearest
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.gateway import Gateway
from hauberk_core.resources.gateway_api.gateway_class import GatewayClass
from hauberk_core.resources.gateway_api.http_route import HTTPRoute
from hauberk_core.resources.gateway_api.reference_grant import ReferenceGrant
from hauberk_core.resources.hauberk.plugin_policy import PluginPolicy
from hauberk_core.resources.istio.destination_rule import DestinationRule
from hauberk_core.resources.istio.peer_authentication import PeerAuthentication
from hauberk_core.resources.istio.workload_entry import WorkloadEntry
from hauberk_core.resources.kubernetes.endpoint_slice import EndpointSlice
from hauberk_core.resources.kubernetes.namespace import Namespace
from hauberk_core.resources.kubernetes.secret import Secret
from hauberk_core.resources.kubernetes.service import Service
from hauberk_core.resources.kubernetes.service_account import ServiceAccount
from hauberk_core.resources.meta import Resource

RESOURCES: Final[tuple[type[Resource], ...]] = (
    DestinationRule,
    EndpointSlice,
    Gateway,
    GatewayClass,
    HTTPRoute,
    Namespace,
    PeerAuthentication,
    PluginPolicy,
    ReferenceGrant,
    Secret,
    Service,
    ServiceAccount,
    WorkloadEntry,
)

_BY_KEY: Final = {(kind.GROUP, kind.KIND): kind for kind in RESOURCES}
_GROUPS: Final = frozenset(kind.GROUP for kind in RESOURCES)

# Kinds of groups we know that say nothing to a proxy. Leaving them out changes nothing but where they are applied.
_BESIDE_THE_MESH: Final[dict[str, frozenset[str]]] = {
    "": frozenset(
        (
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
        )
    ),
    "networking.istio.io": frozenset(("ProxyConfig", "WorkloadGroup")),
}
# Kinds that would change who may do what, or where traffic goes. To leave these out silently would be wrong.
_NOT_SUPPORTED: Final[dict[str, frozenset[str]]] = {
    "gateway.networking.k8s.io": frozenset(
        ("BackendTLSPolicy", "GRPCRoute", "ListenerSet", "TCPRoute", "TLSRoute", "UDPRoute"),
    ),
    "networking.istio.io": frozenset(("EnvoyFilter", "Gateway", "ServiceEntry", "Sidecar", "VirtualService")),
    "security.istio.io": frozenset(("AuthorizationPolicy", "RequestAuthentication")),
    "telemetry.istio.io": frozenset(("Telemetry",)),
    "extensions.istio.io": frozenset(("WasmPlugin",)),
}
_INSTEAD: Final = {
    ("networking.istio.io", "Gateway"): "write a Gateway of gateway.networking.k8s.io/v1",
    ("networking.istio.io", "VirtualService"): "write an HTTPRoute of gateway.networking.k8s.io/v1",
}


def find_kind(api_version: str, kind: str) -> type[Resource] | None:
    """The type of an object, or None for an object that means nothing to a mesh and is passed over.

    Raises: UnknownKind for one that is misspelt, or that asks for something hauberk does not do.
    """
    group, _, version = api_version.rpartition("/")
    found = _BY_KEY.get((group, kind))
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
    fault = _misspelt(group, kind)
    if fault is not None:
        raise fault
    return None


class UnknownKind(Exception):
    """An object is of no kind that could be right; `field` is the name of the field to look at."""

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.field: Final = field
        self.fault: Final[Fault] = (message, hint)


def _misspelt(group: str, kind: str) -> UnknownKind | None:
    if group in _GROUPS:
        return _unknown_kind(group, kind)
    known = [*_GROUPS, *_NOT_SUPPORTED]
    close = nearest(group, [name for name in known if name])
    by_name = [one for one in RESOURCES if kind == one.KIND and one.GROUP]
    if by_name and (close == by_name[0].GROUP or not group):
        wanted = _api_version(by_name[0], by_name[0].VERSIONS[0])
        return UnknownKind("apiVersion", f"{kind} does not belong to the group {quote(group)}", f"write {wanted}")
    if close is not None and _differs_little(group, close):
        return UnknownKind("apiVersion", f"no group is called {quote(group)}", f"did you mean {quote(close)}?")
    return None


def _unknown_kind(group: str, kind: str) -> UnknownKind:
    """For a kind that its group, one of ours, does not have."""
    elsewhere = [one for one in RESOURCES if kind == one.KIND]
    if elsewhere:
        wanted = _api_version(elsewhere[0], elsewhere[0].VERSIONS[0])
        return UnknownKind("apiVersion", f"{kind} does not belong to the group {quote(group)}", f"write apiVersion: {wanted}")
    ours = [one.KIND for one in RESOURCES if group == one.GROUP]
    close = nearest(kind, [*ours, *_BESIDE_THE_MESH.get(group, ())])
    hint = f"did you mean {quote(close)}? " if close else ""
    return UnknownKind("kind", f"no kind is called {quote(kind)} here", f"{hint}known: {', '.join([quote(one) for one in ours])}")


def _api_version(kind: type[Resource], version: str) -> str:
    return f"{kind.GROUP}/{version}" if kind.GROUP else version


def _differs_little(group: str, other: str) -> bool:
    """Whether one may have been meant for the other. Groups share their endings, so that only near ones count."""
    import difflib

    return difflib.SequenceMatcher(None, group, other).ratio() > 0.9
