"""Another attempt for a request, after a pause."""

from collections.abc import Callable
from typing import Final

from hauberk_core.model.reason import Reason
from hauberk_core.model.retry import Retry
from hauberk_core.net.loop import Loop
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.route.dice import Dice
from hauberk_core.upstream.retry_budget import RetryBudget

# How much longer than the first the longest pause is. Envoy's default.
LONGEST_BACKOFF: Final = 10.0
# What proves that nobody has acted on an attempt.
_UNTOUCHED: Final = (Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT, Reason.UPSTREAM_REFUSED)
# What proves that an attempt got no answer. Where a guard or a limit refuses, another attempt would be refused alike.
_WITHOUT_ANSWER: Final = (
    Reason.CONNECT_FAILED,
    Reason.CONNECT_TIMEOUT,
    Reason.UPSTREAM_RESET,
    Reason.UPSTREAM_REFUSED,
    Reason.UPSTREAM_PROTOCOL,
    Reason.UPSTREAM_TIMEOUT,
)


class Retrying(TimerOwner):
    """How often one request was attempted, and the pause before it is again."""

    def __init__(self, retry: Retry, loop: Loop, chance: Dice) -> None:
        self._codes: Final = retry.codes
        self._grpc_codes: Final = retry.grpc_codes
        self._repeated: Final[tuple[Reason, ...]] = _WITHOUT_ANSWER if retry.unanswered else _UNTOUCHED
        self._left: int = retry.attempts
        self._pause: float = retry.backoff.seconds
        self._longest: Final[float] = retry.backoff.seconds * LONGEST_BACKOFF
        self._loop: Final = loop
        self._chance: Final = chance
        self._timer: Final = Timer(self)
        self._attempt: Callable[[], None] | None = None
        self._budget: RetryBudget | None = None
        self._stopped = False

    def wants(self, status: int) -> bool:
        """Whether an answer of this status is thrown away for another attempt."""
        return not self._stopped and status in self._codes

    def wants_call(self, grpc_status: int) -> bool:
        """Whether a gRPC call that failed so, before there was anything of an answer, is made again."""
        return not self._stopped and grpc_status in self._grpc_codes

    def wants_after(self, reason: Reason) -> bool:
        """Whether another attempt is made after one that ended like this."""
        return not self._stopped and reason in self._repeated

    def left(self) -> int:
        """Attempts that may still be made."""
        return self._left

    def is_retry(self) -> bool:
        """Whether the attempt under way is not the first."""
        return self._budget is not None

    def begin_pause(self, attempt: Callable[[], None], budget: RetryBudget) -> None:
        """Have `attempt` called later. Args: budget - which admits it; it hears when the attempt is over."""
        self._left -= 1
        self._attempt = attempt
        if self._budget is None:
            budget.begin()
            self._budget = budget
        # Never sooner than was asked for, and not at once with all others that failed in the same moment.
        pause = self._pause * (1.0 + self._chance.next())
        self._pause = min(self._pause * 2.0, self._longest)
        self._loop.wheel.arm(self._timer, self._loop.now + pause)

    def stop(self) -> None:
        """There will be no other attempt."""
        self._stopped = True
        if self._budget is not None:
            self._budget.end()
            self._budget = None
        if self._attempt is not None:
            self._attempt = None
            self._loop.wheel.disarm(self._timer)

    def timed_out(self, timer: Timer) -> None:
        attempt = self._attempt
        self._attempt = None
        if attempt is not None:
            attempt()
