"""Which connections are captured, as validated values. The words mean what Istio's annotations of the same names mean."""

import ipaddress
from typing import Final, NamedTuple

from hauberk_core.pod import PROXY_UID

EVERYTHING: Final = "*"
_LARGEST_PORT: Final = 65535
_LARGEST_USER: Final = 2**32 - 2
# A rule has one set of them, however many there are; more is a mistake in a template.
_MOST_ITEMS: Final = 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingError(ValueError):
    """A setting cannot be understood; the message says which, why, and what to write."""


class Capture(NamedTuple):
    """What is led to the proxy. TCP only: nothing else has an original destination that a proxy could learn."""

    inbound_ports: tuple[int, ...] | None = None
    """Captured on their way in; None: all."""
    exclude_inbound_ports: tuple[int, ...] = ()
    """Left alone; counts only where all are captured."""
    outbound_ports: tuple[int, ...] = ()
    """Captured on their way out wherever they lead, besides `outbound_ranges`."""
    exclude_outbound_ports: tuple[int, ...] = ()
    """Left alone, whatever else says otherwise."""
    outbound_ranges: tuple[Network, ...] | None = None
    """Destinations whose connections are captured; None: all."""
    exclude_outbound_ranges: tuple[Network, ...] = ()
    """Destinations that are left alone, before ports and ranges are looked at."""
    user: int = PROXY_UID
    """User and group of the proxy, whose connections are its own."""


def read_ports(setting: str, text: str) -> tuple[int, ...]:
    """A list such as `80,8000`; empty: none. Raises: SettingError."""
    ports: set[int] = set()
    for item in _items(setting, text):
        if not item.isascii() or not item.isdigit() or not 0 < int(item[:6]) <= _LARGEST_PORT:
            raise SettingError(f"{setting}: {item!r} is no port; write numbers up to {_LARGEST_PORT}, with commas between them")
        ports.add(int(item))
    return tuple(sorted(ports))


def read_ports_or_all(setting: str, text: str) -> tuple[int, ...] | None:
    """As `read_ports`; `*` is None: all of them. Raises: SettingError."""
    return None if text.strip() == EVERYTHING else read_ports(setting, text)


def read_ranges(setting: str, text: str) -> tuple[Network, ...]:
    """A list such as `10.0.0.0/8,fd00::/8`, without what another range has in it; empty: none. Raises: SettingError."""
    fours: list[ipaddress.IPv4Network] = []
    sixes: list[ipaddress.IPv6Network] = []
    for item in _items(setting, text):
        try:
            network = ipaddress.ip_network(item, strict=False)
        except ValueError as error:
            raise SettingError(f"{setting}: {item!r} is no range; write for example 10.0.0.0/8 or fd00::/8") from error
        if isinstance(network, ipaddress.IPv4Network):
            fours.append(network)
        else:
            sixes.append(network)
    return (*ipaddress.collapse_addresses(fours), *ipaddress.collapse_addresses(sixes))


def read_ranges_or_all(setting: str, text: str) -> tuple[Network, ...] | None:
    """As `read_ranges`; `*` is None: all of them. Raises: SettingError."""
    return None if text.strip() == EVERYTHING else read_ranges(setting, text)


def read_user(setting: str, text: str) -> int:
    """The number of a user. Raises: SettingError."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:11]) <= _LARGEST_USER:
        raise SettingError(f"{setting}: {text!r} is no user for a proxy; write its number, for example {PROXY_UID}")
    return int(text)


def _items(setting: str, text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if items == [""]:
        return []
    if len(items) > _MOST_ITEMS:
        raise SettingError(f"{setting}: {len(items)} items; at most {_MOST_ITEMS} are taken: write ranges, or `*`")
    return items
