"""What limits does to traffic."""

from typing import Final

from hauberk_core.plugin.data import LEAVE_BODY, Exchange, Reason, Reply, SyncFilter, Wish

# RESOURCE_EXHAUSTED, as gRPC has it for messages that are too large.
_EXHAUSTED: Final = 8


class HeadLimits:
    """What a header section may have; 0: any."""

    def __init__(self, octets: int, fields: int) -> None:
        self._octets: Final = octets
        self._fields: Final = fields

    def check(self, exchange: Exchange) -> Reply | None:
        """The answer to a head that has too much."""
        if self._fields and len(exchange.headers) > self._fields:
            return _refusal(431, Reason.HEAD_TOO_LARGE, "more than " + str(self._fields) + " header fields")
        if self._octets and exchange.headers.size() > self._octets:
            return _refusal(431, Reason.HEAD_TOO_LARGE, "a header section of more than " + str(self._octets) + " octets")
        return None


class LimitFilter(SyncFilter):
    """Refuses heads."""

    __slots__ = ("_head",)

    def __init__(self, head: HeadLimits) -> None:
        self._head: Final = head

    def request(self, exchange: Exchange) -> Reply | Wish | None:
        return self._head.check(exchange)


class BodyLimitFilter(SyncFilter):
    """Refuses heads, and bodies: those that say how long they are before anything is read, others where they pass the limit."""

    __slots__ = ("_head", "_octets", "_refusal")

    def __init__(self, head: HeadLimits, octets: int) -> None:
        self._head: Final = head
        self._octets: Final = octets
        self._refusal: Final = _refusal(413, Reason.BODY_TOO_LARGE, "a body of more than " + str(octets) + " octets")

    def request(self, exchange: Exchange) -> Reply | Wish | None:
        refusal = self._head.check(exchange)
        if refusal is not None:
            return refusal
        announced = exchange.request_length
        if announced > self._octets:
            return self._refusal
        # The protocol sees to it that no more comes than was announced.
        return LEAVE_BODY if announced >= 0 else None

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        # What the record has is what came before this chunk.
        return self._refusal if exchange.record.bytes_received + len(chunk) > self._octets else chunk


def _refusal(status: int, reason: Reason, what: str) -> Reply:
    return Reply(status, (what + " is not taken here\n").encode("ascii"), [("content-type", "text/plain")], reason, _EXHAUSTED)
