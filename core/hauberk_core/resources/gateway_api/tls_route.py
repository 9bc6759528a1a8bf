"""TLSRoute."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.resources.gateway_api.connection_route import ConnectionRoute, ConnectionRouteSpec
from hauberk_core.resources.gateway_api.references import Hostname


class TlsRouteSpec(ConnectionRouteSpec, frozen=True, kw_only=True):
    """Where the route attaches, for which server names (SNI), and its rule."""

    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(min_length=1, max_length=1024)]


class TLSRoute(ConnectionRoute, frozen=True, kw_only=True):
    """Where the TLS connections for some server names go."""

    KIND: ClassVar[str] = "TLSRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1alpha3", "v1alpha2")

    spec: TlsRouteSpec

    def hosts(self) -> tuple[str, ...]:
        return self.spec.hostnames
