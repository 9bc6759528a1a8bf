"""Routes of requests with their backends, bound once for all proxies that reach these in the same way, and until they change.

What a rule becomes depends on its route and on objects of a few kinds, and on a proxy only by the clusters among which requests
for its backends are shared. So the proxies of a mesh have the same rules, as the same objects, which also makes them quick to
compare and to encode. From one store to the next all stay but those of routes that are other ones, unless something has changed
on which all depend.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_control.store import Object, ObjectKey, Store
from hauberk_control.translate.backend import Backend, Unresolved
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.route_kinds import REQUEST_ROUTES
from hauberk_control.translate.route_plan import BackendPlan, MirrorPlan
from hauberk_core.model.route import Route
from hauberk_core.resources import BackendTLSPolicy, PluginPolicy, ReferenceGrant, Resource, Service
from hauberk_core.resources.kubernetes.service import ServicePort

RouteKey = tuple[str, str, str, bool]
"""A route's kind, namespace and name, and whether it is for callers inside the mesh, who may refer to more."""
Shares = tuple[tuple[str, int], ...]
"""Among which clusters a destination's requests are divided, and how."""


class Targets(NamedTuple):
    """What a route leads to."""

    destinations: tuple[tuple[Service, ServicePort], ...]
    """Each once."""
    findings: tuple[Finding, ...]
    """What is wrong with the route and with its references."""
    refused: bool


_LED_TO: Final[tuple[type[Resource], ...]] = (Service, ReferenceGrant, BackendTLSPolicy, PluginPolicy)
"""Kinds that say where references lead, and with which plugins."""


# Ways in which proxies share requests for one route: several at once where DestinationRules differ by caller, and another one
# each time that a destination's endpoints change their shares.
_MOST_WAYS: Final = 64


class BoundRoutes:
    """Those of the store looked at."""

    def __init__(self) -> None:
        self._store = Store()
        self._targets: Final[dict[RouteKey, Targets]] = {}
        self._rules: Final[dict[RouteKey, dict[tuple[Shares, ...], tuple[Route, ...]]]] = {}

    def look_at(self, store: Store) -> None:
        """From now on these are the routes of `store`: forget what is another one there."""
        before, self._store = self._store, store
        if any(_differ(before.part(kind), store.part(kind)) for kind in _LED_TO):
            self._targets.clear()
            self._rules.clear()
            return
        for kind in REQUEST_ROUTES:
            old, new = before.part(kind), store.part(kind)
            if old is new:
                continue
            for key in [key for key, item in old.items() if new.get(key) != item]:
                for in_mesh in (False, True):
                    self._targets.pop((key.kind, key.namespace, key.name, in_mesh), None)
                    self._rules.pop((key.kind, key.namespace, key.name, in_mesh), None)

    def targets(self, key: RouteKey) -> Targets | None:
        """What a route leads to; None where nobody has looked yet."""
        return self._targets.get(key)

    def note_targets(self, key: RouteKey, targets: Targets) -> None:
        """Remember it."""
        self._targets[key] = targets

    def rules(self, key: RouteKey, shares: tuple[Shares, ...]) -> tuple[Route, ...] | None:
        """A route's rules, for proxies that share requests for its destinations like this; None where nobody has bound them."""
        return self._rules.get(key, {}).get(shares)

    def note_rules(self, key: RouteKey, shares: tuple[Shares, ...], rules: tuple[Route, ...]) -> None:
        """Remember them."""
        kept = self._rules.setdefault(key, {})
        if len(kept) >= _MOST_WAYS:
            kept.clear()
        kept[shares] = rules


def destinations(
    resolved: list[tuple[BackendPlan | MirrorPlan, Backend | Unresolved]],
) -> tuple[tuple[Service, ServicePort], ...]:
    """The ports of services among what references lead to, each once."""
    found: dict[tuple[str, str, int], tuple[Service, ServicePort]] = {}
    for _, backend in resolved:
        if isinstance(backend, Backend):
            metadata = backend.service.metadata
            found[metadata.namespace, metadata.name, backend.port.port] = (backend.service, backend.port)
    return tuple(found.values())


def _differ(before: Mapping[ObjectKey, Object], now: Mapping[ObjectKey, Object]) -> bool:
    return before is not now and before != now
