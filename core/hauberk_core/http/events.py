"""What a protocol machine tells the proxy: the same small vocabulary for every version of HTTP, and for both sides.

A machine is fed octets and answers with these events, in order, until it has none left. It never touches a socket or a clock.
"""

from typing import Final

from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason

REQUEST: Final = 1
RESPONSE: Final = 2
DATA: Final = 3
END: Final = 4
FAULT: Final = 5
CLOSED: Final = 6
RESET: Final = 7
WRITABLE: Final = 8
GOING_AWAY: Final = 9

# How the length of a message is known (RFC 9112 section 6.3).
NO_BODY: Final = 0
COUNTED: Final = 1
CHUNKED: Final = 2
UNTIL_CLOSE: Final = 3
TUNNEL: Final = 4


class Event:
    """Base of what machines report; `kind` says which, so that the reactor's dispatch compares integers."""

    __slots__ = ("kind",)

    def __init__(self, kind: int) -> None:
        self.kind: Final = kind


class Request(Event):
    """A request's head. `headers` holds what may be forwarded: hop-by-hop fields are gone (RFC 9110 section 7.6.1)."""

    __slots__ = (
        "authority",
        "expects_continue",
        "framing",
        "headers",
        "length",
        "method",
        "path",
        "query",
        "scheme",
        "upgrade",
        "version",
    )

    def __init__(self, method: str, authority: str, path: str, query: str, version: int, headers: Headers) -> None:
        super().__init__(REQUEST)
        self.method = method
        self.authority = authority
        """Host and, where given, port; from the target where that is absolute, else from Host. As the client wrote it."""
        self.path = path
        """Absolute path, percent-encoded as it came; `*` for OPTIONS *, empty for CONNECT."""
        self.query = query
        """With its leading `?`, or empty."""
        self.version = version
        """10, 11 or 20."""
        self.scheme = "http"
        """`https` where the connection came inside TLS; set by whoever owns the connection."""
        self.headers = headers
        """Holds a `Host` line too, always equal to `authority`."""
        self.framing = NO_BODY
        self.length = 0
        """Octets of the body where framing is COUNTED."""
        self.expects_continue = False
        self.upgrade = ""
        """The value of Upgrade, where Connection names it; else empty."""


class Response(Event):
    """A response's head, interim (1xx) or final. `headers` holds what may be forwarded."""

    __slots__ = ("framing", "headers", "length", "reason", "status", "upgrade", "version")

    def __init__(self, status: int, reason: str, version: int, headers: Headers) -> None:
        super().__init__(RESPONSE)
        self.status = status
        self.reason = reason
        """The reason phrase as it came; may be empty."""
        self.version = version
        self.headers = headers
        self.framing = NO_BODY
        self.length = 0
        self.upgrade = ""


class Data(Event):
    """Octets of a body, never empty, without any transfer coding."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(DATA)
        self.data: Final = data


class End(Event):
    """The message is complete. A message without a body sends this right after its head."""

    __slots__ = ("trailers",)

    def __init__(self, trailers: Headers | None) -> None:
        super().__init__(END)
        self.trailers: Final = trailers


class Fault(Event):
    """The peer broke a rule or a limit. Final: the machine reports nothing more, and its connection must be closed."""

    __slots__ = ("detail", "reason")

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(FAULT)
        self.reason: Final = reason
        self.detail: Final = detail
        """One sentence for a person: what, where, and the limit or rule."""


class Closed(Event):
    """The peer closed its side at a place where that is allowed. Final."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(CLOSED)


class Reset(Event):
    """The peer gave up one stream of a connection that goes on."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__(RESET)
        self.code: Final = code
        """Why, as RFC 9113 section 7 numbers it."""


class Writable(Event):
    """What waited for the peer's window on one stream has mostly gone out: more may follow."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(WRITABLE)


class GoingAway(Event):
    """The peer takes no further streams on this connection; those up to `last` it still serves (RFC 9113 section 6.8)."""

    __slots__ = ("code", "last")

    def __init__(self, last: int, code: int) -> None:
        super().__init__(GOING_AWAY)
        self.last: Final = last
        self.code: Final = code
