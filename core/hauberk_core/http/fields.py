"""Names of header fields: which are well formed, which have a meaning for a hop, and which may not be lost.

Looking a name up gives its lower-case form and a small number in one step; names met for the first time are checked and then
remembered, in a bounded table, because clients choose names.
"""

import re
from typing import Final

from hauberk_core.http.errors import Violation
from hauberk_core.model.reason import Reason

# Numbers of the fields that a machine acts on; 0 is every other.
HOST: Final = 1
CONTENT_LENGTH: Final = 2
TRANSFER_ENCODING: Final = 3
CONNECTION: Final = 4
UPGRADE: Final = 5
TE: Final = 6
EXPECT: Final = 7
# Concerns this hop and has no meaning for us: Keep-Alive, Proxy-Connection.
HOP: Final = 8

# RFC 9110 section 5.6.2.
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# Longer than any registered name by far; a longer one is an attack or a mistake.
NAME_LIMIT: Final = 256
# Distinct names of one service stay well below; at 64 characters each the table then holds about 200 KiB.
REMEMBERED_NAMES: Final = 1024
REMEMBERED_LENGTH: Final = 64

_ACTED_ON: Final = {
    "host": HOST,
    "content-length": CONTENT_LENGTH,
    "transfer-encoding": TRANSFER_ENCODING,
    "connection": CONNECTION,
    "upgrade": UPGRADE,
    "te": TE,
    "expect": EXPECT,
    "keep-alive": HOP,
    "proxy-connection": HOP,
}

# Names in the form browsers and common clients send them, so that a stranger's names cannot push them out.
_WELL_KNOWN: Final = """
Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials
Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin Access-Control-Expose-Headers
Access-Control-Max-Age Access-Control-Request-Headers Access-Control-Request-Method Age Allow Alt-Svc Authorization
Cache-Control Connection Content-Disposition Content-Encoding Content-Language Content-Length Content-Location
Content-Range Content-Security-Policy Content-Type Cookie DNT Date ETag Expect Expires Forwarded From Grpc-Status
Grpc-Timeout Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Link
Location Origin Pragma Priority Proxy-Authenticate Proxy-Authorization Proxy-Connection Range Referer Referrer-Policy
Retry-After Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User
Sec-GPC Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version
Server Set-Cookie Strict-Transport-Security TE Trailer Transfer-Encoding Upgrade Upgrade-Insecure-Requests User-Agent
Vary Via WWW-Authenticate X-Content-Type-Options X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Frame-Options
X-Real-IP X-Request-ID X-Request-Id X-Requested-With X-XSS-Protection traceparent tracestate x-b3-parentspanid
x-b3-sampled x-b3-spanid x-b3-traceid hauberk-reason
"""

# A client names fields in Connection that this hop is to remove. It must not so remove what the next hop decides by: who is
# asking, what for, on whose behalf, and what the body is. Naming them has no effect (RFC 9110 section 7.6.1: such options
# must not be sent), which harms no client and leaves nothing to gain by it.
_NOT_REMOVABLE: Final = """
authorization cache-control content-encoding content-range content-type cookie date forwarded origin proxy-authenticate
proxy-authorization range set-cookie trailer traceparent tracestate vary via www-authenticate x-forwarded-for
x-envoy-external-address x-forwarded-client-cert x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip x-request-id
"""
NOT_REMOVABLE: Final = frozenset(_NOT_REMOVABLE.split())

# Trailers are read after decisions were made; these would change framing, routing, identity or the meaning of the body
# (RFC 9110 section 6.5.1), so they are dropped there.
_NOT_IN_TRAILERS: Final = """
accept age allow content-disposition content-language content-length content-location cookie2 etag expires grpc-timeout
if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma referer
retry-after server set-cookie2 user-agent
"""
NOT_IN_TRAILERS: Final = NOT_REMOVABLE.union(_NOT_IN_TRAILERS.split())

# An application behind a gateway interface of the CGI kind cannot tell `_` from `-`; such a name would frame the message there.
_FRAMING_ALIASES: Final = frozenset(("content-length", "transfer-encoding", "host", "connection"))


class FieldName:
    """A checked name: its lower-case form, and the number of what is to be done with it."""

    __slots__ = ("code", "name")

    def __init__(self, name: str, code: int) -> None:
        self.name: Final = name
        self.code: Final = code


def acted_on(name: str) -> bool:
    """Whether machines act on the field of this lower-case name."""
    return name in _ACTED_ON


def check_name(raw: str) -> FieldName:
    """Check a name met for the first time.

    Raises: Violation if it is no token (RFC 9110 section 5.1), too long, or imitates a framing field.
    """
    if len(raw) > NAME_LIMIT:
        raise Violation(
            Reason.HEAD_TOO_LARGE,
            "the header name " + repr(raw[:32]) + "... is longer than " + str(NAME_LIMIT) + " octets",
        )
    if TOKEN.fullmatch(raw) is None:
        if raw and raw[-1] in " \t":
            raise Violation(Reason.BAD_REQUEST, "there is a blank before the colon of header " + repr(raw.rstrip(" \t")[:64]))
        raise Violation(Reason.BAD_REQUEST, "the header name " + repr(raw[:64]) + " is not a token")
    name = raw.lower()
    if "_" in name and name.replace("_", "-") in _FRAMING_ALIASES:
        raise Violation(Reason.BAD_REQUEST, "the header name " + repr(raw) + " imitates " + name.replace("_", "-"))
    return FieldName(name, _ACTED_ON.get(name, 0))


class FieldNames:
    """The names met so far. When it is full it forgets what it learnt, so that no client can fill it for good."""

    __slots__ = ("_learnt", "known")

    def __init__(self) -> None:
        self.known: Final[dict[str, FieldName]] = {}
        self._learnt = 0
        self._remember_well_known()

    def _remember_well_known(self) -> None:
        for raw in _WELL_KNOWN.split():
            self.known[raw] = check_name(raw)
            self.known[raw.lower()] = check_name(raw)

    def learn(self, raw: str) -> FieldName:
        """Check a name that is not in `known`, and remember it where it is short. Raises: Violation."""
        field = check_name(raw)
        if len(raw) <= REMEMBERED_LENGTH:
            if self._learnt >= REMEMBERED_NAMES:
                self.known.clear()
                self._learnt = 0
                self._remember_well_known()
            self._learnt += 1
            self.known[raw] = field
        return field


FIELD_NAMES: Final = FieldNames()
