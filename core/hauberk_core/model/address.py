"""Network addresses as people write them: `host:port`, `[v6]:port`, `:port`."""

import ipaddress
import re
from typing import Final, NamedTuple

from hauberk_core.model.errors import quote

# RFC 1035 section 3.1; underscores are let through because service names in the wild have them.
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
LONGEST_NAME: Final = 253


class Address(NamedTuple):
    """A host and a port, not yet resolved."""

    host: str
    """A name or a numeric address, IPv6 without brackets; empty: every address of this machine."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def is_host_name(text: str) -> bool:
    """Whether `text` is a DNS name or an IPv4 address: dot-separated labels of letters, digits, `-` and `_`."""
    name = text.removesuffix(".")
    if not name or len(name) > LONGEST_NAME:
        return False
    for label in name.split("."):
        if _LABEL.fullmatch(label) is None:
            return False
    # All digits in the last label means an IPv4 address (RFC 1123 section 2.1), and then it must be a right one.
    return is_ip_address(name) if name.rpartition(".")[2].isdigit() else True


def is_ip_address(text: str) -> bool:
    """Whether `text` is a numeric address, IPv6 without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_address(text: str) -> Address:
    """Read `text`.

    Raises: ValueError, with a sentence for a person that says what to write instead.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon:
        if len(text) <= 5 and text.isascii() and text.isdigit():
            raise ValueError(f"{quote(text)} has no colon; write ':{text}' for this port on every address, or '127.0.0.1:{text}'")
        raise ValueError(f"{quote(text)} has no port; write host:port, for example '127.0.0.1:8080'")
    if host.startswith("["):
        if not host.endswith("]"):
            raise ValueError(f"{quote(text)} has no port after ']'; write [address]:port, for example '[::1]:8080'")
        host = host[1:-1]
        if ":" not in host or not is_ip_address(host):
            raise ValueError(f"{quote(host)} is no IPv6 address; only those stand in brackets, for example '[::1]:8080'")
    elif ":" in host:
        raise ValueError(f"{quote(text)} has several colons; write an IPv6 address in brackets, for example '[::1]:8080'")
    elif host and not is_host_name(host):
        raise ValueError(f"{quote(host)} is no host name or IP address; write for example '127.0.0.1:8080'")
    if not port_text.isascii() or not port_text.isdigit() or len(port_text) > 5 or int(port_text) > 65535:
        raise ValueError(f"{quote(port_text)} is no port; write a whole number from 0 to 65535")
    return Address(host, int(port_text))
