"""What the server behind both proxies answers: a request names it in `x-answer`."""

import collections
from typing import Final

from recording_backend import Recorded, ScriptedAnswer

LARGE: Final = b"0123456789abcdef" * 8192


def _answer(head: str, body: bytes = b"", closes: bool = False) -> ScriptedAnswer:
    lines = "".join(line + "\r\n" for line in head.splitlines())
    return ScriptedAnswer(lines.encode("latin-1") + b"\r\n" + body, closes)


_FIVE: Final = "HTTP/1.1 200 OK\nContent-Length: 5\nX-Secret: s\nx-seen: by backend"

ANSWERS: Final = {
    "five": _answer(_FIVE, b"hello"),
    "empty": _answer("HTTP/1.1 200 OK\ncontent-length: 0"),
    "chunked": _answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"),
    "trailers": _answer(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-Digest", b"3\r\nabc\r\n0\r\nX-Digest: 7\r\nx-more: 1\r\n\r\n"
    ),
    "large": _answer(f'HTTP/1.1 200 OK\ncontent-length: {len(LARGE)}\netag: W/"7"', LARGE),
    "until-close": _answer("HTTP/1.1 200 OK\ncontent-type: text/plain", b"to the end", closes=True),
    "http-1.0": _answer("HTTP/1.0 200 OK\ncontent-length: 3", b"old", closes=True),
    "closing": _answer("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2", b"ok", closes=True),
    "created": _answer("HTTP/1.1 201 Made\nLocation: /any/7?x=1\nContent-Length: 0"),
    "no-content": _answer("HTTP/1.1 204 No Content\nX-Five: 5"),
    "not-modified": _answer('HTTP/1.1 304 Not Modified\nETag: "a"\nContent-Length: 5'),
    "not-found": _answer("HTTP/1.1 404 Not Here\ncontent-type: text/plain\ncontent-length: 4", b"none"),
    "unavailable": _answer("HTTP/1.1 503 Service Unavailable\nretry-after: 1\ncontent-length: 4", b"busy"),
    "odd-status": _answer("HTTP/1.1 299 \ncontent-length: 1", b"x"),
    "hints": _answer("HTTP/1.1 103 Early Hints\nlink: </a>\n\nHTTP/1.1 200 OK\ncontent-length: 2", b"ok"),
    "cookies": _answer("HTTP/1.1 200 OK\nSet-Cookie: a=1\nSet-Cookie: b=2; Path=/\nx-list: 1\nx-list: 2\ncontent-length: 0"),
    "hop": _answer(
        "HTTP/1.1 200 OK\nConnection: keep-alive, X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\n"
        "x-empty:\ncontent-length: 2",
        b"ok",
    ),
    "named": _answer("HTTP/1.1 200 OK\nServer: nine\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nVia: 1.1 x\ncontent-length: 0"),
    "latin": _answer("HTTP/1.1 200 OK\nX-Latin: caf\xe9\ncontent-length: 0"),
    "switched": _answer("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket", closes=True),
    "dies": ScriptedAnswer(b"", closes=True),
    "nonsense": ScriptedAnswer(b"\x00\x01 nonsense\r\n\r\n", closes=True),
    "both-lengths": _answer(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 5", b"5\r\nhello\r\n0\r\n\r\n", closes=True
    ),
    "two-lengths": _answer("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6", b"hello", closes=True),
    "silence": ScriptedAnswer(b""),
}
"""By name. Those behind which a connection is of no more use are followed by its end."""


class AnswersAsAsked:
    """Answers each request by the name in it; `recovers` is unavailable at first and then well."""

    def __init__(self) -> None:
        self._attempts: Final[collections.Counter[str]] = collections.Counter()

    def __call__(self, request: Recorded) -> ScriptedAnswer:
        fields = dict(request.fields)
        name = fields.get("x-answer", "five")
        if name == "recovers":
            case = fields.get("x-case", "")
            self._attempts[case] += 1
            name = "unavailable" if self._attempts[case] == 1 else "five"
        answer = ANSWERS.get(name, ANSWERS["five"])
        return _head_of(answer) if request.method == "HEAD" and b"HTTP/1." in answer.octets else answer


def _head_of(answer: ScriptedAnswer) -> ScriptedAnswer:
    last = answer.octets.rfind(b"HTTP/1.")
    head, end, _ = answer.octets[last:].partition(b"\r\n\r\n")
    # Without a body an answer ends with its head, and the connection with nothing.
    ends = answer.closes and (b"HTTP/1.0" in head or b"Connection: close" in head)
    return ScriptedAnswer(answer.octets[:last] + head + end, ends)
