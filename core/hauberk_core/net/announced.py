"""Connections that a trusted proxy in front announces: whose they are stands in a header before their first octet.

The header is taken from trusted addresses alone, and there it must be: whoever could choose to send one, or not, would choose
whose address is logged, counted and passed on. Everybody else's octets are taken as they are.
"""

from collections.abc import Sequence
from typing import Final

from hauberk_core.net.destinations import DestinationMap
from hauberk_core.net.preceded import PrecededStream
from hauberk_core.net.proxy_protocol import LONGEST_REST, NotProxyHeader, read_proxy_header
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Security, Stream

# More than any header has.
_PEEK_BYTES: Final = LONGEST_REST + 64
# A line of version 1 may come an octet at a time, and still is complete long before.
_MOST_LOOKS: Final = 256


class AnnouncedStream(PrecededStream):
    """An accepted connection whose header has yet to come; `settled` is what follows it."""

    def __init__(self, plain: Stream, inside: Security | None) -> None:
        """Args: inside - of what follows the header; None: it is in the clear."""
        super().__init__(plain, inside, "")
        self._looks = 0

    def precede(self, plain: Stream) -> int:
        return HANDSHAKE_DONE if self._take_header(plain) else HANDSHAKE_WANTS_READ

    def _take_header(self, plain: Stream) -> bool:
        """Take the header, if it has come. Raises: OSError if something else comes."""
        data = plain.peek(_PEEK_BYTES)
        if data is None:
            return False
        self._looks += 1
        try:
            header = read_proxy_header(data)
        except NotProxyHeader as error:
            raise OSError(f"a trusted proxy announces its connections by the PROXY protocol: {error}") from error
        if isinstance(header, int):
            if not data or self._looks > _MOST_LOOKS:
                raise ConnectionAbortedError("the connection ended before its PROXY header was complete")
            plain.wake_at(header)
            return False
        left = header.size
        while left:
            taken = plain.recv(left)
            if not taken:
                raise ConnectionAbortedError("the PROXY header is gone again")
            left -= len(taken)
        if self._looks > 1:
            plain.wake_at(1)
        if header.source:
            plain.note_addresses(header.source, header.destination)
        return True


class AnnouncedSecurity(Security):
    """Takes headers on a listener, from some addresses."""

    def __init__(self, trusted: Sequence[str], inside: Security | None) -> None:
        """Args: trusted - addresses and ranges; inside - how connections are secured behind the header; None: not at all."""
        self._trusted: Final = DestinationMap([(trusted, ())])
        self._inside: Final = inside

    def trusts(self, host: str) -> bool:
        """Whether connections from `host` begin with a header."""
        return self._trusted.choose(host, 0) == 0

    def wrap(self, stream: Stream, host: str) -> Stream:
        return AnnouncedStream(stream, self._inside)
