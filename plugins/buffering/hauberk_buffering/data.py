"""What buffering does to traffic.

A filter for each direction, and one for both, because a method that is there costs something also where it does nothing.
"""

from typing import Final

from hauberk_core.plugin.data import Exchange, Fields, SyncFilter, Whole, Wish

# Media types whose messages are never complete, or are to arrive piece by piece.
_STREAMS: Final = ("application/grpc", "text/event-stream", "multipart/x-mixed-replace", "application/x-ndjson")


class BufferRequests(SyncFilter):
    """Keeps requests until they are complete."""

    __slots__ = ("_wish",)

    def __init__(self, wish: Whole) -> None:
        self._wish: Final = wish

    def request(self, exchange: Exchange) -> Wish | None:
        return None if _is_stream(exchange.headers) else self._wish


class BufferResponses(SyncFilter):
    """Keeps responses until they are complete."""

    __slots__ = ("_wish",)

    def __init__(self, wish: Whole) -> None:
        self._wish: Final = wish

    def response(self, exchange: Exchange) -> Wish | None:
        return None if _is_stream(exchange.response_headers) else self._wish


class BufferBoth(SyncFilter):
    """Keeps both."""

    __slots__ = ("_request", "_response")

    def __init__(self, request: Whole, response: Whole) -> None:
        self._request: Final = BufferRequests(request)
        self._response: Final = BufferResponses(response)

    def request(self, exchange: Exchange) -> Wish | None:
        return self._request.request(exchange)

    def response(self, exchange: Exchange) -> Wish | None:
        return self._response.response(exchange)


def _is_stream(headers: Fields) -> bool:
    kind = headers.get("content-type")
    return kind is not None and kind.lower().startswith(_STREAMS)
