"""TCPRoute."""

from typing import ClassVar

from hauberk_core.resources.gateway_api.connection_route import ConnectionRoute, ConnectionRouteSpec


class TCPRoute(ConnectionRoute, frozen=True, kw_only=True):
    """Where the TCP connections of a listener go."""

    KIND: ClassVar[str] = "TCPRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1alpha2")

    spec: ConnectionRouteSpec
