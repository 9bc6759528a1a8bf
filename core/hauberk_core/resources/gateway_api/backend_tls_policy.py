"""BackendTLSPolicy."""

import re
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, Hostname, PreciseHostname
from hauberk_core.resources.meta import LocalObjectReference, Resource
from hauberk_core.resources.names import QualifiedName, Subdomain
from hauberk_core.resources.part import Part, follows

# RFC 3986 section 3: a scheme, and an authority behind it.
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^?#]+(?:\?[^#]*)?(?:#.*)?")


def absolute_uri(text: str) -> Fault | None:
    """A URI with scheme and authority, as a certificate may have it for a name."""
    if len(text) > 253 or _URI.fullmatch(text) is None:
        return f"{quote(text)} is no absolute URI", "write for example spiffe://cluster.local/ns/books/sa/reviews"
    return None


class PolicyTarget(LocalObjectReference, frozen=True, kw_only=True):
    """What the policy is about; for a Service, `sectionName` is the name of one of its ports."""

    section_name: Subdomain | None = None


class SubjectAltName(Part, frozen=True, kw_only=True):
    """A name that the backend's certificate may have."""

    type: Literal["Hostname", "URI"]
    hostname: Hostname | None = None
    uri: Annotated[str, follows(absolute_uri)] | None = None

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        for field, type_, value in (("hostname", "Hostname", self.hostname), ("uri", "URI", self.uri)):
            if (value is not None) != (self.type == type_):
                message = f"{field} beside the type {self.type}" if value else f"the type {type_} without {field}"
                found.append(Mistake(("type",), message, "write the type whose field is given"))
        return found


class BackendTlsValidation(Part, frozen=True, kw_only=True):
    """How the backend proves who it is."""

    hostname: PreciseHostname
    """Sent as SNI, and expected in the certificate where `subjectAltNames` says nothing."""
    ca_certificate_refs: Annotated[tuple[LocalObjectReference, ...], msgspec.Meta(max_length=8)] = ()
    well_known_ca_certificates: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = msgspec.field(
        default=None, name="wellKnownCACertificates"
    )
    subject_alt_names: Annotated[tuple[SubjectAltName, ...], msgspec.Meta(max_length=5)] = ()

    def mistakes(self) -> list[Mistake]:
        if bool(self.ca_certificate_refs) == (self.well_known_ca_certificates is not None):
            message = "either caCertificateRefs or wellKnownCACertificates says who is believed"
            return [Mistake((), message, "write one of the two")]
        return []


class BackendTlsPolicySpec(Part, frozen=True, kw_only=True):
    """Which backends are reached inside TLS, and what they must prove."""

    target_refs: Annotated[tuple[PolicyTarget, ...], msgspec.Meta(min_length=1, max_length=16)]
    validation: BackendTlsValidation
    options: dict[QualifiedName, str] = msgspec.field(default_factory=dict)

    def mistakes(self) -> list[Mistake]:
        return [
            Mistake(("targetRefs", index), "this target is named twice", "remove one of the two, or name different sections")
            for index, target in enumerate(self.target_refs)
            if target in self.target_refs[:index]
        ]


class BackendTLSPolicy(Resource, frozen=True, kw_only=True):
    """TLS to backends that are no part of the mesh."""

    GROUP: ClassVar[str] = GATEWAY_GROUP
    KIND: ClassVar[str] = "BackendTLSPolicy"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1alpha3")

    spec: BackendTlsPolicySpec
