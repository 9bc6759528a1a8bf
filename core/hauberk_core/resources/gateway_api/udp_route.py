"""UDPRoute."""

from typing import ClassVar

from hauberk_core.resources.gateway_api.connection_route import ConnectionRoute, ConnectionRouteSpec


class UDPRoute(ConnectionRoute, frozen=True, kw_only=True):
    """Where the UDP datagrams of a listener go."""

    KIND: ClassVar[str] = "UDPRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1alpha2")

    spec: ConnectionRouteSpec
