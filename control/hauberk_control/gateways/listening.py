"""The ports of a Gateway: which its Service has, and where its pods listen for them."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from hauberk_core.pod import ADMIN_PORT, INBOUND_PORT, METRICS_PORT, OUTBOUND_PORT, READY_PORT
from hauberk_core.resources.gateway_api.gateway import GatewayListener

_FIRST_UNPRIVILEGED: Final = 1024
_TAKEN: Final = frozenset((ADMIN_PORT, OUTBOUND_PORT, INBOUND_PORT, METRICS_PORT, READY_PORT))
# Not 8000, as people write it by hand: a Gateway that listens on 80 and on 8080 is common.
_MOVED_BY: Final = 10_000
# Kubernetes' names for what a port speaks (Service, appProtocol).
_APP_PROTOCOLS: Final = {"HTTP": "http", "HTTPS": "https", "TLS": "tls"}


class GatewayPort(NamedTuple):
    """One port of a Gateway's Service."""

    number: int
    transport: Literal["TCP", "UDP"]
    app_protocol: str
    """Empty: not known."""

    @property
    def name(self) -> str:
        """Its name in the Service."""
        return f"{self.app_protocol or self.transport.lower()}-{self.number}"


def pod_ports(ports: Iterable[int]) -> dict[int, int]:
    """Where a gateway's pod listens for each port of its Gateway: there, unless only root may, or the proxy itself uses it.

    Such a port is moved to where it is whatever other ports there are; another one that stands in its way is moved instead.
    """
    numbers = sorted(set(ports))
    found = {port: port + _MOVED_BY for port in numbers if port < _FIRST_UNPRIVILEGED or port in _TAKEN}
    others = [port for port in numbers if port not in found]
    used = {*_TAKEN, *found.values(), *others}
    in_the_way = frozenset(found.values())
    for port in others:
        listens_on = port
        if port in in_the_way:
            listens_on += _MOVED_BY
            while listens_on in used:
                listens_on += 1
            used.add(listens_on)
        found[port] = listens_on
    return found


def gateway_ports(listeners: Iterable[GatewayListener]) -> tuple[GatewayPort, ...]:
    """Each port once, by number; of several listeners of one port the first says what it speaks."""
    found: dict[tuple[int, str], GatewayPort] = {}
    for listener in listeners:
        transport: Literal["TCP", "UDP"] = "UDP" if listener.protocol == "UDP" else "TCP"
        port = GatewayPort(listener.port, transport, _APP_PROTOCOLS.get(listener.protocol, ""))
        found.setdefault((port.number, port.transport), port)
    return tuple([found[key] for key in sorted(found)])
