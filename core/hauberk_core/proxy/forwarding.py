"""What the proxy adds to a request on its way, as intermediaries do."""

from http import HTTPStatus
from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.observe.record import Record
from hauberk_core.observe.request_id import RequestIds

PHRASES: Final[dict[int, str]] = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}
_VIA_11: Final = "via: 1.1 hauberk"
_VIA_2: Final = "via: 2 hauberk"
_VIA_10: Final = "via: 1.0 hauberk"
# Octets of a request id taken over from the client; it goes into every log line of every hop.
_REQUEST_ID_LENGTH: Final = 128


def prepare_request(request: Request, record: Record, peer_host: str, request_ids: RequestIds) -> None:
    """Add `x-forwarded-for`, `x-forwarded-proto`, `x-request-id` and `via` to the request, and note for the log what it says.

    The client's address is appended to what earlier hops noted. The scheme is the request's: what this hop has seen, or what it
    believes a proxy in front; where a proxy of the mesh passes a request on, it stays what the first hop saw. A request id is
    kept, so that one id follows a request through every hop. Source for via: RFC 9110 section 7.6.3.
    """
    headers = request.headers
    names = headers.names
    lines = headers.lines
    forwarded_for = -1
    proto = -1
    request_id = ""
    for index in range(len(names)):
        name = names[index]
        if name == "user-agent":
            record.user_agent = lines[index][12:]
        elif name == "x-forwarded-for":
            forwarded_for = index
        elif name == "x-forwarded-proto":
            proto = index
        elif name == "x-request-id":
            request_id = lines[index][14:]
    if forwarded_for < 0:
        record.x_forwarded_for = peer_host
        names.append("x-forwarded-for")
        lines.append("x-forwarded-for: " + peer_host)
    else:
        lines[forwarded_for] = lines[forwarded_for] + ", " + peer_host
        record.x_forwarded_for = lines[forwarded_for][17:]
    if proto < 0:
        names.append("x-forwarded-proto")
        lines.append("x-forwarded-proto: " + request.scheme)
    elif not record.peer_identity:
        headers.set("x-forwarded-proto", request.scheme)
    if not request_id or len(request_id) > _REQUEST_ID_LENGTH:
        request_id = request_ids.next()
        headers.remove("x-request-id")
        names.append("x-request-id")
        lines.append("x-request-id: " + request_id)
    record.request_id = request_id
    names.append("via")
    version = request.version
    lines.append(_VIA_11 if version == 11 else _VIA_2 if version == 20 else _VIA_10)


def settle_request_id(request: Request, record: Record, request_ids: RequestIds) -> None:
    """Do what `prepare_request` does about `x-request-id`, ahead of it: plugins may want to know the id."""
    headers = request.headers
    request_id = headers.get("x-request-id")
    if request_id is None:
        request_id = request_ids.next()
        headers.names.append("x-request-id")
        headers.lines.append("x-request-id: " + request_id)
    elif not request_id or len(request_id) > _REQUEST_ID_LENGTH:
        request_id = request_ids.next()
        headers.set("x-request-id", request_id)
    record.request_id = request_id


def name_host(request: Request, record: Record) -> None:
    """Give a request without a host (HTTP/1.0) the one that its client connected to: HTTP/1.1 has none without.

    Source: RFC 9112 sections 3.2 and 3.3.
    """
    request.authority = record.downstream_local
    request.headers.set("Host", record.downstream_local)


def forwarded_port(request: Request) -> int:
    """The port that the client used, where a trusted proxy in front tells the scheme: the one it tells, or the scheme's own."""
    said = request.headers.get("x-forwarded-port") or ""
    if said.isdecimal() and said.isascii() and len(said) <= 5 and 0 < int(said) < 65536:
        return int(said)
    return 443 if request.scheme == "https" else 80
