"""Which protocols nobody may switch to, by whichever version of HTTP (RFC 9110 section 7.8, RFC 8441)."""

from typing import Final

# Other versions of HTTP (the h2c that RFC 9113 withdrew), and the TLS of RFC 2817, inside of which HTTP/1.1 goes on.
_CARRY_REQUESTS: Final = ("http", "h2", "h3", "tls")


def carries_requests(protocol: str) -> bool:
    """Whether requests would go past us unseen once a connection is switched to this: `name`, or `name/version`."""
    return protocol.lower().startswith(_CARRY_REQUESTS)
