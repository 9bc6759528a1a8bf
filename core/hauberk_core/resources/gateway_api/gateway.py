"""Gateway."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, Hostname, ObjectReference, SecretObjectReference
from hauberk_core.resources.meta import LabelSelector, LocalObjectReference, Resource
from hauberk_core.resources.names import Group, Kind, Labels, QualifiedName, Subdomain
from hauberk_core.resources.part import Part, PortNumber, follows, repeated

_PROTOCOLS: Final = ("HTTP", "HTTPS", "TLS", "TCP", "UDP")
# A word, or one with a DNS name before it.
_PROTOCOL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]+")


def listener_protocol(text: str) -> Fault | None:
    """HTTP, HTTPS, TLS, TCP, UDP, or a word that may be some other controller's protocol."""
    if text.upper() in _PROTOCOLS and text not in _PROTOCOLS:
        return f"{quote(text)} is no protocol of a listener", f"write {text.upper()}"
    if len(text) > 255 or _PROTOCOL.fullmatch(text) is None:
        return f"{quote(text)} is no protocol of a listener", f"write one of {', '.join(_PROTOCOLS)}"
    return None


class RouteNamespaces(Part, frozen=True, kw_only=True):
    """Whose routes may attach; `Selector` goes by the labels of their namespaces."""

    from_: Literal["All", "Selector", "Same", "None"] = msgspec.field(default="Same", name="from")
    selector: LabelSelector | None = None

    def mistakes(self) -> list[Mistake]:
        if self.from_ == "Selector" and self.selector is None:
            return [Mistake(("from",), "Selector without a selector", "add a selector, or write All, Same or None")]
        return []


class RouteGroupKind(Part, frozen=True, kw_only=True):
    """A kind of route."""

    kind: Kind
    group: Group = GATEWAY_GROUP


class AllowedRoutes(Part, frozen=True, kw_only=True):
    """Which routes may attach to a listener; no kinds: those that fit its protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[RouteGroupKind, ...], msgspec.Meta(max_length=8)] = ()


class ListenerTlsConfig(Part, frozen=True, kw_only=True):
    """How a listener speaks TLS."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[tuple[SecretObjectReference, ...], msgspec.Meta(max_length=64)] = ()
    options: dict[QualifiedName, str] = msgspec.field(default_factory=dict)

    def mistakes(self) -> list[Mistake]:
        if self.mode == "Terminate" and not self.certificate_refs and not self.options:
            return [Mistake((), "no certificate to show", "add certificateRefs that name a Secret of the type kubernetes.io/tls")]
        return []


class GatewayListener(Part, frozen=True, kw_only=True):
    """One port, protocol and set of host names."""

    name: Subdomain
    port: PortNumber
    protocol: Annotated[str, follows(listener_protocol)]
    hostname: Hostname | None = None
    """None: every host."""
    tls: ListenerTlsConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        if self.protocol in ("HTTPS", "TLS") and self.tls is None:
            found.append(Mistake(("protocol",), f"an {self.protocol} listener without tls", "add tls with certificateRefs"))
        if self.protocol in ("HTTP", "TCP", "UDP") and self.tls is not None:
            found.append(
                Mistake(("tls",), f"tls at a listener of the protocol {self.protocol}", "remove it, or write HTTPS or TLS")
            )
        if self.protocol in ("TCP", "UDP") and self.hostname:
            found.append(Mistake(("hostname",), f"{self.protocol} knows no host names", "remove it"))
        if self.protocol == "HTTPS" and self.tls is not None and self.tls.mode != "Terminate":
            found.append(Mistake(("tls", "mode"), "an HTTPS listener ends TLS itself", "write Terminate, or the protocol TLS"))
        return found


class GatewayAddress(Part, frozen=True, kw_only=True):
    """Where a gateway should be reached; without a value the controller chooses."""

    type: str = "IPAddress"
    value: str = ""


class GatewayInfrastructure(Part, frozen=True, kw_only=True):
    """What to put on the objects made for a gateway."""

    labels: Labels = msgspec.field(default_factory=dict)
    annotations: dict[QualifiedName, str] = msgspec.field(default_factory=dict)
    parameters_ref: LocalObjectReference | None = None


class AllowedListeners(Part, frozen=True, kw_only=True):
    """Whose ListenerSets may attach."""

    namespaces: RouteNamespaces = RouteNamespaces(from_="None")


class FrontendValidation(Part, frozen=True, kw_only=True):
    """How clients' certificates are checked."""

    ca_certificate_refs: Annotated[tuple[ObjectReference, ...], msgspec.Meta(min_length=1, max_length=16)]
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class FrontendTlsPort(Part, frozen=True, kw_only=True):
    """Settings for clients of one port."""

    validation: FrontendValidation | None = None


class FrontendTlsPerPort(Part, frozen=True, kw_only=True):
    """Overrides the default for one port."""

    port: PortNumber
    tls: FrontendTlsPort


class FrontendTls(Part, frozen=True, kw_only=True):
    """How the gateway and its clients prove who they are."""

    default: FrontendTlsPort
    per_port: Annotated[tuple[FrontendTlsPerPort, ...], msgspec.Meta(max_length=64)] = ()


class BackendTls(Part, frozen=True, kw_only=True):
    """What the gateway shows its backends."""

    client_certificate_ref: SecretObjectReference | None = None


class GatewayTls(Part, frozen=True, kw_only=True):
    """Settings for all of a gateway's connections."""

    backend: BackendTls | None = None
    frontend: FrontendTls | None = None


class GatewaySpec(Part, frozen=True, kw_only=True):
    """Listeners of one class."""

    gateway_class_name: Subdomain
    listeners: Annotated[tuple[GatewayListener, ...], msgspec.Meta(min_length=1, max_length=64)]
    addresses: Annotated[tuple[GatewayAddress, ...], msgspec.Meta(max_length=16)] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTls | None = None
    default_scope: Literal["All", "None"] = "None"
    """`All`: takes the routes that use default Gateways, too."""

    def mistakes(self) -> list[Mistake]:
        found = listeners_twice(self.listeners)
        given = [f"{one.type} {one.value}" if one.value else None for one in self.addresses]
        return found + repeated("addresses", given, "mention of the")


def listeners_twice(listeners: Sequence[GatewayListener]) -> list[Mistake]:
    """A mistake for each listener of a list whose name, or whose place, an earlier one has."""
    found = repeated("listeners", [listener.name for listener in listeners], "listener called")
    places = [f"{one.protocol} {one.hostname or '*'}:{one.port}" for one in listeners]
    return found + repeated("listeners", places, "listener for")


class Gateway(Resource, frozen=True, kw_only=True):
    """A place where traffic enters."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "Gateway"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: GatewaySpec
