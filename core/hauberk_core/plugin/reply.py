"""An answer that a filter gives in the endpoint's place."""

from collections.abc import Sequence
from typing import Final

from hauberk_core.model.reason import Reason
from hauberk_core.plugin.fields import check_field

# What the proxy itself would keep of an answer; a larger one belongs to a service.
LARGEST_BODY: Final = 1 << 20


class Reply:
    """A whole response: it ends the exchange, and the endpoint is not asked, or its answer not sent on."""

    __slots__ = ("body", "grpc_status", "headers", "reason", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        reason: Reason = Reason.PLUGIN_ANSWERED,
        grpc_status: int = -1,
    ) -> None:
        """Make an answer.

        Args: status - 200 to 599; headers - names and values; Content-Length and Date are the proxy's to write; reason - what the
            log, metrics and the header `hauberk-reason` call it; grpc_status - 1 to 16, what a gRPC client is told; -1: what
            goes with `status`.
        Raises: ValueError for what cannot be sent, or a body of more than 1 MiB.
        """
        if not 200 <= status <= 599:
            raise ValueError("a reply's status is 200 to 599, not " + str(status))
        if len(body) > LARGEST_BODY:
            raise ValueError("a reply's body has at most " + str(LARGEST_BODY) + " octets, not " + str(len(body)))
        if body and status in (204, 205, 304):
            raise ValueError("a response with status " + str(status) + " has no body (RFC 9110 section 15)")
        if grpc_status != -1 and not 1 <= grpc_status <= 16:
            raise ValueError("a reply's gRPC status is 1 to 16, not " + str(grpc_status))
        for name, value in headers:
            check_field(name, value)
        self.status: Final = status
        self.body: Final = body
        self.headers: Final[list[tuple[str, str]]] = list(headers)
        self.reason: Final = reason
        self.grpc_status: Final = grpc_status
