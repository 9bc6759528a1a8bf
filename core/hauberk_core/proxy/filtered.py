"""An exchange whose way leads through plugins.

Only exchanges of filter chains with plugins are of this class, so that all others pay nothing. Heads and chunks pass the steps of
`plugin.chain` in order. A step that waits stops its direction: what comes behind it is kept, and its source is read no further,
until the step's task is over; then the rest goes on from there.

The road of a request: filters of the chain, routing, the picker, filters of the route, then what every exchange does.
"""

from typing import Final

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, TUNNEL, Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.net.loop import Loop
from hauberk_core.observe.record import Record
from hauberk_core.plugin.chain import FAILED, ChainFilters, Filters, Step
from hauberk_core.plugin.exchange import Exchange as ExchangeView
from hauberk_core.plugin.reply import Reply
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client import Client
from hauberk_core.proxy.exchange import Exchange
from hauberk_core.proxy.fallback import Fallback
from hauberk_core.proxy.holding import HoldingRoom
from hauberk_core.proxy.way import RequestWay, ResponseWay
from hauberk_core.route.compiled import CompiledMatch, CompiledTable, CompiledVirtualHost
from hauberk_core.route.decide import decide
from hauberk_core.route.recorder import Recorder
from hauberk_core.upstream.call import Call


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
        "loop",
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
        loop: Loop,
    ) -> None:
        super().__init__(client, request, record, started)
        self.loop: Final = loop
        self._chain: Final = chain
        self._chain_filters: ChainFilters | None = filters
        self._filters: Filters = filters.before
        self._view: Final = ExchangeView(request, record, peer_identity)
        self._decided: Decision | None = None
        self._fallback: Fallback | None = None
        self._match: CompiledMatch | None = None
        """The one that took the request, where the route's pickers fall back."""
        self._response: Response | None = None
        self._request_way: RequestWay | None = None
        self._response_way: ResponseWay | None = None
        filters.hold()

    # The request's way.

    def filter_request(self) -> None:
        """Begin: the head has come."""
        filters = self._filters
        if filters.is_simple:
            if self._pass_at_once(filters.request, True):
                self._route()
            return
        way = RequestWay(self)
        self._request_way = way
        way.pass_head(filters.request, 0)

    def _pass_at_once(self, steps: tuple[Step, ...], is_request: bool) -> bool:
        """Send a head through synchronous steps. Returns whether it passed; else it is answered, or goes on by itself."""
        view = self._view
        for index in range(len(steps)):
            answer = steps[index].on_head(view)
            if answer is None:
                continue
            if isinstance(answer, Reply):
                self.replied(steps[index], answer)
            elif is_request:
                request_way = RequestWay(self)
                self._request_way = request_way
                if request_way.grant(steps, index + 1, answer):
                    request_way.pass_head(steps, index + 1)
            else:
                response_way = ResponseWay(self)
                self._response_way = response_way
                if response_way.grant(steps, index + 1, answer):
                    response_way.pass_head(steps, index + 1)
            return False
        return True

    def request_passed(self) -> None:
        """The head has passed the steps it was given."""
        if self._decided is None:
            self._route()
            return
        request = self.request
        way = self._request_way
        if way is not None:
            if way.settle_body() and request.framing == COUNTED:
                # Nobody knows how long it will be once plugins have had it.
                request.framing = CHUNKED
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
            way = RequestWay(self)
            self._request_way = way
        steps = () if filters is before else filters.request
        if way is not None:
            way.pass_head(steps, 0)
        elif self._pass_at_once(steps, True):
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
        elif way.kept and not way.is_collecting() and not self.over:
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

    def pass_response(self, call: Call, response: Response) -> None:
        filters = self._filters
        if not filters.response and not filters.response_body:
            super().pass_response(call, response)
            return
        self._view.answered_with(response, call.endpoint)
        self._response = response
        if filters.is_simple:
            if self._pass_at_once(filters.response, False):
                super().pass_response(call, response)
            return
        way = ResponseWay(self)
        self._response_way = way
        way.pass_head(filters.response, 0)

    def response_passed(self) -> None:
        """The head has passed."""
        response = self._response
        call = self._call
        way = self._response_way
        assert response is not None
        assert call is not None
        assert way is not None
        if way.settle_body() and response.framing == COUNTED:
            response.framing = CHUNKED
        way.closed = False
        super().pass_response(call, response)
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
            self._view.ended_with(trailers)
            way.add_end(trailers)

    def response_batch_end(self) -> None:
        way = self._response_way
        if way is None or not way.is_stopped():
            super().response_batch_end()
        elif self._call is not None and not way.is_collecting():
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
        left = self._view.trailers_left()
        if trailers is not None and left is None:
            # A filter has taken them; how a call ended is known all the same.
            self.note_trailers(trailers)
        super().response_end(left)

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        self._stop_response()
        super().upstream_failed(reason, detail)

    # Both ways.

    def is_held(self) -> bool:
        request_way = self._request_way
        response_way = self._response_way
        return (request_way is not None and request_way.is_paused()) or (response_way is not None and response_way.is_paused())

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

    def room(self) -> HoldingRoom:
        """Where what is held for filters' wishes is counted."""
        return self._chain.owner.room

    def request_wanted(self) -> None:
        """The whole request is waited for: so that its client may not wait for a word on the head first."""
        request = self.request
        if request.expects_continue:
            request.expects_continue = False
            request.headers.remove("expect")
            self._client.forward_interim(self, Response(100, "Continue", request.version, Headers()))

    def response_length(self) -> int:
        """Octets of the response's body; -1: its head did not say."""
        response = self._response
        return response.length if response is not None and response.framing == COUNTED else -1

    def response_collected(self, size: int) -> None:
        """Its body is complete, and has so many octets."""
        response = self._response
        assert response is not None
        response.framing = COUNTED
        response.length = size

    def has_response_body(self) -> bool:
        """Whether the response's head announced a body."""
        response = self._response
        if response is None:
            return False
        return response.framing not in (NO_BODY, TUNNEL) and self.request.method != "HEAD"

    def replied(self, step: Step, reply: Reply) -> None:
        """A filter answered, or failed and is to refuse."""
        self._stop_request()
        self._stop_response()
        if reply is FAILED:
            self.step_failed(step)
            return
        self._let_go(False)
        self._client.answer_reply(self, reply, step.part.plugin)

    def body_replied(self, step: Step, reply: Reply) -> None:
        """A filter answered when the request's body was under way."""
        if self.response_started:
            self.time_out(reply.reason, "plugin " + step.part.plugin + ": " + step.method)
        else:
            self.replied(step, reply)

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
