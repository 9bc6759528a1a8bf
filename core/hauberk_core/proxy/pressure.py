"""How near a worker is to what it can bear, and what it gives up then: first comfort, then requests.

Before anything is refused, connections that nobody uses end soon (`tight`), and those in use end behind their answers
(`parting`), so that memory and descriptors come free. Then a part of the new requests is answered with 503 at once (`sheds`): a
request that is refused costs a fraction of one that is served late and given up by its client. What has begun is always finished.

The limits are looked at a few times a second; what a request asks is one boolean.
"""

from collections.abc import Callable
from typing import Final

from hauberk_core.observe.overload_meters import OverloadMeters

CONNECTIONS: Final = "connections"
STREAMS: Final = "streams"
MEMORY: Final = "memory"
LOOP_DELAY: Final = "loop_delay"

# Shares of a limit. There is still room to go on as usual below the first; a half of what is left beyond the second.
TIGHT: Final = 0.8
PARTING: Final = 0.9
# From this share of the memory on a part of the requests is shed, and all of them at the limit.
MEMORY_SHED: Final = 0.95
# The part of the requests that is shed for delay grows and falls by so much a look: up within a second or two, down in twice
# that, which finds the part that the loop can serve without swinging about it.
DELAY_RISE: Final = 0.1
DELAY_FALL: Final = 0.05
# Some requests are always served: without any nobody would learn that the delay is over, and a monitor is among their clients.
MOST_FOR_DELAY: Final = 0.95
# Connections above the limit that may wait for their 503: this part of the limit, and a few.
SURPLUS_PART: Final = 16
SURPLUS_LEAST: Final = 16


class Pressure:
    """What is used of a worker's limits."""

    __slots__ = (
        "_delay_share",
        "_memory_share",
        "_meters",
        "_most_connections",
        "_most_memory",
        "_most_streams",
        "_on_first",
        "_random",
        "_slowest",
        "_was_slow",
        "connections",
        "parting",
        "sessions",
        "sheds",
        "streams",
        "tight",
    )

    def __init__(self, random: Callable[[], float], meters: OverloadMeters) -> None:
        """Without limits until `limit` sets them."""
        self.tight = False
        """Connections that nobody uses are to end soon."""
        self.parting = False
        """Connections are to end behind the answer under way."""
        self.sheds = False
        """`refusal` has to be asked about each new request."""
        self.connections: int = 0
        """Clients' connections that are open."""
        self.sessions: int = 0
        """Sessions of UDP that are not over."""
        self.streams: int = 0
        """Requests under way on connections of HTTP/2."""
        self._random: Final = random
        self._meters: Final = meters
        self._most_connections: int = 0
        self._most_streams: int = 0
        self._most_memory: int = 0
        self._slowest: float = 0.0
        self._on_first: Callable[[], None] | None = None
        self._memory_share: float = 0.0
        self._delay_share: float = 0.0
        self._was_slow = False
        """The loop was, at the last look. Once is not enough: a machine that stood still for a moment goes on as before, and who
        was refused then would have been refused for nothing."""

    def limit(self, connections: int, streams: int, memory: int, loop_delay: float) -> None:
        """Hold to these from now on; 0 of any: no limit.

        Args: memory - octets; loop_delay - seconds that what is ready may wait for its turn.
        """
        self._most_connections = connections
        self._most_streams = streams
        self._most_memory = memory
        self._slowest = loop_delay
        self._meters.limits(connections, streams, memory, loop_delay)

    def look(self, memory: int, loop_delay: float) -> bool:
        """Take note of what is used, a few times a second.

        Args: memory - octets; loop_delay - seconds.
        Returns: whether it has just become tight, so that connections that nobody uses should hear of it.
        """
        self._meters.used(self.connections, self.streams, memory, loop_delay)
        share = _part(memory, self._most_memory)
        self._memory_share = min(1.0, max(0.0, (share - MEMORY_SHED) / (1.0 - MEMORY_SHED)))
        is_slow = self._slowest > 0 and loop_delay >= self._slowest
        if is_slow and self._was_slow:
            self._delay_share = min(MOST_FOR_DELAY, self._delay_share + DELAY_RISE)
        else:
            self._delay_share = max(0.0, self._delay_share - DELAY_FALL)
        self._was_slow = is_slow
        self.sheds = self._memory_share > 0 or self._delay_share > 0 or self._has_too_many_streams()
        self.parting = share >= PARTING
        was_tight = self.tight
        self.tight = share >= TIGHT or _part(self.connections, self._most_connections) >= TIGHT
        return self.tight and not was_tight

    def wake(self, on_first: Callable[[], None]) -> None:
        """Call this whenever there is a connection again, after there was none: nobody need look before."""
        self._on_first = on_first

    # Requests.

    def refusal(self, is_stream: bool) -> str:
        """Why a new request is refused; empty: it is served. Args: is_stream - it came over HTTP/2."""
        if is_stream and self._has_too_many_streams():
            self._meters.shed(STREAMS)
            return f"{self._most_streams} requests are under way over HTTP/2, the most that this worker serves at a time"
        memory = self._memory_share
        delay = self._delay_share
        if memory <= 0 and delay <= 0:
            return ""
        if self._random() >= max(memory, delay):
            return ""
        if memory >= delay:
            self._meters.shed(MEMORY)
            return "the proxy is about to run out of memory"
        self._meters.shed(LOOP_DELAY)
        return f"requests wait longer than {self._slowest} s before they are looked at"

    def stream_opened(self) -> None:
        """A request has come over HTTP/2."""
        self.streams += 1
        if self._has_too_many_streams():
            self.sheds = True

    # Connections.

    def connection_opened(self) -> None:
        """One was accepted."""
        self.connections += 1
        if self.connections == 1 and self._on_first is not None:
            self._on_first()

    def connection_closed(self) -> None:
        """One that was accepted is closed."""
        self.connections -= 1

    def surplus(self, of_listener: int, most_of_listener: int) -> str:
        """Why another connection is too many; empty: it is not.

        Args: of_listener - those that its listener has; most_of_listener - its own limit, 0: none.
        """
        if most_of_listener > 0 and of_listener >= most_of_listener:
            return f"the listener has {of_listener} connections, and its limit is {most_of_listener} (max_connections)"
        if self._most_connections > 0 and self.connections + self.sessions // 2 >= self._most_connections:
            and_sessions = f" and {self.sessions} sessions of UDP" if self.sessions else ""
            return f"the worker has {self.connections} connections{and_sessions}, and its limit is {self._most_connections}"
        if self._memory_share >= 1.0:
            return "the proxy is about to run out of memory"
        return ""

    def may_explain(self, of_listener: int, most_of_listener: int) -> bool:
        """Whether a connection above the limit may stay for its 503: more than a few would be what the limit is there against."""
        if self._memory_share >= 1.0:
            return False
        if most_of_listener > 0 and of_listener >= most_of_listener + most_of_listener // SURPLUS_PART + SURPLUS_LEAST:
            return False
        most = self._most_connections
        return most <= 0 or self.connections < most + most // SURPLUS_PART + SURPLUS_LEAST

    def takes_session(self) -> bool:
        """Whether another session of UDP may begin. One is a descriptor, a connection two; and senders of datagrams, whose
        addresses can be forged, get a quarter of all at the most."""
        return self._most_connections <= 0 or self.sessions < self._most_connections // 2

    def turned_away(self) -> None:
        """A connection was closed, or is answered 503, for being one too many."""
        self._meters.shed(CONNECTIONS)

    def _has_too_many_streams(self) -> bool:
        return 0 < self._most_streams < self.streams


def _part(used: int, most: int) -> float:
    return used / most if most > 0 else 0.0
