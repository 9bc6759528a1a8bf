"""What is noted about a sampled request between its beginning and its end."""

from typing import Final

# The note's key among the attributes of an exchange.
NOTE: Final = "tracing"


class Trace:
    """The identifiers of the two spans of this hop, and what only the beginning knows."""

    __slots__ = ("client_id", "client_start", "parent_id", "scheme", "server_id", "state", "trace_id")

    def __init__(
        self, trace_id: str, parent_id: str, server_id: str, client_id: str, state: str, scheme: str, client_start: float
    ) -> None:
        self.trace_id: Final = trace_id
        self.parent_id: Final = parent_id
        """The span of the hop before us; empty: the trace begins here."""
        self.server_id: Final = server_id
        """The span of our answer to the client."""
        self.client_id: Final = client_id
        """Its child, the span of our request to the endpoint, and the parent of what the endpoint does."""
        self.state: Final = state
        """`tracestate`, combined."""
        self.scheme: Final = scheme
        self.client_start: Final = client_start
        """Wall clock, seconds."""
