"""Whose an address of the cluster is: nobody else's objects may lead its callers elsewhere."""

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

from hauberk_control.store import Store
from hauberk_control.translate.pods import running_pods
from hauberk_core.resources import Service


def address_owners(store: Store) -> Mapping[str, str]:
    """The namespaces of services and running pods, by each of their addresses as `same_address` writes it."""
    owners: dict[str, str] = {}
    for pod in running_pods(store):
        owners.update(dict.fromkeys(_written(pod.addresses()), pod.metadata.namespace))
    for service in store.of(Service):
        owners.update(
            dict.fromkeys(_written((service.spec.cluster_ip or "", *service.spec.cluster_ips)), service.metadata.namespace)
        )
    return MappingProxyType(owners)


def same_address(text: str) -> str | None:
    """A numeric address in the one form that can be compared; None: it is none, or one that means another machine elsewhere."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None else str(address)


def _written(texts: tuple[str, ...]) -> list[str]:
    return [address for text in texts if (address := same_address(text)) is not None]
