"""An exchange whose way leads through plugins.

Only exchanges of filter chains with plugins are of this class, so that all others pay nothing. Heads and chunks pass the steps of
`plugin.chain` in order. A step that waits stops its direction: what comes behind it is kept, and its source is read no further,
until the step's task is over; then the rest goes on from there.

The road of a request: filters of the chain, routing, the picker, filters of the route, then what every exchange does.
"""

from typing import Final

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.observe.record import Record
from hauberk_core.plugin.chain import FAILED, ChainFilters, Filters, Step
from hauberk_core.plugin.exchange import Exchange as ExchangeView
from hauberk_core.plugin.reply import Reply
from hauberk_core.plugin.waiting import AsyncCall, CallOwner
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client import Client
from hauberk_core.proxy.exchange import SWITCHING_PROTOCOLS, Exchange
from hauberk_core.proxy.fallback import Fallback
from hauberk_core.route.compiled import CompiledMatch, CompiledTable, CompiledVirtualHost
from hauberk_core.route.decide import decide
from hauberk_core.route.recorder import Recorder


class FilteredExchange(Exchange):
    """Adds the plugins' steps to an exchange."""

    __slots__ = (
        "_chain",
        "_chain_filters",
        "_decided",
        "_fallback",
        "_filters",
        "_match",
        "_request_way",
        "_response",
        "_response_way",
        "_view",
    )

    def __init__(
        self,
        client: Client,
        request: Request,
        record: Record,
        started: float,
        chain: Chain,
        filters: ChainFilters,
        peer_identity: str,
    ) -> None:
        super().__init__(client, request, record, started)
        self._chain: Final = chain
        self._chain_filters: ChainFilters | None = filters
        self._filters: Filters = filters.before
        self._view: Final = ExchangeView(request, record, peer_identity)
        self._decided: Decision | None = None
        self._fallback: Fallback | None = None
        self._match: CompiledMatch | None = None
        """The one that took the request, where the route's pickers fall back."""
        self._response: Response | None = None
        self._request_way: _RequestWay | None = None
        self._response_way: _ResponseWay | None = None
        filters.hold()

    # The request's way.

    def filter_request(self) -> None:
        """Begin: the head has come."""
        filters = self._filters
        if filters.is_simple:
            if self._pass_at_once(filters.request):
                self._route()
            return
        way = _RequestWay(self)
        self._request_way = way
        way.pass_head(filters.request, 0)

    def _pass_at_once(self, steps: tuple[Step, ...]) -> bool:
        """Send a head through synchronous steps. Returns whether it passed."""
        view = self._view
        for step in steps:
            reply = step.on_head(view)
            if reply is not None:
                self.replied(step, reply)
                return False
        return True

    def request_passed(self) -> None:
        """The head has passed the steps it was given."""
        if self._decided is None:
            self._route()
            return
        request = self.request
        if self._filters.request_body and request.framing == COUNTED:
            # Nobody knows how long it will be once plugins have had it.
            request.framing = CHUNKED
        way = self._request_way
        if way is not None:
            way.closed = False
        self.preferred = self._view.preferred
        if self._match is not None:
            self._fallback = Fallback(request, self._filters, self._match.decisions, self._decided)
        self._client.serve(self, self._decided)
        if way is not None:
            way.go_on()

    def _route(self) -> None:
        chain_filters = self._chain_filters
        assert chain_filters is not None
        winner = _Winner() if chain_filters.picks else None
        decision = decide(self.request, chain_filters.table, self._chain.dice.next(), winner)
        before = self._filters
        filters = before
        if chain_filters.routes:
            filters = chain_filters.routes.get((decision.virtual_host, decision.route), before)
        self._view.decision = decision
        if winner is not None and winner.match is not None:
            for picker in filters.pickers:
                picked = picker.pick(self._view, filters.backends)
                if picked >= 0:
                    decision = winner.match.decisions[picked]
                    self._view.decision = decision
                    break
            if filters.falls_back:
                self._match = winner.match
        self._decided = decision
        filters.hold()
        self._filters = filters
        self._chain_filters = None
        chain_filters.release()
        way = self._request_way
        if way is None and not filters.is_simple:
            way = _RequestWay(self)
            self._request_way = way
        steps = () if filters is before else filters.request
        if way is not None:
            way.pass_head(steps, 0)
        elif self._pass_at_once(steps):
            self.request_passed()

    def request_data(self, data: bytes) -> None:
        way = self._request_way
        if way is None or self.response_complete:
            # Of what was answered already, the rest is only dropped.
            super().request_data(data)
        else:
            way.add(data)

    def request_end(self, trailers: Headers | None) -> None:
        way = self._request_way
        if way is None or self.response_complete:
            super().request_end(trailers)
        else:
            self.request_complete = True
            way.add_end(trailers)

    def flush_request(self) -> None:
        way = self._request_way
        if way is None or not way.is_stopped():
            super().flush_request()
        elif way.kept and not self.over:
            self._client.pause_request()

    def resume_request_way(self) -> None:
        """What was kept has gone on."""
        super().flush_request()
        call = self._call
        if call is None or not call.is_congested():
            self._client.resume_request()

    def forward_request_data(self, received: int, data: bytes) -> None:
        """Octets of the request's body have passed: `data` takes the place of `received` octets."""
        self.record.bytes_received += received - len(data)
        if data:
            super().request_data(data)

    def forward_request_end(self, trailers: Headers | None) -> None:
        """The request's end has passed."""
        super().request_end(trailers)

    def refused(self, reason: Reason, detail: str) -> None:
        if self.extras is not None and self._retries_after(reason, detail):
            return
        fallback = self._fallback
        decision = None if fallback is None else fallback.next(self._view, self.request, reason)
        if decision is None:
            super().refused(reason, detail)
            return
        self.record.upstream_failure = detail
        self._view.decision = decision
        self.attempts = 0
        self._call = None
        self._client.serve(self, decision)
        self._flush_assigned()

    def _flush_assigned(self) -> None:
        """Where the request is on its way again already, nobody else knows that there is something to flush."""
        call = self._call
        if call is not None and self._sending:
            call.flush()
            self._client.resume_request()

    # The response's way.

    def response(self, response: Response) -> None:
        filters = self._filters
        status = response.status
        call = self._call
        if call is None or (status < 200 and status != SWITCHING_PROTOCOLS):
            super().response(response)
            return
        if not filters.response and not filters.response_body:
            super().response(response)
            return
        if (status == 503 or self.extras is not None) and self.tries_again(call, response):
            return
        self._view.answered_with(response, call.endpoint)
        if filters.is_simple:
            if self._pass_at_once(filters.response):
                super().response(response)
            return
        self._response = response
        way = _ResponseWay(self)
        self._response_way = way
        way.pass_head(filters.response, 0)

    def response_passed(self) -> None:
        """The head has passed."""
        response = self._response
        assert response is not None
        if self._filters.response_body and response.framing == COUNTED:
            response.framing = CHUNKED
        way = self._response_way
        assert way is not None
        way.closed = False
        super().response(response)
        way.go_on()

    def response_data(self, data: bytes) -> None:
        way = self._response_way
        if way is None or self.is_tunnel:
            super().response_data(data)
        else:
            way.add(data)

    def response_end(self, trailers: Headers | None) -> None:
        way = self._response_way
        if way is None or self.is_tunnel:
            super().response_end(trailers)
        else:
            way.add_end(trailers)

    def response_batch_end(self) -> None:
        way = self._response_way
        if way is None or not way.is_stopped():
            super().response_batch_end()
        elif self._call is not None:
            self._call.pause_reading()

    def resume_response_way(self) -> None:
        """What was kept has gone on."""
        call = self._call
        if call is not None:
            call.resume_reading()
        super().response_batch_end()

    def forward_response_data(self, data: bytes) -> None:
        """Octets of the response's body have passed."""
        if data:
            super().response_data(data)

    def forward_response_end(self, trailers: Headers | None) -> None:
        """The response's end has passed."""
        call = self._call
        if call is not None and not call.is_reading():
            # It was paused for a step that waited, and now it may be given back.
            call.resume_reading()
        super().response_end(trailers)

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        self._stop_response()
        super().upstream_failed(reason, detail)

    # Both ways.

    def upstream_write_ready(self) -> None:
        way = self._request_way
        if way is None or not way.is_stopped():
            super().upstream_write_ready()

    def client_write_ready(self) -> None:
        way = self._response_way
        if way is None or not way.is_stopped():
            super().client_write_ready()

    def _stop_request(self) -> None:
        if self._request_way is not None:
            self._request_way.stop()

    def _stop_response(self) -> None:
        if self._response_way is not None:
            self._response_way.stop()

    def filters(self) -> Filters:
        """Those of the route, or before routing those of the chain."""
        return self._filters

    def view(self) -> ExchangeView:
        """What plugins see."""
        return self._view

    def chain(self) -> Chain:
        """The filter chain."""
        return self._chain

    def has_request_body(self) -> bool:
        """Whether the request announced a body."""
        return self.request.framing != NO_BODY

    def has_response_body(self) -> bool:
        """Whether the response's head announced a body."""
        response = self._response
        return response is not None and response.framing != NO_BODY and self.request.method != "HEAD"

    def replied(self, step: Step, reply: Reply) -> None:
        """A filter answered, or failed and is to refuse."""
        self._stop_request()
        self._stop_response()
        if reply is FAILED:
            self.step_failed(step)
            return
        self._let_go(False)
        self._client.answer_reply(self, reply, step.part.plugin)

    def step_failed(self, step: Step) -> None:
        """A filter failed and is to refuse: answer so, or where the response has begun make sure that the client notices."""
        self.time_out(Reason.PLUGIN_FAILED, "plugin " + step.part.plugin + ": " + step.method)

    def time_out(self, reason: Reason, detail: str) -> None:
        self._stop_request()
        super().time_out(reason, detail)

    def answered_locally(self) -> None:
        self._stop_request()
        self._stop_response()
        super().answered_locally()

    def end_record(self) -> None:
        if self.over:
            return
        super().end_record()
        self._stop_request()
        self._stop_response()
        filters = self._filters
        if filters.observers:
            filters.observe(self.record)
        chain_filters = self._chain_filters
        if chain_filters is not None:
            self._chain_filters = None
            chain_filters.release()
        else:
            filters.release()

    def give_up(self, error: Exception) -> None:
        """Going on after a wait raised: a fault of our own."""
        self._client.give_up(self, error)


class _Winner(Recorder):
    """Keeps the match that took the request."""

    def __init__(self) -> None:
        self.match: CompiledMatch | None = None

    def decided(
        self,
        request: Request,
        table: CompiledTable,
        virtual_host: CompiledVirtualHost | None,
        winner: CompiledMatch | None,
        decision: Decision,
    ) -> None:
        self.match = winner


class _Way(CallOwner):
    """One direction of an exchange: the step it waits for, and what is kept behind it."""

    def __init__(self, exchange: FilteredExchange) -> None:
        self.closed = True
        """The head has not passed yet."""
        self.kept: list[bytes] = []
        """Octets that came behind what waits. Bounded: their source is paused, so one read at most is here."""
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

    # What the two directions do differently.

    def head_passed(self) -> None:
        raise NotImplementedError

    def body_steps(self) -> tuple[Step, ...]:
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

    def stop(self) -> None:
        """Nothing passes any more; a step under way is cancelled."""
        self._stopped = True
        self.kept = []
        self._end_kept = False
        call = self._call
        if call is not None:
            self._call = None
            call.cancel()

    def add(self, data: bytes) -> None:
        """Octets of the body."""
        if self._stopped:
            return
        if self.is_stopped():
            self.kept.append(data)
        else:
            self._pass_chunk(data, False)

    def add_end(self, trailers: Headers | None) -> None:
        """The end of the message."""
        if self._stopped:
            return
        self._trailers = trailers
        if self.is_stopped():
            self._end_kept = True
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
            else:
                reply = step.on_head(view)
            if reply is not None:
                exchange.replied(step, reply)
                return
        self.head_passed()

    def _pass_chunk(self, chunk: bytes, last: bool) -> None:
        steps = self.body_steps()
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
            result: bytes | None
            if step.wait_call is not None:
                if self._wait(steps, index, False, received, chunk, last):
                    return
                result = step.chunk_failed(OverflowError("too many calls of asynchronous filters are under way"), chunk)
            else:
                result = step.on_chunk(view, chunk, last)
            if result is None:
                self.stop()
                exchange.step_failed(step)
                return
            chunk = result
        self._chunk_passed(received, chunk, last)

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
        exchange = self._exchange
        steps = self._steps
        index = self._index
        step = steps[index - 1]
        if self._on_head:
            reply = step.check_answer(result) if error is None else step.failed(error)
            if reply is not None:
                exchange.replied(step, reply)
                return
            self.pass_head(steps, index)
        else:
            chunk = step.check_chunk(result, self._chunk) if error is None else step.chunk_failed(error, self._chunk)
            if chunk is None:
                self.stop()
                exchange.step_failed(step)
                return
            self._walk_chunk(steps, index, self._received, chunk, self._last)
            self.go_on()
        if not self._stopped and not self.is_stopped() and not exchange.over:
            self.resume_source()


class _RequestWay(_Way):
    def head_passed(self) -> None:
        self._exchange.request_passed()

    def body_steps(self) -> tuple[Step, ...]:
        return self._exchange.filters().request_body if self._exchange.has_request_body() else ()

    def forward(self, received: int, data: bytes) -> None:
        self._exchange.forward_request_data(received, data)

    def forward_end(self, trailers: Headers | None) -> None:
        self._exchange.forward_request_end(trailers)

    def resume_source(self) -> None:
        self._exchange.resume_request_way()


class _ResponseWay(_Way):
    def head_passed(self) -> None:
        self._exchange.response_passed()

    def body_steps(self) -> tuple[Step, ...]:
        return self._exchange.filters().response_body if self._exchange.has_response_body() else ()

    def forward(self, received: int, data: bytes) -> None:
        self._exchange.forward_response_data(data)

    def forward_end(self, trailers: Headers | None) -> None:
        self._exchange.forward_response_end(trailers)

    def resume_source(self) -> None:
        self._exchange.resume_response_way()
