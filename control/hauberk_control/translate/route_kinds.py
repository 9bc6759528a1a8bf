"""Which kinds of routes a listener takes, by what it speaks."""

from typing import Final

from hauberk_core.resources import GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute
from hauberk_core.resources.gateway_api.route import Route

ROUTE_KINDS: Final[tuple[type[Route], ...]] = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute)
"""All that Gateway API has."""

RequestRoute = HTTPRoute | GRPCRoute
"""A route of requests: a call of gRPC is one of HTTP/2."""
REQUEST_ROUTES: Final = (HTTPRoute, GRPCRoute)
"""Their kinds."""

_BY_PROTOCOL: Final[dict[str, tuple[type[Route], ...]]] = {
    "HTTP": (HTTPRoute, GRPCRoute),
    "HTTPS": (HTTPRoute, GRPCRoute),
    "TLS": (TLSRoute,),
    "TCP": (TCPRoute,),
    "UDP": (UDPRoute,),
}


def route_kinds(protocol: str) -> tuple[str, ...]:
    """Those that listeners of a protocol can take here; none: the protocol is not served."""
    return tuple([kind.KIND for kind in _BY_PROTOCOL.get(protocol, ())])


def served_protocols() -> tuple[str, ...]:
    """Those that a listener may have here."""
    return tuple(_BY_PROTOCOL)
