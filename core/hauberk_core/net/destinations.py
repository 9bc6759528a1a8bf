"""Which of several filter chains takes a captured connection, by where it was going."""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

ANY_PORT: Final = 0


class DestinationMap:
    """Finds a chain by address and port. Built once for a configuration; a lookup takes as many steps as ranges have lengths.

    The most specific wins, the address before the port: an address with the port, with any port; then ranges, the smallest
    first; then what names no address.
    """

    __slots__ = ("_addresses", "_elsewhere", "_ranges")

    def __init__(self, chains: Sequence[tuple[Sequence[str], Sequence[int]]]) -> None:
        """Args: chains - of each, its addresses and ranges, and its ports; none: any. They have been checked."""
        self._addresses: Final[dict[str, dict[int, int]]] = {}
        self._elsewhere: Final[dict[int, int]] = {}
        self._ranges: Final[list[_Ranges]] = []
        by_length: dict[tuple[int, int], _Ranges] = {}
        for index, (destinations, ports) in enumerate(chains):
            if not destinations:
                _add_ports(self._elsewhere, ports, index)
            for text in destinations:
                network = ipaddress.ip_network(text)
                if network.num_addresses == 1:
                    _add_ports(self._addresses.setdefault(str(network.network_address), {}), ports, index)
                    continue
                shift = network.max_prefixlen - network.prefixlen
                key: tuple[int, int] = (network.version, shift)
                ranges = by_length.get(key)
                if ranges is None:
                    ranges = _Ranges(network.version == 6, shift)
                    by_length[key] = ranges
                number = int(network.network_address) >> shift
                _add_ports(ranges.ports.setdefault(number, {}), ports, index)
        for key in sorted(by_length):
            self._ranges.append(by_length[key])

    def choose(self, host: str, port: int) -> int:
        """The chain for a connection to `host` (numeric, as `inet_ntop` writes it) and `port`; -1: none takes it."""
        exact = self._addresses.get(host)
        if exact is not None:
            found = _by_port(exact, port)
            if found >= 0:
                return found
        if self._ranges:
            is_six = ":" in host
            number = int.from_bytes(socket.inet_pton(socket.AF_INET6 if is_six else socket.AF_INET, host), "big")
            for ranges in self._ranges:
                if ranges.is_six == is_six:
                    ports = ranges.ports.get(number >> ranges.shift)
                    if ports is not None:
                        found = _by_port(ports, port)
                        if found >= 0:
                            return found
        return _by_port(self._elsewhere, port)


class _Ranges:
    """All ranges of one family and one length."""

    __slots__ = ("is_six", "ports", "shift")

    def __init__(self, is_six: bool, shift: int) -> None:
        self.is_six: Final = is_six
        self.shift: Final = shift
        self.ports: Final[dict[int, dict[int, int]]] = {}


def _add_ports(known: dict[int, int], ports: Sequence[int], index: int) -> None:
    for port in ports or (ANY_PORT,):
        known.setdefault(port, index)


def _by_port(known: dict[int, int], port: int) -> int:
    found = known.get(port, -1)
    return found if found >= 0 else known.get(ANY_PORT, -1)
