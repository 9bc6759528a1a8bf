"""The connections to one endpoint, and the requests that wait until one of them stands."""

from collections import deque
from typing import Final

from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.connection import UpstreamConnection
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.h2_connection import H2UpstreamConnection

# What RFC 9113 section 6.5.2 recommends to allow at the least.
EXPECTED_STREAMS: Final = 100


class Pool:
    """Connections of HTTP/1.1 that nobody uses, and of HTTP/2 that take further calls."""

    def __init__(self, endpoint: UpstreamEndpoint, announced: str = "", whole: "Pool | None" = None) -> None:
        """Args: announced, whole - of what only one client's requests share: see `of_clients`."""
        self.endpoint: Final = endpoint
        self.announced: Final = announced
        self.whole: Final = whole
        self.of_clients: Final[dict[str, Pool]] = {}
        """Where connections tell whose they are: what is shared, by what they tell."""
        self.idle: Final[list[UpstreamConnection]] = []
        """The most recently used last: the others may grow old and be closed."""
        self.shared: Final[list[H2UpstreamConnection]] = []
        self.opening = 0
        """Connections on their way that several calls are to share."""
        self.joined: Final[deque[Requester]] = deque()
        """Requests that wait for these, in the order of their arrival."""
        self.streams: int = EXPECTED_STREAMS
        """How many calls at a time a new connection is trusted to take before it says so itself: what the latest one has said."""
        self.http1_until: float = 0.0
        """The endpoint chose HTTP/1.1 when it was last asked: until then it is taken to do so again."""

    def roomiest(self, fresh: bool) -> H2UpstreamConnection | None:
        """Of the shared connections that take another call, the one with the fewest. Args: fresh - see `Requester.fresh`."""
        best: H2UpstreamConnection | None = None
        for connection in self.shared:
            if fresh and not connection.is_proven():
                continue
            if (best is None or connection.calls_open < best.calls_open) and connection.room():
                best = connection
        return best

    def unused(self) -> int:
        """Connections that wait for a request."""
        count = len(self.idle)
        for connection in self.shared:
            if not connection.calls_open:
                count += 1
        for part in self.of_clients.values():
            count += part.unused()
        return count

    def close_one_unused(self) -> bool:
        """Close the connection that has waited longest. Returns: whether there was one."""
        if self.idle:
            self.idle[0].abandon()
            return True
        for connection in self.shared:
            if not connection.calls_open:
                connection.stop()
                return True
        for part in self.of_clients.values():  # noqa: SIM110 - compiled code has no generators to spare
            if part.close_one_unused():
                return True
        return False

    def retire(self) -> None:
        """The endpoint is not to be used any more: close what nobody uses, let the rest finish."""
        for connection in list(self.idle):
            connection.abandon()
        for shared in list(self.shared):
            shared.retire()
        for part in list(self.of_clients.values()):
            part.retire()

    def of_client(self, announced: str) -> "Pool":
        """What the requests share of which endpoints are told this."""
        part = self.of_clients.get(announced)
        if part is None:
            part = Pool(self.endpoint, announced, self)
            part.streams = self.streams
            self.of_clients[announced] = part
        return part

    def forget_if_empty(self) -> None:
        """It is one client's, and perhaps nothing is left of it."""
        whole = self.whole
        if whole is not None and not self.shared and not self.opening and not self.joined:
            whole.of_clients.pop(self.announced, None)
