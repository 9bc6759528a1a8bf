"""Addresses of the command line: `[scheme://][host]:port`."""

from typing import Final, NamedTuple

from hauberk_core.model.address import Address, parse_address

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ProxyAddress(NamedTuple):
    """Where to listen or connect, and whether inside TLS."""

    scheme: str
    """`http` or `https`."""
    address: Address

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"


def parse_proxy_address(text: str) -> ProxyAddress:
    """Read `text`. The scheme is http unless written; with a scheme and a host, its usual port may be left out.

    Raises: ValueError, with a sentence for a person that says what to write instead.
    """
    scheme, separator, rest = text.rpartition("://")
    if not separator:
        scheme = "http"
    if scheme not in _DEFAULT_PORTS:
        raise ValueError(f"the scheme {scheme[:20]!r} is not served; write http or https, for example 'https://{rest[:60]}'")
    rest = rest.removesuffix("/")
    if "/" in rest:
        raise ValueError(
            f"a path cannot be proxied to from one line; write only '{rest.partition('/')[0][:60]}', or use --config"
        )
    if separator and rest and ":" not in rest.rpartition("]")[2]:
        rest = f"{rest}:{_DEFAULT_PORTS[scheme]}"
    return ProxyAddress(scheme, parse_address(rest))
