"""How objects of Gateway API name other objects, and rules that several of its kinds share."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault, host_pattern
from hauberk_core.resources.names import Group, Kind, Label, Subdomain, dns_subdomain
from hauberk_core.resources.part import Part, PortNumber, follows

GATEWAY_GROUP: Final = "gateway.networking.k8s.io"


def route_hostname(text: str) -> Fault | None:
    """A host name in lower case, or `*.name`; Gateway API allows no IP addresses here."""
    fault = host_pattern(text)
    if fault is not None:
        return fault
    if text != text.lower():
        return f"the host name {quote(text)} has capital letters", f"write {text.lower()}"
    return dns_subdomain(text.removeprefix("*.")) or _no_address(text)


def precise_hostname(text: str) -> Fault | None:
    """A host name in lower case, without wildcard."""
    if text.startswith("*"):
        return f"{quote(text)} names many hosts", "write one host name, for example bookshop.test"
    return route_hostname(text)


def _no_address(text: str) -> Fault | None:
    if text.replace(".", "").isdigit():
        return f"{quote(text)} is an IP address", "write a host name; leave the field out for any host"
    return None


def missing_port(group: str, kind: str, port: int | None) -> list[Mistake]:
    """A Service cannot be reached without knowing at which port."""
    if (group, kind) == ("", "Service") and port is None:
        return [Mistake((), "a Service is named without a port", "add the port, one of the service's own")]
    return []


Hostname = Annotated[str, follows(route_hostname)]
PreciseHostname = Annotated[str, follows(precise_hostname)]


class ParentReference(Part, frozen=True, kw_only=True):
    """What a route attaches to: a Gateway (or one listener of it), or a Service in a mesh."""

    name: Subdomain
    group: Group = GATEWAY_GROUP
    kind: Kind = "Gateway"
    namespace: Label | None = None
    """None: the route's own."""
    section_name: Subdomain | None = None
    port: PortNumber | None = None


class BackendObjectReference(Part, frozen=True, kw_only=True):
    """Where requests go."""

    name: Subdomain
    group: Group = ""
    kind: Kind = "Service"
    namespace: Label | None = None
    """None: the referring object's own. Another one must allow it by a ReferenceGrant."""
    port: PortNumber | None = None
    """Required for a Service."""

    def mistakes(self) -> list[Mistake]:
        return missing_port(self.group, self.kind, self.port)


class SecretObjectReference(Part, frozen=True, kw_only=True):
    """Where a certificate and its key are."""

    name: Subdomain
    group: Group = ""
    kind: Kind = "Secret"
    namespace: Label | None = None


class ObjectReference(Part, frozen=True, kw_only=True):
    """Names an object of any kind."""

    group: Group
    kind: Kind
    name: Subdomain
    namespace: Label | None = None


class Fraction(Part, frozen=True, kw_only=True):
    """A share of requests."""

    numerator: Annotated[int, msgspec.Meta(ge=0)]
    denominator: Annotated[int, msgspec.Meta(ge=1)] = 100

    def mistakes(self) -> list[Mistake]:
        if self.numerator > self.denominator:
            return [Mistake(("numerator",), "more than the whole", f"write at most {self.denominator}")]
        return []
