"""What the proxy does for calls of gRPC beyond what it does for every request: it knows them, minds how long their clients wait,
and answers in their terms.

A client of gRPC reads no page of text: it gets HTTP 200 and a status of gRPC that says why.
"""

from hauberk_core.http.events import Request
from hauberk_core.http.grpc.status import CONTENT_TYPE, is_grpc, write_status
from hauberk_core.http.grpc.timeout import TIMEOUT_FIELD, read_timeout, write_timeout
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason
from hauberk_core.observe.record import Record


def note_call(request: Request, record: Record) -> None:
    """Note whether a request of HTTP/2 is a call."""
    if is_grpc(request.headers.get("content-type")):
        record.grpc_type = CONTENT_TYPE


def call_timeout(request: Request, timeout: float) -> float:
    """The seconds that a call may take: the route's or those that its client waits for, the smaller one.

    Where the route's are fewer, the endpoint is told. Args: timeout - the route's; 0: no limit. Returns: negative: no limit.
    """
    told = read_timeout(request.headers.get(TIMEOUT_FIELD))
    if timeout <= 0:
        return told
    if told < 0 or timeout < told:
        request.headers.set(TIMEOUT_FIELD, write_timeout(timeout))
        return timeout
    return told


def call_answer(record: Record, status: int, reason: Reason, message: str) -> Headers:
    """The head of an answer that has nothing but a status (trailers-only), which is noted.

    Args: message - why, for a person.
    """
    record.grpc_status = status
    headers = Headers()
    headers.add("content-type", record.grpc_type)
    write_status(headers, status, message)
    headers.add("hauberk-reason", reason.code)
    return headers


def call_trailers(record: Record, status: int, message: str) -> Headers:
    """The trailers of an answer that begun, and that nobody will complete."""
    record.grpc_status = status
    trailers = Headers()
    write_status(trailers, status, message)
    return trailers
