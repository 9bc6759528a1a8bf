"""What one listener of UDP counts."""

from typing import Final

from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import (
    DATAGRAM_BYTES_RECEIVED,
    DATAGRAM_BYTES_SENT,
    DATAGRAMS,
    DATAGRAMS_RECEIVED,
    DATAGRAMS_SENT,
    DROPPED_DATAGRAMS,
    SESSIONS_ACTIVE,
    SESSIONS_OPENED,
)

NO_BACKEND: Final = "no_backend"
NO_ENDPOINT: Final = "no_endpoint"
OVERFLOW: Final = "overflow"
CONNECT_FAILED: Final = "connect_failed"
TO_ENDPOINT: Final = "to_endpoint"
TO_CLIENT: Final = "to_client"
_CAUSES: Final = (NO_BACKEND, NO_ENDPOINT, OVERFLOW, CONNECT_FAILED, TO_ENDPOINT, TO_CLIENT)


class DatagramMeters:
    """Counts sessions and datagrams."""

    __slots__ = ("_dropped", "_view")

    def __init__(self, cells: Cells, listener: str) -> None:
        self._view: Final[memoryview] = cells.view(DATAGRAMS, (listener,))
        self._dropped: Final = {cause: cells.view(DROPPED_DATAGRAMS, (listener, cause)) for cause in _CAUSES}

    def session_opened(self) -> None:
        """A session has begun."""
        self._view[SESSIONS_OPENED] += 1
        self._view[SESSIONS_ACTIVE] += 1

    def session_closed(self) -> None:
        """One is over."""
        self._view[SESSIONS_ACTIVE] -= 1

    def received(self, size: int) -> None:
        """A datagram of so many octets has come from a client."""
        self._view[DATAGRAMS_RECEIVED] += 1
        self._view[DATAGRAM_BYTES_RECEIVED] += size

    def sent(self, size: int) -> None:
        """A client was sent one."""
        self._view[DATAGRAMS_SENT] += 1
        self._view[DATAGRAM_BYTES_SENT] += size

    def dropped(self, cause: str) -> None:
        """One went no further. Args: cause - one of this module's."""
        self._dropped[cause][0] += 1
