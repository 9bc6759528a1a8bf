"""What TCPRoute, TLSRoute and UDPRoute have in common: they divide connections or datagrams as a whole."""

from typing import Annotated

import msgspec

from hauberk_core.resources.gateway_api.route import BackendRef, Route, RouteSpec
from hauberk_core.resources.names import Subdomain
from hauberk_core.resources.part import Part


class ConnectionRule(Part, frozen=True, kw_only=True):
    """Where connections, or datagrams, go."""

    name: Subdomain | None = None
    backend_refs: Annotated[tuple[BackendRef, ...], msgspec.Meta(min_length=1, max_length=16)]


class ConnectionRouteSpec(RouteSpec, frozen=True, kw_only=True):
    """Where a route attaches, and its rule; what it takes is decided by the listener alone, so there is but one."""

    rules: Annotated[tuple[ConnectionRule, ...], msgspec.Meta(min_length=1, max_length=1)]


class ConnectionRoute(Route, frozen=True, kw_only=True):
    """A route for connections or datagrams."""

    spec: ConnectionRouteSpec

    def backends(self) -> tuple[BackendRef, ...]:
        return tuple([backend for rule in self.spec.rules for backend in rule.backend_refs])
