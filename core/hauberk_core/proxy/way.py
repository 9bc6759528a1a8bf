"""One direction of an exchange through filters: the step it waits for, and what is kept behind it.

A direction stands still while an asynchronous step runs, for a pause, and while a body is collected that is wanted whole. What
comes meanwhile is kept; but for a collected body its source is read no further.
"""

from typing import TYPE_CHECKING, Final

from hauberk_core.http.events import COUNTED
from hauberk_core.http.headers import Headers
from hauberk_core.http.pieces import add_piece
from hauberk_core.model.reason import Reason
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.plugin.chain import Filters, Step
from hauberk_core.plugin.part import Part
from hauberk_core.plugin.reply import Reply
from hauberk_core.plugin.waiting import AsyncCall, CallOwner
from hauberk_core.plugin.wish import Pause, Whole, Wish

if TYPE_CHECKING:
    from hauberk_core.proxy.filtered import FilteredExchange


class Way(CallOwner):
    """One direction of an exchange: the step it waits for, and what is kept behind it."""

    def __init__(self, exchange: "FilteredExchange") -> None:
        self.closed = True
        """The head has not passed yet."""
        self.kept: list[bytes] = []
        """Octets that came behind what waits. Bounded: their source is paused, so one read at most is here; or they are
        collected, with a limit."""
        self._exchange: Final = exchange
        self._end_kept = False
        self._trailers: Headers | None = None
        self._call: AsyncCall | None = None
        self._held: Filters | None = None
        self._steps: tuple[Step, ...] = ()
        self._index = 0
        self._on_head = True
        self._received = 0
        self._chunk = b""
        self._last = False
        self._stopped = False
        self._timer: Timer | None = None
        """Runs while the exchange stands still because a filter wants it to."""
        self._then: Reply | None = None
        """The answer behind that."""
        self._collecting = False
        self._limit = 0
        self._collected = 0
        self._left: list[Part] = []
        """Filters that want nothing of this body."""
        self._body_steps: tuple[Step, ...] = ()

    # What the two directions do differently.

    def head_passed(self) -> None:
        raise NotImplementedError

    def body_steps(self) -> tuple[Step, ...]:
        """Those of all filters; none where there is no body."""
        raise NotImplementedError

    def has_body(self) -> bool:
        raise NotImplementedError

    def announced(self) -> int:
        """Octets of the body; -1: its head did not say."""
        raise NotImplementedError

    def collecting(self) -> None:
        """The body is wanted whole, and is not here yet."""
        raise NotImplementedError

    def collected(self, size: int, trailers: Headers | None) -> None:
        """All of it is here."""
        raise NotImplementedError

    def not_collected(self, reason: Reason, detail: str) -> bool:
        """It cannot be kept whole. Returns: whether the message goes on nevertheless."""
        raise NotImplementedError

    def forward(self, received: int, data: bytes) -> None:
        raise NotImplementedError

    def forward_end(self, trailers: Headers | None) -> None:
        raise NotImplementedError

    def resume_source(self) -> None:
        raise NotImplementedError

    # What they do alike.

    def is_stopped(self) -> bool:
        """Whether what comes now must be kept."""
        return self.closed or self._call is not None

    def is_collecting(self) -> bool:
        """Whether what comes now is wanted nevertheless."""
        return self._collecting

    def is_paused(self) -> bool:
        """Whether it stands still for a time that a filter wants."""
        return self._timer is not None

    def settle_body(self) -> bool:
        """The head has passed all filters. Returns: whether any of them wants the body."""
        steps = self.body_steps()
        if self._left and steps:
            steps = tuple([step for step in steps if step.part not in self._left])
        self._body_steps = steps
        return len(steps) > 0

    def stop(self) -> None:
        """Nothing passes any more; a step under way is cancelled."""
        self._stopped = True
        self.kept = []
        self._end_kept = False
        self._end_pause()
        self._end_collecting()
        call = self._call
        if call is not None:
            self._call = None
            call.cancel()

    def add(self, data: bytes) -> None:
        """Octets of the body."""
        if self._stopped:
            return
        if self.is_stopped():
            add_piece(self.kept, data)
            if self._collecting and not self._collect(len(data)):
                self._pass_uncollected()
        else:
            self._pass_chunk(data, False)

    def add_end(self, trailers: Headers | None) -> None:
        """The end of the message."""
        if self._stopped:
            return
        self._trailers = trailers
        if self.is_stopped():
            self._end_kept = True
            if self._collecting:
                self._collecting = False
                self.collected(self._collected, trailers)
                self.pass_head(self._steps, self._index)
        else:
            self._pass_chunk(b"", True)

    def go_on(self) -> None:
        """What was kept may pass."""
        while not self._stopped and not self.is_stopped():
            if self.kept:
                self._pass_chunk(self.kept.pop(0), False)
            elif self._end_kept:
                self._end_kept = False
                self._pass_chunk(b"", True)
            else:
                return

    def pass_head(self, steps: tuple[Step, ...], index: int) -> None:
        """Send the head through `steps` from `index` on."""
        exchange = self._exchange
        view = exchange.view()
        while index < len(steps):
            step = steps[index]
            index += 1
            if step.wait_call is not None:
                if self._wait(steps, index, True, 0, b"", False):
                    return
                reply = step.failed(OverflowError("too many calls of asynchronous filters are under way"))
                if reply is None:
                    continue
                exchange.replied(step, reply)
                return
            answer = step.on_head(view)
            if answer is not None and not self.grant(steps, index, answer):
                return
        self.head_passed()

    def grant(self, steps: tuple[Step, ...], index: int, answer: Reply | Wish) -> bool:
        """See to what the step before `index` wants. Returns: whether the head goes on at once."""
        if isinstance(answer, Reply):
            self._exchange.replied(steps[index - 1], answer)
            return False
        if isinstance(answer, Pause):
            return self._begin_pause(steps, index, answer)
        if isinstance(answer, Whole):
            return self._begin_collecting(steps, index, answer.limit)
        self._left.append(steps[index - 1].part)
        return True

    # Pauses.

    def _begin_pause(self, steps: tuple[Step, ...], index: int, pause: Pause) -> bool:
        exchange = self._exchange
        if not exchange.room().take_pause():
            return pause.then is None or self.grant(steps, index, pause.then)
        self._steps = steps
        self._index = index
        self._then = pause.then
        timer = Timer(_PauseEnd(self))
        self._timer = timer
        loop = exchange.loop
        loop.wheel.arm(timer, loop.clock.now() + pause.seconds)
        return False

    def _end_pause(self) -> None:
        timer = self._timer
        if timer is not None:
            self._timer = None
            exchange = self._exchange
            exchange.room().end_pause()
            exchange.loop.wheel.drop(timer)

    def pause_over(self) -> None:
        """It has lasted as long as it was to."""
        self._end_pause()
        then = self._then
        try:
            if then is not None:
                self._exchange.replied(self._steps[self._index - 1], then)
                return
            self.pass_head(self._steps, self._index)
            self._resume()
        except Exception as fault:
            self._exchange.give_up(fault)

    # Bodies that are wanted whole.

    def _begin_collecting(self, steps: tuple[Step, ...], index: int, limit: int) -> bool:
        if not self.has_body():
            return True
        self._limit = limit
        # What an earlier filter has collected is still here.
        missing = -self._collected
        for data in self.kept:
            missing += len(data)
        announced = self.announced()
        if announced > limit:
            return self.not_collected(Reason.BODY_TOO_LARGE, _too_long(limit))
        if not self._collect(missing):
            return not self._stopped
        if self._end_kept:
            return True
        self._steps = steps
        self._index = index
        self._collecting = True
        self.collecting()
        return False

    def _collect(self, size: int) -> bool:
        """Keep so many octets more. Returns: False if that is too much."""
        if self._collected + size > self._limit:
            self.not_collected(Reason.BODY_TOO_LARGE, _too_long(self._limit))
            return False
        if not self._exchange.room().take_octets(size):
            self.not_collected(Reason.OVERFLOW, "bodies that are kept whole take all the room there is")
            return False
        self._collected += size
        return True

    def _end_collecting(self) -> None:
        """Give the room back. Of what was collected that is when the exchange is over: until then it may wait elsewhere."""
        self._collecting = False
        size = self._collected
        if size:
            self._collected = 0
            self._exchange.room().give_octets(size)

    def _pass_uncollected(self) -> None:
        if not self._stopped:
            self._end_collecting()
            self.pass_head(self._steps, self._index)

    # Octets.

    def _pass_chunk(self, chunk: bytes, last: bool) -> None:
        steps = self._body_steps
        if steps:
            self._walk_chunk(steps, 0, len(chunk), chunk, last)
        else:
            self._chunk_passed(len(chunk), chunk, last)

    def _walk_chunk(self, steps: tuple[Step, ...], index: int, received: int, chunk: bytes, last: bool) -> None:
        exchange = self._exchange
        view = exchange.view()
        while index < len(steps):
            step = steps[index]
            index += 1
            result: bytes | Reply | None
            if step.wait_call is not None:
                if self._wait(steps, index, False, received, chunk, last):
                    return
                result = step.chunk_failed(OverflowError("too many calls of asynchronous filters are under way"), chunk)
            else:
                result = step.on_chunk(view, chunk, last)
            if not isinstance(result, bytes):
                self._refused(step, result)
                return
            chunk = result
        self._chunk_passed(received, chunk, last)

    def _refused(self, step: Step, reply: Reply | None) -> None:
        """A step wants no more of the body: it answers, or has failed."""
        self.stop()
        if reply is None:
            self._exchange.step_failed(step)
        else:
            self._exchange.body_replied(step, reply)

    def _chunk_passed(self, received: int, chunk: bytes, last: bool) -> None:
        self.forward(received, chunk)
        if last and not self._stopped:
            self.forward_end(self._trailers)

    def _wait(self, steps: tuple[Step, ...], index: int, on_head: bool, received: int, chunk: bytes, last: bool) -> bool:
        """Begin the step before `index`. Returns whether it is under way."""
        exchange = self._exchange
        step = steps[index - 1]
        method = step.wait_call
        assert method is not None
        call = AsyncCall(self, method, step.seconds, exchange.view(), on_head, chunk, last)
        try:
            exchange.chain().owner.waiting.start(call)
        except OverflowError:
            return False
        self._steps = steps
        self._index = index
        self._on_head = on_head
        self._received = received
        self._chunk = chunk
        self._last = last
        self._call = call
        # A task may outlive its exchange by the time that its cancellation takes.
        call.filters = exchange.filters()
        call.filters.hold()
        return True

    def call_over(self, call: AsyncCall, result: object, error: Exception | None) -> None:
        if self._call is not call:
            return
        self._call = None
        try:
            self._went_on(result, error)
        except Exception as fault:
            self._exchange.give_up(fault)

    def call_gone(self, call: AsyncCall) -> None:
        filters = call.filters
        if filters is not None:
            call.filters = None
            filters.release()

    def _went_on(self, result: object, error: Exception | None) -> None:
        steps = self._steps
        index = self._index
        step = steps[index - 1]
        if self._on_head:
            answer = step.check_answer(result) if error is None else step.failed(error)
            if answer is not None and not self.grant(steps, index, answer):
                # A body that is collected comes on.
                self._resume()
                return
            self.pass_head(steps, index)
        else:
            chunk = step.check_chunk(result, self._chunk) if error is None else step.chunk_failed(error, self._chunk)
            if not isinstance(chunk, bytes):
                self._refused(step, chunk)
                return
            self._walk_chunk(steps, index, self._received, chunk, self._last)
            self.go_on()
        self._resume()

    def _resume(self) -> None:
        if not self._stopped and not self._exchange.over and (self._collecting or not self.is_stopped()):
            self.resume_source()


class RequestWay(Way):
    """From the client to the endpoint."""

    def head_passed(self) -> None:
        self._exchange.request_passed()

    def body_steps(self) -> tuple[Step, ...]:
        return self._exchange.filters().request_body if self._exchange.has_request_body() else ()

    def has_body(self) -> bool:
        return self._exchange.has_request_body()

    def announced(self) -> int:
        request = self._exchange.request
        return request.length if request.framing == COUNTED else -1

    def collecting(self) -> None:
        self._exchange.request_wanted()

    def collected(self, size: int, trailers: Headers | None) -> None:
        if trailers is None:
            request = self._exchange.request
            request.framing = COUNTED
            request.length = size

    def not_collected(self, reason: Reason, detail: str) -> bool:
        # Nothing of it was sent, and nothing will be.
        self._exchange.time_out(reason, detail)
        return False

    def forward(self, received: int, data: bytes) -> None:
        self._exchange.forward_request_data(received, data)

    def forward_end(self, trailers: Headers | None) -> None:
        self._exchange.forward_request_end(trailers)

    def resume_source(self) -> None:
        self._exchange.resume_request_way()


class ResponseWay(Way):
    """From the endpoint to the client."""

    def head_passed(self) -> None:
        self._exchange.response_passed()

    def body_steps(self) -> tuple[Step, ...]:
        return self._exchange.filters().response_body if self._exchange.has_response_body() else ()

    def has_body(self) -> bool:
        return self._exchange.has_response_body()

    def announced(self) -> int:
        return self._exchange.response_length()

    def collecting(self) -> None:
        pass

    def collected(self, size: int, trailers: Headers | None) -> None:
        if trailers is None:
            self._exchange.response_collected(size)

    def not_collected(self, reason: Reason, detail: str) -> bool:
        # It comes as it would have come without.
        return True

    def forward(self, received: int, data: bytes) -> None:
        self._exchange.forward_response_data(data)

    def forward_end(self, trailers: Headers | None) -> None:
        self._exchange.forward_response_end(trailers)

    def resume_source(self) -> None:
        self._exchange.resume_response_way()


class _PauseEnd(TimerOwner):
    def __init__(self, way: Way) -> None:
        self._way: Final = way

    def timed_out(self, timer: Timer) -> None:
        self._way.pause_over()


def _too_long(limit: int) -> str:
    return "the body is longer than the " + str(limit) + " octets that are kept of it"
