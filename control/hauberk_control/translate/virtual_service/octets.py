"""The rules for connections that are no requests: which one takes those from a caller to a port."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from hauberk_control.translate.destination_rule import Caller
from hauberk_control.translate.virtual_service.callers import concerns
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import VirtualService
from hauberk_core.resources.istio.virtual_service import L4Match, RouteDestination


def octet_route(owner: VirtualService, caller: Caller, port: int, addresses: Sequence[str]) -> tuple[RouteDestination, ...]:
    """Where connections go, by the first rule that takes them; none: no rule does.

    Args: addresses - of the service that is called. A range that one of them is in takes them all.
    """
    for rule in owner.spec.tcp:
        if not rule.match or any(_takes(match, owner, caller, port, addresses) for match in rule.match):
            return rule.route
    return ()


def _takes(match: L4Match, owner: VirtualService, caller: Caller, port: int, addresses: Sequence[str]) -> bool:
    # One that says where connections come from cannot be kept, and must not take others' too.
    if match.source_subnet is not None or not concerns(match, owner.spec.gateways, caller, port):
        return False
    return not match.destination_subnets or any(_is_in(address, match.destination_subnets) for address in addresses)


def _is_in(address: str, subnets: Iterable[str]) -> bool:
    parsed = ipaddress.ip_address(address)
    networks = [network for network in map(_network, subnets) if network is not None]
    return any(parsed.version == network.version and parsed in network for network in networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def check_octets(owner: VirtualService) -> Iterator[Mistake]:
    """What of the rules has no effect."""
    if owner.spec.tls:
        message = "rules for TLS by server name are not done yet: connections go to the service that was called"
        yield Mistake(("spec", "tls"), message, "leave them out, or write tcp for the port", "warning")
    for index, rule in enumerate(owner.spec.tcp):
        for position, match in enumerate(rule.match):
            path = ("spec", "tcp", index, "match", position)
            if match.source_subnet is not None:
                message = "a sidecar has one workload, which its labels tell: this match takes nothing"
                yield Mistake((*path, "sourceSubnet"), message, "write sourceLabels", "warning")
            for number, subnet in enumerate(match.destination_subnets):
                if _network(subnet) is None:
                    message = f"{quote(subnet)} is no address and no range: it takes nothing"
                    yield Mistake((*path, "destinationSubnets", number), message, "write for example 10.1.0.0/16", "warning")
