"""What tracing does to traffic: a filter that joins each sampled request to its trace, and an observer that finishes its spans.

A request that is not sampled passes as it came, its trace context included: the next hop then has the parent that was exported,
not one of ours that was not.
"""

from typing import Final

from hauberk_core.model.span import EXPORTED_AS, encode_span
from hauberk_core.plugin.data import Exchange, Observer, Record, Reply, Services, SyncFilter
from hauberk_tracing.context import (
    CONTEXT_FIELDS,
    SAMPLED_FLAG,
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    combine_tracestate,
    extract,
    write_traceparent,
)
from hauberk_tracing.ids import RandomDigits
from hauberk_tracing.sampler import Sampler, new_trace_id
from hauberk_tracing.span import client_span, server_span
from hauberk_tracing.trace import NOTE, Trace


class TracingFilter(SyncFilter):
    """Decides whether a request is traced, and tells the next hop."""

    __slots__ = ("_digits", "_sampler", "_services")

    def __init__(self, sampler: Sampler, digits: RandomDigits, services: Services) -> None:
        self._sampler: Final = sampler
        self._digits: Final = digits
        self._services: Final = services

    def request(self, exchange: Exchange) -> Reply | None:
        headers = exchange.headers
        context = extract(headers) if headers.has_any(CONTEXT_FIELDS) else None
        if self._sampler.samples(context, exchange.record.request_id):
            self._trace(exchange, context)
        return None

    def _trace(self, exchange: Exchange, context: TraceContext | None) -> None:
        headers = exchange.headers
        flags = SAMPLED_FLAG
        state = ""
        if context is None or not context.trace_id:
            trace_id = new_trace_id(exchange.record.request_id, self._digits.take(24))
            parent_id = ""
        else:
            trace_id = context.trace_id
            parent_id = context.span_id
            flags |= context.flags
        states = headers.get_all(TRACESTATE)
        if states:
            # It belongs to the `traceparent` beside it; what came with none, or with a broken one, goes (section 4.3).
            if context is not None and context.is_w3c:
                state = combine_tracestate(states)
            if not state:
                headers.remove(TRACESTATE)
            elif len(states) > 1 or state != states[0]:
                headers.set(TRACESTATE, state)
        digits = self._digits.take(32)
        trace = Trace(trace_id, parent_id, digits[:16], digits[16:], state, exchange.scheme, self._services.wall())
        headers.set(TRACEPARENT, write_traceparent(trace_id, trace.client_id, flags))
        exchange.attributes[NOTE] = trace


class TracingObserver(Observer):
    """Finishes the spans of an exchange and hands them over."""

    __slots__ = ("_services",)

    def __init__(self, services: Services) -> None:
        self._services: Final = services

    def finished(self, record: Record) -> None:
        attributes = record.attributes
        if attributes is None:
            return
        trace = attributes.get(NOTE)
        if not isinstance(trace, Trace):
            return
        services = self._services
        services.export(EXPORTED_AS, encode_span(server_span(trace, record)))
        client = client_span(trace, record)
        if client is not None:
            services.export(EXPORTED_AS, encode_span(client))
