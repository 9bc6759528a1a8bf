"""What tells apart whose requests are counted apart."""

import ipaddress
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.plugin.data import Exchange


@mypyc_attr(allow_interpreted_subclasses=True)
class Part:
    """One part of a key."""

    def of(self, exchange: Exchange) -> str:
        """Empty if the request does not tell."""
        raise NotImplementedError


class HeaderPart(Part):
    """The value of a request header."""

    def __init__(self, name: str) -> None:
        self._name: Final = name.lower()

    def of(self, exchange: Exchange) -> str:
        return exchange.headers.get(self._name) or ""


class CookiePart(Part):
    """The value of a cookie."""

    def __init__(self, name: str) -> None:
        self._name: Final = name

    def of(self, exchange: Exchange) -> str:
        return exchange.headers.cookie(self._name) or ""


class ClientPart(Part):
    """The client's address, or its network."""

    def __init__(self, ipv6_prefix: int) -> None:
        self._beyond: Final = 128 - ipv6_prefix

    def of(self, exchange: Exchange) -> str:
        address = exchange.client_address
        if ":" not in address:
            return address
        try:
            number = int(ipaddress.IPv6Address(address))
        except ValueError:
            return address
        return hex(number >> self._beyond)


class PeerPart(Part):
    """The identity that the client has proved."""

    def of(self, exchange: Exchange) -> str:
        return exchange.peer_identity


class PathPart(Part):
    """The path."""

    def of(self, exchange: Exchange) -> str:
        return exchange.path


class MethodPart(Part):
    """The method."""

    def of(self, exchange: Exchange) -> str:
        return exchange.method


def key_of(parts: tuple[Part, ...], exchange: Exchange) -> bytes:
    """The key of a request: its parts, each behind its length, so that no two keys are the same but for the same parts."""
    if not parts:
        return b""
    written = [part.of(exchange) for part in parts]
    return "".join([str(len(text)) + ":" + text for text in written]).encode("latin-1", "replace")
