"""One stream of a connection (RFC 9113 section 5.1), as the machine keeps it while either side is open.

A stream that neither side has open any more is no object: its number tells that it was there.
"""

from collections import deque
from typing import Final

from hauberk_core.http.headers import Headers


class Stream:
    """Which sides are open, what flow control allows (section 5.2), and what waits for it."""

    __slots__ = (
        "awaits_switch",
        "body_left",
        "body_limit",
        "consumed",
        "ending",
        "has_body",
        "id",
        "interims",
        "key",
        "method",
        "overtaken",
        "peer_ended",
        "pending",
        "pending_octets",
        "pending_start",
        "receive_window",
        "responded",
        "send_left",
        "send_window",
        "trailers",
        "unconsumed",
        "upgrade",
        "we_ended",
    )

    def __init__(self, number: int, send_window: int, receive_window: int) -> None:
        self.id: Final = number
        self.method = ""
        self.upgrade = ""
        """The protocol that an extended CONNECT asks for (RFC 8441); empty: it is none."""
        self.key = ""
        """Of the WebSocket that is asked for, where its request came by HTTP/1.1."""
        self.awaits_switch = False
        """Our request is complete and yet its stream open: what follows belongs to a tunnel."""
        self.send_window = send_window
        """May become less than 0 (section 6.9.2)."""
        self.receive_window = receive_window
        self.unconsumed = 0
        """Octets received that whoever reads has not used."""
        self.consumed = 0
        """Octets used and not yet given back to the peer's window."""
        self.peer_ended = False
        self.we_ended = False
        self.overtaken = False
        """The answer needs no more of the request: the stream ends with it."""
        self.responded = False
        """The final response's head has come, or gone."""
        self.has_body = True
        """Whether what we send has octets behind its head."""
        self.body_left = -1
        """Octets that the peer's Content-Length still promises; -1: it promised none."""
        self.body_limit = -1
        """Octets that a body without such a promise may still have; -1: any number."""
        self.interims = 0
        """Interim responses so far."""
        self.send_left = -1
        """Octets that ours still promises; -1: none."""
        self.pending: Final[deque[bytes]] = deque()
        """What the peer's windows do not take yet."""
        self.pending_start = 0
        """How much of the first of it has gone."""
        self.pending_octets = 0
        self.ending = False
        """The end follows what is pending."""
        self.trailers: Headers | None = None
        """Go out as its end: encoded then, because header blocks must be sent in the order in which they were made."""
