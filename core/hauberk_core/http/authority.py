"""The authority of a request: a host and perhaps a port (RFC 9110 section 7.2, RFC 3986 section 3.2)."""

import ipaddress
import re
from typing import Final

# Stricter than RFC 3986: no percent-encoding and no sub-delimiters, which no name in DNS has and which parsers read differently;
# no user information (RFC 9110 section 4.2.4); no empty port.
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._~\-]{1,255}|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?")

# Hosts of one listener are few; whoever asks for many costs himself the check each time.
_REMEMBERED: Final = 1024


def _is_valid(authority: str) -> bool:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    literal: str | None = match.group(1)
    port: str | None = match.group(2)
    if port is not None and int(port) > 65535:
        return False
    if literal is not None:
        try:
            ipaddress.IPv6Address(literal)
        except ValueError:
            return False
    return True


class Authorities:
    """Checks authorities, and remembers those that passed."""

    __slots__ = ("_valid",)

    def __init__(self) -> None:
        self._valid: Final[dict[str, bool]] = {}

    def valid(self, authority: str) -> bool:
        """Whether `authority` is a host with or without a port, and nothing else; an empty one is not."""
        if authority in self._valid:
            return True
        if not _is_valid(authority):
            return False
        if len(self._valid) >= _REMEMBERED:
            self._valid.clear()
        self._valid[authority] = True
        return True


AUTHORITIES: Final = Authorities()
