"""Which kinds of routes a listener takes, by what it speaks."""

from typing import Final

from hauberk_control.translate.undone import is_served
from hauberk_core.resources import GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute
from hauberk_core.resources.gateway_api.route import Route

ROUTE_KINDS: Final[tuple[type[Route], ...]] = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute)
"""All that Gateway API has."""

_BY_PROTOCOL: Final[dict[str, tuple[type[Route], ...]]] = {
    "HTTP": (HTTPRoute, GRPCRoute),
    "HTTPS": (HTTPRoute, GRPCRoute),
    "TLS": (TLSRoute,),
    "TCP": (TCPRoute,),
    "UDP": (UDPRoute,),
}


def route_kinds(protocol: str) -> tuple[str, ...]:
    """Those that listeners of a protocol can take here; none: the protocol is not served."""
    return tuple([kind.KIND for kind in _BY_PROTOCOL.get(protocol, ()) if is_served(kind)])


def served_protocols() -> tuple[str, ...]:
    """Those that a listener may have here."""
    return tuple([protocol for protocol in _BY_PROTOCOL if route_kinds(protocol)])
