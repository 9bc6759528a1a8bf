"""Filters put together for traffic: plain tuples of bound methods, one for each phase of an exchange.

The host sorts what plugins made by phase, priority and position; what is left here is to call the methods that were overridden,
with their faults treated as declared. A filter chain and each route with plugins has one `Filters`, made with the configuration
and replaced with it; an exchange holds those it began with until it is over.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from hauberk_core.model.plugin import PluginConfig
from hauberk_core.observe.record import Record
from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.filters import AsyncFilter, Backend, SyncFilter
from hauberk_core.plugin.part import TIMED_CALLS, IsolatedGuard, IsolatedPicker, Part, WatchingObserver
from hauberk_core.plugin.reply import Reply
from hauberk_core.plugin.wish import Wish
from hauberk_core.route.compiled import CompiledTable

FAILED: Final = Reply(503)
"""Stands for the answer of a filter that failed and is to refuse then."""


class Step:
    """One method of one filter."""

    __slots__ = ("_call", "closed", "method", "part", "seconds", "wait_call")

    def __init__(
        self,
        part: Part,
        config: PluginConfig,
        method: str,
        call: Callable[..., object] | None,
        wait_call: Callable[..., Awaitable[object]] | None,
    ) -> None:
        self.part: Final = part
        self.method: Final = method
        self.closed: Final = config.failure == "closed"
        self.seconds: Final = config.timeout.seconds
        self.wait_call: Final = wait_call
        """The method, where it is an asynchronous filter's."""
        self._call: Final = call

    def on_head(self, exchange: Exchange) -> Reply | Wish | None:
        """Call a synchronous method on a head. Returns: its answer or wish, or FAILED."""
        part = self.part
        call = self._call
        assert call is not None
        part.calls += 1
        part.running.begin(part.plugin, self.method)
        try:
            if part.calls % TIMED_CALLS:
                answer = call(exchange)
            else:
                begun = perf_counter()
                answer = call(exchange)
                part.meter.took(perf_counter() - begun)
        except Exception as error:
            part.running.end()
            return self.failed(error)
        part.running.end()
        if answer is None:
            return None
        return self.check_answer(answer)

    def on_chunk(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply | None:
        """Call a synchronous method on octets of a body.

        Returns: what goes on, or an answer; None if it failed and is to refuse then.
        """
        part = self.part
        call = self._call
        assert call is not None
        part.calls += 1
        part.running.begin(part.plugin, self.method)
        try:
            if part.calls % TIMED_CALLS:
                result = call(exchange, chunk, last)
            else:
                begun = perf_counter()
                result = call(exchange, chunk, last)
                part.meter.took(perf_counter() - begun)
        except Exception as error:
            part.running.end()
            return self.chunk_failed(error, chunk)
        part.running.end()
        return self.check_chunk(result, chunk)

    def check_answer(self, answer: object) -> Reply | Wish | None:
        """What a method on a head returned."""
        if answer is None or isinstance(answer, Wish):
            return answer
        if isinstance(answer, Reply):
            self.part.meter.answered()
            return answer
        return self.failed(TypeError(self.method + " returned neither a Reply nor a Wish nor None"))

    def check_chunk(self, result: object, chunk: bytes) -> bytes | Reply | None:
        """What a method on octets returned for `chunk`."""
        if isinstance(result, bytes):
            return result
        if isinstance(result, Reply) and self.method == "request_body":
            self.part.meter.answered()
            return result
        return self.chunk_failed(TypeError(self.method + " returned no bytes"), chunk)

    def failed(self, error: Exception) -> Reply | None:
        """A method on a head failed."""
        self.part.failed(self.method, error)
        return FAILED if self.closed else None

    def chunk_failed(self, error: Exception, chunk: bytes) -> bytes | None:
        """A method on octets failed."""
        self.part.failed(self.method, error)
        return None if self.closed else chunk


class PluginUse:
    """What one plugin made for one place of the configuration."""

    def __init__(self, config: PluginConfig) -> None:
        self.config: Final = config
        self.filter: Part | None = None
        self.picker: IsolatedPicker | None = None
        self.observer: WatchingObserver | None = None
        self.guard: IsolatedGuard | None = None

    def parts(self) -> list[Part]:
        """What must be held and let go for an exchange; a guard is held by its cluster."""
        found: list[Part] = []
        if self.filter is not None:
            found.append(self.filter)
        if self.picker is not None:
            found.append(self.picker.part)
        if self.observer is not None:
            found.append(self.observer.part)
        return found


class Filters:
    """Everything that plugins do with the exchanges of a filter chain before routing, or of a route after it."""

    __slots__ = (
        "_parts",
        "_users",
        "backends",
        "falls_back",
        "is_simple",
        "observers",
        "pickers",
        "request",
        "request_body",
        "response",
        "response_body",
    )

    def __init__(self, chain: list[PluginUse], route: list[PluginUse], backends: tuple[Backend, ...], is_routed: bool) -> None:
        """Put them together, each list in the order of its requests.

        Args: chain - the filter chain's; route - the route's; backends - of the route, in the order of its decisions, and none
            where these lead to no backend;
            is_routed - whether the chain's own request filters have had their turn. Held by its maker until `release`.
        """
        both = chain + route
        backwards = both[::-1]
        self.request: Final[tuple[Step, ...]] = _steps(route if is_routed else chain, "request")
        self.request_body: Final[tuple[Step, ...]] = _steps(both, "request_body")
        self.response: Final[tuple[Step, ...]] = _steps(backwards, "response")
        self.response_body: Final[tuple[Step, ...]] = _steps(backwards, "response_body")
        self.is_simple: Final[bool] = not (
            self.request_body or self.response_body or _waits(self.request) or _waits(self.response)
        )
        """Whether all that is to be done is done on heads, at once."""
        self.observers: Final[tuple[WatchingObserver, ...]] = tuple([use.observer for use in both if use.observer is not None])
        # The route's own before the chain's. Where there is one backend, a route's may still choose among its endpoints.
        asked = route + chain if len(backends) > 1 else route
        self.pickers: Final[tuple[IsolatedPicker, ...]] = tuple(
            [use.picker for use in asked if use.picker is not None and backends]
        )
        self.falls_back: Final = any([picker.falls_back for picker in self.pickers])  # noqa: C419 - see `_waits`
        """Whether a backend that could not have a request may be replaced by another."""
        self.backends: Final = backends
        self._parts: Final[list[Part]] = [part for use in both for part in use.parts()]
        self._users = 1
        for part in self._parts:
            part.hold()

    def hold(self) -> None:
        """One more exchange, or task, goes by these."""
        self._users += 1

    def release(self) -> None:
        """One of those is over; behind the last one, what nobody else uses is closed."""
        self._users -= 1
        if self._users == 0:
            for part in self._parts:
                part.let_go()

    def observe(self, record: Record) -> None:
        """An exchange is over."""
        for observer in self.observers:
            observer.finished(record)


class ChainFilters:
    """The filters of one filter chain and of the routes of its table, as one configuration has them."""

    __slots__ = ("_users", "before", "picks", "routes", "table")

    def __init__(self, table: CompiledTable, before: Filters, routes: dict[tuple[str, str], Filters]) -> None:
        """Args: before - for requests that are not routed yet, and for routes without plugins of their own; routes - by the names
        of virtual host and route. Owns them, and is held by its maker until `release`."""
        self.table: Final = table
        self.before: Final = before
        self.routes: Final = routes
        self.picks: Final = any([filters.pickers for filters in routes.values()])  # noqa: C419 - see `_waits`
        """Whether any route has a picker."""
        self._users = 1

    def hold(self) -> None:
        """One more exchange is going to be routed by these."""
        self._users += 1

    def release(self) -> None:
        """It is routed, or over."""
        self._users -= 1
        if self._users == 0:
            self.before.release()
            for filters in self.routes.values():
                filters.release()


def overrides(made: object, base: type, method: str) -> bool:
    """Whether the class of `made` has a method of its own where `base` only describes one."""
    for known in type(made).__mro__:
        if known is base:
            return False
        if method in known.__dict__:
            return True
    return False


def _waits(steps: tuple[Step, ...]) -> bool:
    return any([step.wait_call is not None for step in steps])  # noqa: C419 - compiled code has no generators to spare


def _steps(uses: list[PluginUse], method: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    for use in uses:
        part = use.filter
        if part is not None:
            made = part.made
            if isinstance(made, AsyncFilter):
                if overrides(made, AsyncFilter, method):
                    steps.append(Step(part, use.config, method, None, getattr(made, method)))
            elif overrides(made, SyncFilter, method):
                steps.append(Step(part, use.config, method, getattr(made, method), None))
    return tuple(steps)
