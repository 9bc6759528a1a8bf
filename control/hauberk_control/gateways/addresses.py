"""Where a Gateway is reached: what its owner asks for, and what it has.

An address of the type IPAddress is asked of the load balancer. One of the type Hostname names a Service of somebody's own, as in
Istio: then the Gateway is served by that Service's pods, and nothing is made for it.
"""

import ipaddress
from collections.abc import Sequence
from typing import Literal, NamedTuple

from hauberk_core.resources import Gateway, Service


class StatusAddress(NamedTuple):
    """An entry of a Gateway's `status.addresses`."""

    type: Literal["IPAddress", "Hostname"]
    value: str


class WantedAddresses(NamedTuple):
    """A Gateway's `spec.addresses`, understood."""

    ips: tuple[str, ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    """Namespace and name of each Service that is named instead of an address."""
    unsupported: tuple[str, ...] = ()
    """Types of addresses that nobody here can give."""

    @property
    def is_manual(self) -> bool:
        """Whether the Gateway is served by pods that somebody else has made."""
        return bool(self.services)


class GatewayAddresses(NamedTuple):
    """What there is to say of a Gateway's addresses in its status."""

    addresses: tuple[StatusAddress, ...] = ()
    """Where it is reached; none: nowhere yet."""
    unsupported: tuple[str, ...] = ()
    """Types that were asked for and cannot be given: the Gateway is not accepted (UnsupportedAddress)."""
    unusable: tuple[str, ...] = ()
    """Addresses that were asked for and that it has not got: it is not programmed (AddressNotUsable)."""


def wanted_addresses(gateway: Gateway) -> WantedAddresses:
    """What `spec.addresses` asks for. One without a value leaves the choice to us, which is the same as none."""
    ips: list[str] = []
    services: list[tuple[str, str]] = []
    unsupported: list[str] = []
    for address in gateway.spec.addresses:
        if address.type not in ("IPAddress", "Hostname"):
            unsupported.append(address.type)
        elif address.value and address.type == "IPAddress":
            ips.append(address.value)
        elif address.value:
            services.append(_service_of(address.value, gateway.metadata.namespace))
    return WantedAddresses(tuple(ips), tuple(services), tuple(unsupported))


def gateway_addresses(wanted: WantedAddresses, services: Sequence[Service | None]) -> GatewayAddresses:
    """Where a Gateway is reached, by its Services as they are now.

    Args: services - the one that was made for it, or those that `wanted` names; None for one that is not there.
    """
    found: dict[StatusAddress, None] = {}
    for service in services:
        if service is not None:
            found |= dict.fromkeys(_addresses_of(service))
    has = {_ip(address.value) for address in found}
    unusable = [ip for ip in wanted.ips if _ip(ip) not in has]
    for (namespace, name), service in zip(wanted.services, services, strict=False):
        if service is None:
            unusable.append(f"{name}.{namespace}")
    return GatewayAddresses(tuple(found), wanted.unsupported, tuple(unusable))


def _addresses_of(service: Service) -> list[StatusAddress]:
    """A load balancer's, once it has some; otherwise the addresses inside the cluster."""
    if service.spec.type == "LoadBalancer":
        ingress = service.status.load_balancer.ingress
        return [StatusAddress("IPAddress", one.ip) if one.ip else StatusAddress("Hostname", one.hostname) for one in ingress]
    own = service.spec.cluster_ips or ((service.spec.cluster_ip,) if service.spec.cluster_ip else ())
    return [StatusAddress("IPAddress", ip) for ip in own if ip != "None"]


def _service_of(host: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of the Service that a host name means: `NAME`, `NAME.NAMESPACE`, or longer."""
    name, _, rest = host.partition(".")
    return (rest.partition(".")[0] or namespace), name


def _ip(text: str) -> object:
    """An address in a form that can be compared, because IPv6 has several spellings; what is none stays as it is."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return text
