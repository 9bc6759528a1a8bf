"""Connections that we announce to their endpoint: whose they are stands in a header before their first octet."""

from hauberk_core.net.preceded import PrecededStream
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_WRITE, Security, Stream


class AnnouncingStream(PrecededStream):
    """A connection to an endpoint, which gets a header of the PROXY protocol before TLS and everything else."""

    def __init__(self, plain: Stream, header: bytes, inside: Security | None, host: str) -> None:
        """Args: the others - see `PrecededStream`."""
        super().__init__(plain, inside, host)
        self._header = header

    def precede(self, plain: Stream) -> int:
        sent = plain.send(self._header)
        self._header = self._header[sent:]
        return HANDSHAKE_WANTS_WRITE if self._header else HANDSHAKE_DONE
