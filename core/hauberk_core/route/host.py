"""Host names as routing compares them: in lower case, without port and trailing dot.

Sources: RFC 9110 section 4.2.3, RFC 3986 section 3.2.2.
"""

from typing import Final

from hauberk_core.model.address import LONGEST_NAME

ANY: Final = "*"
WILDCARD: Final = "*."
# What is longer is no DNS name and is not looked up, so that trying one suffix after another stays cheap.
LONGEST_HOST: Final = LONGEST_NAME


def host_of(authority: str) -> str:
    """The host in `authority` as the client wrote it: without the port; an IPv6 address keeps its brackets."""
    if authority.startswith("["):
        end = authority.find("]")
        return authority if end < 0 else authority[: end + 1]
    colon = authority.find(":")
    return authority if colon < 0 else authority[:colon]


def normal_host(authority: str) -> str:
    """The host in `authority` in the form that the table's keys have."""
    host = host_of(authority).lower()
    if host.endswith("."):
        return host[: len(host) - 1]
    return host


def normal_pattern(pattern: str) -> str:
    """A configured host (a name, an IP address with or without brackets, `*.name` or `*`) as a key of the table."""
    host = pattern.lower().removesuffix(".")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
