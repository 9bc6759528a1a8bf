"""What ratelimit does to traffic."""

from typing import Final

from hauberk_core.plugin.data import Counter, Exchange, Reason, Reply, Services, SyncFilter
from hauberk_ratelimit.gcra import NANOSECONDS, Rate
from hauberk_ratelimit.keys import Part, key_of
from hauberk_ratelimit.table import Table, Taken
from hauberk_ratelimit.tables import Tables

# RESOURCE_EXHAUSTED: UNAVAILABLE would have gRPC clients try again at once.
_EXHAUSTED: Final = 8


class Limit:
    """One limit, and what responses say of it.

    Source: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
    """

    def __init__(self, name: str, rate: Rate, requests: int, seconds: int, parts: tuple[Part, ...], table: Table) -> None:
        """Args: seconds - of the window in which there may be `requests`; 0: it is none of whole seconds, and not told."""
        self.rate: Final = rate
        self.parts: Final = parts
        self.table: Final = table
        window = ";w=" + str(seconds) if seconds else ""
        self.policy: Final = '"' + name + '";q=' + str(requests) + window
        self._name: Final = '"' + name + '"'
        self._requests: Final = requests

    def told(self, taken: Taken) -> str:
        """What is left. Of a refused request the time is that of Retry-After, as the draft wants it (section 5)."""
        left = taken.left if taken.left < self._requests else self._requests
        return self._name + ";r=" + str(left) + ";t=" + str(_seconds(taken.reset if taken.passes else taken.wait))


class RateLimitFilter(SyncFilter):
    """Refuses what is too much."""

    def __init__(self, limits: tuple[Limit, ...], enforces: bool, names: list[str], tables: Tables, services: Services) -> None:
        """Args: names - of the limits' tables, which it holds."""
        self.limits: Final = limits
        self.policies: Final = ", ".join([limit.policy for limit in limits])
        self._enforces: Final = enforces
        self._names: Final = names
        self._tables: Final = tables
        self._services: Final = services
        self._limited: Final[Counter] = services.counter("limited")
        self._tolerated: Final[Counter] = services.counter("tolerated")

    def request(self, exchange: Exchange) -> Reply | None:
        return self.decide(exchange, None)

    def decide(self, exchange: Exchange, told: list[str] | None) -> Reply | None:
        """Count a request. Args: told - gets what is left at each limit."""
        now = int(self._services.now() * NANOSECONDS)
        limits = self.limits
        keys = [key_of(limit.parts, exchange) for limit in limits]
        if len(limits) > 1:
            # What one limit refuses is not to be taken off another.
            for number in range(len(limits)):
                limit = limits[number]
                looked = limit.table.look(keys[number], limit.rate, now)
                if not looked.passes:
                    return self._refused(limit, looked, told)
        for number in range(len(limits)):
            limit = limits[number]
            taken = limit.table.take(keys[number], limit.rate, now)
            if not taken.passes:
                return self._refused(limit, taken, told)
            if told is not None:
                told.append(limit.told(taken))
        return None

    def close(self) -> None:
        for name in self._names:
            self._tables.release(name)

    def _refused(self, limit: Limit, taken: Taken, told: list[str] | None) -> Reply | None:
        if not self._enforces:
            self._tolerated.add()
            return None
        self._limited.add()
        wait = str(_seconds(taken.wait))
        headers = [("content-type", "text/plain"), ("retry-after", wait)]
        if told is not None:
            headers.append(("RateLimit-Policy", self.policies))
            headers.append(("RateLimit", limit.told(taken)))
        return Reply(429, ("too many requests; try again in " + wait + " s\n").encode(), headers, Reason.RATE_LIMITED, _EXHAUSTED)


class TellingFilter(RateLimitFilter):
    """Says in each response what is left."""

    def __init__(
        self, limits: tuple[Limit, ...], enforces: bool, names: list[str], tables: Tables, services: Services, note: str
    ) -> None:
        """Args: note - under which it notes that at the exchange."""
        super().__init__(limits, enforces, names, tables, services)
        self._note: Final = note

    def request(self, exchange: Exchange) -> Reply | None:
        told: list[str] = []
        reply = self.decide(exchange, told)
        if told:
            exchange.attributes[self._note] = ", ".join(told)
        return reply

    def response(self, exchange: Exchange) -> Reply | None:
        told = exchange.attributes.get(self._note)
        if isinstance(told, str):
            exchange.response_headers.add("RateLimit-Policy", self.policies)
            exchange.response_headers.add("RateLimit", told)
        return None


def _seconds(nanoseconds: int) -> int:
    """Whole seconds, rounded up: too late is in order, too early is not."""
    return (nanoseconds + NANOSECONDS - 1) // NANOSECONDS
