"""Gateway."""

import re
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, Hostname, ObjectReference, SecretObjectReference
from hauberk_core.resources.meta import LabelSelector, LocalObjectReference, Resource
from hauberk_core.resources.names import Group, Kind, Labels, QualifiedName, Subdomain
from hauberk_core.resources.part import Part, PortNumber, follows

_PROTOCOLS: Final = ("HTTP", "HTTPS", "TLS", "TCP", "UDP")
_OWN_PROTOCOL: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]+")


def listener_protocol(text: str) -> Fault | None:
    """HTTP, HTTPS, TLS, TCP, UDP, or a protocol of somebody's own with a DNS name before it."""
    if text in _PROTOCOLS or (len(text) <= 255 and _OWN_PROTOCOL.fullmatch(text)):
        return None
    meant = f"write {text.upper()}" if text.upper() in _PROTOCOLS else f"write one of {', '.join(_PROTOCOLS)}"
    return f"{quote(text)} is no protocol of a listener", meant


class RouteNamespaces(Part, kw_only=True):
    """Whose routes may attach; `Selector` goes by the labels of their namespaces."""

    from_: Literal["All", "Selector", "Same", "None"] = msgspec.field(default="Same", name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Part, kw_only=True):
    """A kind of route."""

    kind: Kind
    group: Group = GATEWAY_GROUP


class AllowedRoutes(Part, kw_only=True):
    """Which routes may attach to a listener; no kinds: those that fit its protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[RouteGroupKind, ...], msgspec.Meta(max_length=8)] = ()


class ListenerTlsConfig(Part, kw_only=True):
    """How a listener speaks TLS."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[tuple[SecretObjectReference, ...], msgspec.Meta(max_length=64)] = ()
    options: dict[QualifiedName, str] = {}


class GatewayListener(Part, kw_only=True):
    """One port, protocol and set of host names."""

    name: Subdomain
    port: PortNumber
    protocol: Annotated[str, follows(listener_protocol)]
    hostname: Hostname | None = None
    """None: every host."""
    tls: ListenerTlsConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Part, kw_only=True):
    """Where a gateway should be reached; without a value the controller chooses."""

    type: str = "IPAddress"
    value: str = ""


class GatewayInfrastructure(Part, kw_only=True):
    """What to put on the objects made for a gateway."""

    labels: Labels = {}
    annotations: dict[QualifiedName, str] = {}
    parameters_ref: LocalObjectReference | None = None


class AllowedListeners(Part, kw_only=True):
    """Whose ListenerSets may attach."""

    namespaces: RouteNamespaces = RouteNamespaces(from_="None")


class FrontendValidation(Part, kw_only=True):
    """How clients' certificates are checked."""

    ca_certificate_refs: Annotated[tuple[ObjectReference, ...], msgspec.Meta(min_length=1, max_length=8)]
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class FrontendTlsPort(Part, kw_only=True):
    """Settings for clients of one port."""

    validation: FrontendValidation | None = None


class FrontendTlsPerPort(Part, kw_only=True):
    """Overrides the default for one port."""

    port: PortNumber
    tls: FrontendTlsPort


class FrontendTls(Part, kw_only=True):
    """How the gateway and its clients prove who they are."""

    default: FrontendTlsPort
    per_port: Annotated[tuple[FrontendTlsPerPort, ...], msgspec.Meta(max_length=64)] = ()


class BackendTls(Part, kw_only=True):
    """What the gateway shows its backends."""

    client_certificate_ref: SecretObjectReference | None = None


class GatewayTls(Part, kw_only=True):
    """Settings for all of a gateway's connections."""

    backend: BackendTls | None = None
    frontend: FrontendTls | None = None


class GatewaySpec(Part, kw_only=True):
    """Listeners of one class."""

    gateway_class_name: Subdomain
    listeners: Annotated[tuple[GatewayListener, ...], msgspec.Meta(min_length=1, max_length=64)]
    addresses: Annotated[tuple[GatewayAddress, ...], msgspec.Meta(max_length=16)] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTls | None = None


class Gateway(Resource, kw_only=True):
    """A place where traffic enters."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "Gateway"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: GatewaySpec
