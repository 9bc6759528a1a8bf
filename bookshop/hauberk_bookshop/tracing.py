"""Which headers of a request go on to the calls made for it, so that a trace stays one trace."""

from typing import Final

from hauberk_bookshop.web import Request

FORWARDED: Final = frozenset(
    {
        "x-request-id",
        # W3C Trace Context and Baggage
        "traceparent",
        "tracestate",
        "baggage",
        # Zipkin's B3, in one header or in several
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-parentspanid",
        "x-b3-sampled",
        "x-b3-flags",
    }
)


def trace_headers(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers of `request` that belong to its trace, in their order."""
    return tuple(header for header in request.headers if header[0] in FORWARDED)
