"""Which ListenerSets belong to which Gateway (Gateway API, GEP-1713)."""

from collections.abc import Mapping
from typing import Final

from hauberk_control.store import Store
from hauberk_control.translate.chosen_namespaces import chooses
from hauberk_control.translate.precedence import seniority
from hauberk_core.resources import Gateway, ListenerSet
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP


class ListenerSets:
    """Those of one store."""

    def __init__(self, store: Store, namespaces: Mapping[str, dict[str, str]]) -> None:
        """Args: namespaces - the labels of each that is known."""
        self._namespaces: Final = namespaces
        self._by_gateway: Final[dict[tuple[str, str], list[ListenerSet]]] = {}
        for own in store.of(ListenerSet):
            parent = own.spec.parent_ref
            if (parent.group, parent.kind) == (GATEWAY_GROUP, Gateway.KIND):
                self._by_gateway.setdefault(gateway_name(own), []).append(own)
        for several in self._by_gateway.values():
            several.sort(key=lambda one: seniority(one.metadata))

    def of(self, gateway: Gateway) -> list[ListenerSet]:
        """Those that the Gateway lets attach, the one that goes first in conflicts first."""
        several = self._by_gateway.get((gateway.metadata.namespace, gateway.metadata.name), [])
        return [own for own in several if self.allows(gateway, own)]

    def allows(self, gateway: Gateway, own: ListenerSet) -> bool:
        """Whether the Gateway lets a set attach that names it."""
        allowed = gateway.spec.allowed_listeners
        if allowed is None:
            return False
        return chooses(allowed.namespaces, gateway.metadata.namespace, own.metadata.namespace, self._namespaces)


def gateway_name(own: ListenerSet) -> tuple[str, str]:
    """Namespace and name of the Gateway that a set names."""
    return own.spec.parent_ref.namespace or own.metadata.namespace, own.spec.parent_ref.name
