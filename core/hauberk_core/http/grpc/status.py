"""How a gRPC call ended: its status, as peers read it, and what takes its place where a proxy answers or gives up.

A call's answer is HTTP 200 whatever became of it. The status stands in the trailers or, where there is no message, in the head
itself (trailers-only). Sources: gRPC's "gRPC over HTTP2" (PROTOCOL-HTTP2.md), "HTTP to gRPC Status Code Mapping", and Envoy's way
back from gRPC to HTTP, by which endpoints are judged.
"""

from typing import Final

from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason

OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
ALREADY_EXISTS: Final = 6
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
ABORTED: Final = 10
OUT_OF_RANGE: Final = 11
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
DATA_LOSS: Final = 15
UNAUTHENTICATED: Final = 16

NOT_KNOWN: Final = -1
"""There is no status: the call is not over, or it was none."""

STATUS_FIELD: Final = "grpc-status"
MESSAGE_FIELD: Final = "grpc-message"
CONTENT_TYPE: Final = "application/grpc"
# Characters of a message that are sent: a head has bounds, and a person reads no more.
_LONGEST_MESSAGE: Final = 1024
_HEX: Final = "0123456789ABCDEF"

_OF_HTTP: Final[dict[int, int]] = {
    200: UNKNOWN,
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}
# Where the reason says more than the status that stands for it in HTTP.
_OF_REASON: Final[dict[str, int]] = {
    Reason.BODY_TOO_LARGE.code: RESOURCE_EXHAUSTED,
    Reason.CLIENT_GONE.code: CANCELLED,
    Reason.INTERNAL.code: INTERNAL,
    Reason.NO_BACKEND.code: UNAVAILABLE,
    Reason.NOT_IMPLEMENTED.code: UNIMPLEMENTED,
    Reason.REQUEST_TIMEOUT.code: DEADLINE_EXCEEDED,
    Reason.UPSTREAM_TIMEOUT.code: DEADLINE_EXCEEDED,
}
_HTTP: Final = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def is_grpc(content_type: str | None) -> bool:
    """Whether a request's content is a gRPC call's: `application/grpc`, alone or with a subtype or parameters."""
    return content_type is not None and content_type.startswith(CONTENT_TYPE) and content_type[16:17] in ("", "+", ";")


def status_of_http(status: int) -> int:
    """The gRPC status for an answer without one, by its HTTP status."""
    return _OF_HTTP.get(status, UNKNOWN)


def status_of_reason(reason: Reason) -> int:
    """The gRPC status for a call that the proxy answers itself, or gives up."""
    return _OF_REASON.get(reason.code, status_of_http(reason.status))


def http_of_status(status: int) -> int:
    """What a gRPC status would have been in HTTP: for judging the endpoint that gave it."""
    return _HTTP[status] if 0 <= status < len(_HTTP) else 500


def read_status(fields: Headers) -> int:
    """The status in a head or in trailers; `NOT_KNOWN`: there is none, `UNKNOWN`: it is none that gRPC has."""
    if STATUS_FIELD not in fields.names:
        return NOT_KNOWN
    text = fields.get(STATUS_FIELD) or ""
    if len(text) > 2 or not (text.isascii() and text.isdigit()):
        return UNKNOWN
    number = int(text)
    return number if number < len(_HTTP) else UNKNOWN


def write_status(fields: Headers, status: int, message: str) -> None:
    """Set the status, and a message for a person."""
    fields.set(STATUS_FIELD, str(status))
    if message:
        fields.set(MESSAGE_FIELD, encode_message(message))


def encode_message(text: str) -> str:
    """A message as `grpc-message` carries it: UTF-8, of which all but visible ASCII and blanks is percent-encoded."""
    encoded: list[str] = []
    for octet in text[:_LONGEST_MESSAGE].encode("utf-8", "replace"):
        if 0x20 <= octet <= 0x7E and octet != 0x25:
            encoded.append(chr(octet))
        else:
            encoded.append("%" + _HEX[octet >> 4] + _HEX[octet & 15])
    # A field's value neither begins nor ends with a blank (RFC 9110 section 5.5).
    return "".join(encoded).strip(" ")
