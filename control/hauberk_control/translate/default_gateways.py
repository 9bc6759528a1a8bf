"""Gateways that take routes which name none (Gateway API, GEP-3793)."""

from typing import Final

from hauberk_control.store import Store
from hauberk_core.resources import Gateway
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, ParentReference
from hauberk_core.resources.gateway_api.route import Route


class DefaultGateways:
    """Those of one store."""

    def __init__(self, store: Store) -> None:
        self._references: Final = tuple(
            [
                ParentReference(name=gateway.metadata.name, namespace=gateway.metadata.namespace)
                for gateway in store.of(Gateway)
                if gateway.spec.default_scope == "All"
            ]
        )

    def parents(self, route: Route) -> tuple[ParentReference, ...]:
        """Everything that a route attaches to: what it names and, where it uses default Gateways, those that it does not name."""
        named = route.spec.parent_refs
        if route.spec.use_default_gateways != "All":
            return named
        own = route.metadata.namespace
        known = {(one.namespace or own, one.name) for one in named if (one.group, one.kind) == (GATEWAY_GROUP, Gateway.KIND)}
        return (*named, *[one for one in self._references if (one.namespace, one.name) not in known])
