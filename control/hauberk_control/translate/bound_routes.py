"""HTTPRoutes with their backends, bound once for all proxies of a store that reach these backends in the same way.

What a rule becomes depends on the store, and on a proxy only by the clusters among which requests for its backends are shared. So
the proxies of a mesh have the same rules, as the same objects, which also makes them quick to compare and to encode.
"""

from typing import Final, NamedTuple

from hauberk_control.translate.backend import Backend, Unresolved
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.route_plan import BackendPlan, MirrorPlan
from hauberk_core.model.route import Route
from hauberk_core.resources import Service
from hauberk_core.resources.kubernetes.service import ServicePort

RouteKey = tuple[str, str, bool]
"""A route's namespace and name, and whether it is for callers inside the mesh, who may refer to more."""
Shares = tuple[tuple[str, int], ...]
"""Among which clusters a destination's requests are divided, and how."""


class Targets(NamedTuple):
    """What a route leads to."""

    destinations: tuple[tuple[Service, ServicePort], ...]
    """Each once."""
    findings: tuple[Finding, ...]
    """What is wrong with the route and with its references."""
    refused: bool


class BoundRoutes:
    """Those of one store."""

    def __init__(self) -> None:
        self._targets: Final[dict[RouteKey, Targets]] = {}
        self._rules: Final[dict[tuple[RouteKey, tuple[Shares, ...]], tuple[Route, ...]]] = {}

    def targets(self, key: RouteKey) -> Targets | None:
        """What a route leads to; None where nobody has looked yet."""
        return self._targets.get(key)

    def note_targets(self, key: RouteKey, targets: Targets) -> None:
        """Remember it."""
        self._targets[key] = targets

    def rules(self, key: RouteKey, shares: tuple[Shares, ...]) -> tuple[Route, ...] | None:
        """A route's rules, for proxies that share requests for its destinations like this; None where nobody has bound them."""
        return self._rules.get((key, shares))

    def note_rules(self, key: RouteKey, shares: tuple[Shares, ...], rules: tuple[Route, ...]) -> None:
        """Remember them."""
        self._rules[key, shares] = rules


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
