"""What a decoded header list means: requests, responses and trailers, held to RFC 9113 section 8 and to HTTP/1.1's rules.

The events are those of HTTP/1.1, in the same form, so that nothing above the machines knows the difference: cookies in crumbs are
joined, and `Host` says what `:authority` says.
"""

from typing import Final

from hauberk_core.http.authority import AUTHORITIES
from hauberk_core.http.errors import Violation
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, TUNNEL, Request, Response
from hauberk_core.http.fields import CONTENT_LENGTH, EXPECT, HOST, NOT_IN_TRAILERS, TE, TOKEN
from hauberk_core.http.h2.field import (
    AUTHORITY,
    COOKIE,
    FIRST_PSEUDO,
    MALFORMED,
    METHOD,
    PATH,
    PROTOCOL,
    SCHEME,
    STATUS,
    Field,
    Malformed,
)
from hauberk_core.http.h2.switch import is_carried
from hauberk_core.http.head import Limits, plain, read_content_length
from hauberk_core.http.headers import Headers
from hauberk_core.http.request_head import METHOD_LIMIT
from hauberk_core.model.reason import Reason

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"))
VERSION: Final = 20


class HeaderList:
    """A header list, its pseudo-headers apart."""

    __slots__ = (
        "authority",
        "content_length",
        "cookies",
        "expect",
        "headers",
        "host",
        "method",
        "path",
        "protocol",
        "scheme",
        "status",
    )

    def __init__(self) -> None:
        self.headers: Final = Headers()
        self.method = ""
        self.scheme = ""
        self.authority = ""
        self.path = ""
        self.protocol = ""
        self.status = ""
        self.host = ""
        self.content_length = -1
        self.expect = ""
        self.cookies: list[str] | None = None


def read_list(fields: list[Field], is_request: bool) -> HeaderList:
    """Sort the fields of a message's head. Raises: Violation, BAD_REQUEST, if it is malformed (RFC 9113 section 8.1.1)."""
    found = HeaderList()
    names = found.headers.names
    lines = found.headers.lines
    if is_request:
        # Its line comes first, as clients of HTTP/1.1 send it; what it says is settled below.
        names.append("host")
        lines.append("host: ")
    pseudo = 0
    done = False
    for field in fields:
        code = field.code
        if not code:
            done = True
            names.append(field.name)
            lines.append(field.line)
        elif code < FIRST_PSEUDO:
            done = True
            _read_special(found, field)
        elif code == MALFORMED:
            assert isinstance(field, Malformed)
            raise Violation(Reason.BAD_REQUEST, field.detail)
        else:
            if done:
                raise Violation(Reason.BAD_REQUEST, field.name + " stands behind a header")
            bit = 1 << (code - FIRST_PSEUDO)
            if pseudo & bit:
                raise Violation(Reason.BAD_REQUEST, "there are two " + field.name)
            pseudo |= bit
            _read_pseudo(found, field, is_request)
    if found.cookies is not None:
        # RFC 9113 section 8.2.3.
        names.append("cookie")
        lines.append("cookie: " + "; ".join(found.cookies))
    return found


def _read_pseudo(found: HeaderList, field: Field, is_request: bool) -> None:
    code = field.code
    value = field.value
    if is_request and code == METHOD:
        found.method = value
    elif is_request and code == SCHEME:
        found.scheme = value
    elif is_request and code == AUTHORITY:
        found.authority = value
    elif is_request and code == PATH:
        found.path = value
    elif is_request and code == PROTOCOL:
        found.protocol = value
    elif not is_request and code == STATUS:
        found.status = value
    else:
        raise Violation(Reason.BAD_REQUEST, field.name + " does not belong here")


def _read_special(found: HeaderList, field: Field) -> None:
    """A field that has a meaning for this hop."""
    code = field.code
    value = field.value
    headers = found.headers
    if code == COOKIE:
        if found.cookies is None:
            found.cookies = []
        found.cookies.append(value)
    elif code == CONTENT_LENGTH:
        if found.content_length >= 0:
            raise Violation(Reason.BAD_REQUEST, "there are two Content-Length fields")
        found.content_length = read_content_length(value)
        headers.names.append(field.name)
        headers.lines.append(field.line)
    elif code == HOST:
        if found.host and found.host != value:
            raise Violation(Reason.BAD_REQUEST, "there are two Host fields")
        found.host = value
    elif code == TE:
        # RFC 9113 section 8.2.2.
        if value.lower() != "trailers":
            raise Violation(Reason.BAD_REQUEST, "TE has another value than trailers")
        headers.names.append(field.name)
        headers.lines.append(field.line)
    elif code == EXPECT:
        found.expect = value.lower() if not found.expect else found.expect + ", " + value.lower()
        headers.names.append(field.name)
        headers.lines.append(field.line)
    else:
        raise Violation(Reason.BAD_REQUEST, "the field " + field.name + " belongs to a connection, which HTTP/2 does not have")


def _check_count(headers: Headers, what: str, limits: Limits) -> None:
    if len(headers.names) > limits.header_count:
        raise Violation(
            Reason.HEAD_TOO_LARGE,
            "the "
            + what
            + " has "
            + plain(len(headers.names))
            + " header lines where "
            + plain(limits.header_count)
            + " are allowed (setting limits.header_count)",
        )


def too_large(what: str, limits: Limits) -> Violation:
    """Say that a header list is longer than announced."""
    return Violation(
        Reason.HEAD_TOO_LARGE,
        "the " + what + " is longer than " + plain(limits.head_bytes) + " octets after decoding (setting limits.head_bytes)",
    )


def read_request(fields: list[Field], ends: bool, scheme: str, limits: Limits) -> Request:
    """The request of a header list (RFC 9113 section 8.3.1).

    Args: ends - no body follows; scheme - of the connection.
    Raises: Violation, BAD_REQUEST where the message is malformed, else what may be answered.
    """
    found = read_list(fields, True)
    method = found.method
    if not method or (method not in _METHODS and TOKEN.fullmatch(method) is None):
        raise Violation(Reason.BAD_REQUEST, "there is no :method, or it is no token")
    headers = found.headers
    authority = found.authority
    if not authority:
        authority = found.host
    elif found.host and found.host.lower() != authority.lower():
        raise Violation(Reason.BAD_REQUEST, "Host is not what :authority is")
    if not AUTHORITIES.valid(authority):
        raise Violation(Reason.BAD_REQUEST, ":authority " + repr(authority[:64]) + " is not a host with or without a port")
    path = found.path
    query = ""
    protocol = found.protocol
    if protocol:
        method = _upgrading(method, protocol)
    if method == "CONNECT":
        if path or found.scheme or ":" not in authority:
            raise Violation(Reason.BAD_REQUEST, "a CONNECT request has :method and :authority, with a port, and nothing else")
    else:
        if found.scheme not in {"http", "https"}:
            raise Violation(Reason.BAD_REQUEST, "there is no :scheme, or it is neither http nor https")
        path, query = _split_path(method, path)
    headers.lines[0] = "host: " + authority
    request = Request(method, authority, path, query, VERSION, headers)
    request.scheme = scheme
    if protocol or method == "CONNECT":
        if found.content_length >= 0:
            raise Violation(Reason.BAD_REQUEST, "a CONNECT request has a body")
        # What follows is the tunnel's.
        request.upgrade = protocol
    elif found.content_length >= 0:
        if ends and found.content_length:
            raise Violation(Reason.BAD_REQUEST, "less DATA than Content-Length says")
        request.framing = COUNTED
        request.length = found.content_length
    elif not ends:
        request.framing = CHUNKED
    if len(found.path) > limits.line_bytes or len(method) > METHOD_LIMIT:
        raise Violation(Reason.LINE_TOO_LONG, "the method or :path is longer than the limit (setting limits.request_line_bytes)")
    _check_count(headers, "request", limits)
    if found.expect:
        if found.expect != "100-continue":
            raise Violation(Reason.EXPECTATION_FAILED, "Expect " + repr(found.expect[:64]) + " is not 100-continue")
        request.expects_continue = not ends
        if ends:
            headers.remove("expect")
    return request


def _upgrading(method: str, protocol: str) -> str:
    """The method of a request with `:protocol` (RFC 8441 section 4), as HTTP/1.1 has it. Raises: Violation."""
    if method != "CONNECT":
        raise Violation(Reason.BAD_REQUEST, ":protocol belongs to CONNECT")
    if not is_carried(protocol):
        raise Violation(Reason.NOT_IMPLEMENTED, "the protocol " + repr(protocol[:64]) + " is not passed on")
    return "GET"


def _split_path(method: str, target: str) -> tuple[str, str]:
    """Path and query of `:path`."""
    # As in HTTP/1.1: VCHAR only, and no fragment.
    if not target or not target.isascii() or not target.isprintable() or " " in target or "#" in target:
        raise Violation(Reason.BAD_REQUEST, ":path is empty, or holds a character that is not allowed there")
    if target[0] != "/" and (target != "*" or method != "OPTIONS"):
        raise Violation(Reason.BAD_REQUEST, ":path does not begin with a slash")
    mark = target.find("?")
    return (target, "") if mark < 0 else (target[:mark], target[mark:])


def read_response(fields: list[Field], ends: bool, method: str, limits: Limits) -> Response:
    """The response of a header list (RFC 9113 section 8.3.2). Args: method - of its request. Raises: Violation."""
    found = read_list(fields, False)
    status = found.status
    if len(status) != 3 or not status.isdecimal() or status[0] == "0" or status == "101":
        raise Violation(Reason.UPSTREAM_PROTOCOL, ":status " + repr(status[:16]) + " is none that HTTP/2 has")
    headers = found.headers
    _check_count(headers, "response", limits)
    response = Response(int(status), "", VERSION, headers)
    if method == "CONNECT" and 200 <= response.status < 300:
        headers.remove("content-length")
        response.framing = TUNNEL
        return response
    if response.status < 200:
        if ends:
            raise Violation(Reason.UPSTREAM_PROTOCOL, "an interim response ends its stream")
        return response
    if method == "HEAD" or response.status == 304:
        # Content-Length speaks of the body that a GET would have got.
        return response
    if response.status == 204:
        headers.remove("content-length")
        return response
    if ends:
        if found.content_length > 0:
            raise Violation(Reason.UPSTREAM_PROTOCOL, "less DATA than Content-Length says")
        response.framing = COUNTED if found.content_length == 0 else NO_BODY
    elif found.content_length >= 0:
        response.framing = COUNTED
        response.length = found.content_length
    else:
        response.framing = CHUNKED
    return response


def read_trailers(fields: list[Field], limits: Limits, is_incomplete: bool) -> Headers | None:
    """The trailers that may be passed on, None if there are none. Raises: Violation."""
    if is_incomplete:
        raise too_large("trailer section", limits)
    trailers = Headers()
    for field in fields:
        if isinstance(field, Malformed):
            raise Violation(Reason.BAD_REQUEST, field.detail)
        if field.code >= FIRST_PSEUDO:
            raise Violation(Reason.BAD_REQUEST, field.name + " in trailers")
        if not field.code and field.name not in NOT_IN_TRAILERS:
            trailers.names.append(field.name)
            trailers.lines.append(field.line)
    _check_count(trailers, "trailer section", limits)
    return trailers if trailers.names else None
