"""The seam between the loop and the tasks of asynchronous filters."""

from collections.abc import Awaitable, Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.plugin.chain import Filters
from hauberk_core.plugin.exchange import Exchange


@mypyc_attr(allow_interpreted_subclasses=True)
class CallOwner:
    """Whoever waits for a call."""

    def call_over(self, call: "AsyncCall", result: object, error: Exception | None) -> None:
        """The call has returned `result`, or failed. Comes through the loop; not for a call that was cancelled."""
        raise NotImplementedError

    def call_gone(self, call: "AsyncCall") -> None:
        """The task is at its end, cancelled or not: nothing of the plugin runs any more. Comes last, once."""
        raise NotImplementedError


class AsyncCall:
    """One call of a method of an asynchronous filter."""

    __slots__ = ("_chunk", "_exchange", "_last", "_method", "_on_head", "cancel_task", "cancelled", "filters", "owner", "seconds")

    def __init__(
        self,
        owner: CallOwner,
        method: Callable[..., Awaitable[object]],
        seconds: float,
        exchange: Exchange,
        on_head: bool,
        chunk: bytes,
        last: bool,
    ) -> None:
        self.owner: Final = owner
        self.seconds: Final = seconds
        """How long it may take."""
        self.cancelled = False
        self.filters: Filters | None = None
        """Held by the owner for as long as the task may run."""
        self.cancel_task: Callable[[], None] | None = None
        """Set by whoever runs the task."""
        self._method: Final = method
        self._exchange: Final = exchange
        self._on_head: Final = on_head
        self._chunk: Final = chunk
        self._last: Final = last

    def begin(self) -> Awaitable[object]:
        """Call the method. What it raises at once is a failure like any other."""
        if self._on_head:
            return self._method(self._exchange)
        return self._method(self._exchange, self._chunk, self._last)

    def cancel(self) -> None:
        """Nobody wants the result any more."""
        if not self.cancelled:
            self.cancelled = True
            if self.cancel_task is not None:
                self.cancel_task()

    def over(self, result: object, error: Exception | None) -> None:
        """The runner's side, in the loop: the task is at its end."""
        if not self.cancelled:
            self.owner.call_over(self, result, error)
        self.owner.call_gone(self)


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiting:
    """Runs calls beside the loop."""

    def start(self, call: AsyncCall) -> None:
        """Run `call.begin()` in a task of its own, and have the loop call `call.over` at its end: later, never within this call.

        Raises: OverflowError if too many run already; the call was not begun then.
        """
        raise NotImplementedError
