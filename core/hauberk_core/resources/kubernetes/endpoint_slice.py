"""EndpointSlice."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.address import is_host_name, is_ip_address
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import IGNORED, Ignored, Part, PortNumber

SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""This label of a slice names the service it belongs to."""


def _is_version(version: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        return is_ip_address(text) and (":" in text) == (version == 6)

    return fits


_ADDRESS_FORMS: Final = {"IPv4": _is_version(4), "IPv6": _is_version(6), "FQDN": is_host_name}


class EndpointConditions(Part, frozen=True, kw_only=True):
    """What is known of an endpoint; None is unknown, and unknown readiness counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Part, frozen=True, kw_only=True):
    """One workload's address."""

    addresses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    """Equivalent to each other; the first is used."""
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    deprecated_topology: Ignored = IGNORED
    hints: Ignored = IGNORED
    target_ref: Ignored = IGNORED


class EndpointPort(Part, frozen=True, kw_only=True):
    """One port that all endpoints of a slice have."""

    port: PortNumber | None = None
    name: str = ""
    """The name of the service's port."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None


class EndpointSlice(Resource, frozen=True, kw_only=True):
    """Endpoints of a service, told apart from its selector."""

    GROUP: ClassVar[str] = "discovery.k8s.io"
    KIND: ClassVar[str] = "EndpointSlice"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(max_length=1000)] = ()
    ports: Annotated[tuple[EndpointPort, ...], msgspec.Meta(max_length=100)] = ()

    def mistakes(self) -> list[Mistake]:
        fits = _ADDRESS_FORMS[self.address_type]
        found: list[Mistake] = []
        for index, endpoint in enumerate(self.endpoints):
            for position, address in enumerate(endpoint.addresses):
                if not fits(address):
                    message = f"{quote(address)} is no address of the type {self.address_type}"
                    hint = "correct it, or the slice's addressType"
                    found.append(Mistake(("endpoints", index, "addresses", position), message, hint))
        return found

    def service(self) -> str:
        """The name of the service, in the same namespace; empty if none is named."""
        return self.metadata.labels.get(SERVICE_NAME_LABEL, "")
