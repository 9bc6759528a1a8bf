"""A span as the demo's collector keeps it."""

from typing import NamedTuple


class ReceivedSpan(NamedTuple):
    """What is asked for of one span; identifiers in hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    """`server`, `client`, or empty."""
    service: str
    """The resource's `service.name`."""
    request: str = ""
    """Its method and path."""
    status: int = 0
    """Of the answer; 0: there was none."""
    error: str = ""
    """`error.type`: why the request failed, if it did."""
    start: int = 0
    """Nanoseconds since 1970."""
    end: int = 0
