"""What a peer may do for nothing, and how often: everything that costs us work and does not carry messages on.

Each bound stands far above what browsers, gRPC and proxies were seen to do, and far below what keeps a processor busy. Beyond it
the connection ends with ENHANCE_YOUR_CALM (RFC 9113 section 10.5).
"""

from typing import Final

from hauberk_core.http.h2.allowance import Allowance
from hauberk_core.http.h2.codes import ENHANCE_YOUR_CALM, ConnectionFault

# Receivers open the windows of the stream and of the connection again as they read: HAProxy for pieces of a frame too, down to
# some ten octets. Two updates for the least segment of TCP (536 octets, RFC 9293 section 3.7.1) are as many as reading alone can
# bring.
ACKNOWLEDGED_OCTETS: Final = 256
# What a peer may still say about what it has been sent, where its windows are as large as gRPC makes them (16 MiB).
_MOST_PINGS: Final = 1024
_MOST_UPDATES: Final = 65536


class Floods:
    """The allowances of one connection."""

    __slots__ = ("_now", "empty", "pings", "priorities", "resets", "settings", "strays", "their_faults", "windows")

    def __init__(self) -> None:
        self._now = 0.0
        self.settings: Final = Allowance(16, 1)
        """Peers send them once, some again after a change of configuration. Each is answered, and walks over all streams."""
        self.pings: Final = Allowance(64, 10, _MOST_PINGS)
        """Each is answered. gRPC measures round trips with them, in Go after nearly every frame of DATA that it takes: each that
        we send allows for one more."""
        self.empty: Final = Allowance(32, 1)
        """DATA, HEADERS or CONTINUATION that carry nothing and end nothing. Some clients end a pause of a stream by one."""
        self.priorities: Final = Allowance(200, 100)
        """PRIORITY means nothing any more; Firefox and Chromium of some years ago sent one or two for each request."""
        self.windows: Final = Allowance(1000, 200, _MOST_UPDATES)
        """WINDOW_UPDATE; every frame of DATA that we send allows for two more, and
        its octets for one each `ACKNOWLEDGED_OCTETS`."""
        self.resets: Final = Allowance(200, 20)
        """RST_STREAM before the answer was complete (rapid reset): a page of pictures that is left, deadlines that pass.
        Every answer that was complete allows for one more."""
        self.their_faults: Final = Allowance(100, 10)
        """Streams that we reset because of what the peer did (MadeYouReset): a sound client has none."""
        self.strays: Final = Allowance(200, 20)
        """Frames of unknown types, acknowledgements of nothing, and frames that come late for streams that are over."""

    def at(self, now: float) -> None:
        """It is `now`."""
        self._now = now

    def take(self, allowance: Allowance, what: str) -> None:
        """Count one. Raises: ConnectionFault if it is one too many."""
        if not allowance.take(self._now):
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many " + what)
