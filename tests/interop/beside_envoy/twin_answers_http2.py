"""What the server of HTTP/2 behind both proxies answers: a request names it in `x-answer`, as in `twin_answers`."""

import collections
from typing import Final

from h2.errors import ErrorCodes
from http2_backend import Http2Answer
from recording_backend import Recorded
from twin_answers import LARGE

ANSWERS_HTTP2: Final = {
    "five": Http2Answer(200, (("content-length", "5"), ("x-secret", "s"), ("x-seen", "by backend")), b"hello"),
    "empty": Http2Answer(200, (("content-length", "0"),)),
    "no-length": Http2Answer(200, (), b"hello world"),
    "trailers": Http2Answer(200, (("trailer", "x-digest"),), b"abc", (("x-digest", "7"), ("x-more", "1"))),
    "only-trailers": Http2Answer(200, (), b"", (("x-digest", "7"),)),
    "large": Http2Answer(200, (("content-length", str(len(LARGE))), ("etag", 'W/"7"')), LARGE),
    "created": Http2Answer(201, (("location", "/any/7?x=1"), ("content-length", "0"))),
    "no-content": Http2Answer(204, (("x-five", "5"),)),
    "not-modified": Http2Answer(304, (("etag", '"a"'), ("content-length", "5"))),
    "not-found": Http2Answer(404, (("content-type", "text/plain"), ("content-length", "4")), b"none"),
    "unavailable": Http2Answer(503, (("retry-after", "1"), ("content-length", "4")), b"busy"),
    "odd-status": Http2Answer(299, (("content-length", "1"),), b"x"),
    "hints": Http2Answer(200, (("content-length", "2"),), b"ok", interim=((103, (("link", "</a>"),)),)),
    "cookies": Http2Answer(
        200, (("set-cookie", "a=1"), ("set-cookie", "b=2; Path=/"), ("x-list", "1"), ("x-list", "2"), ("content-length", "0"))
    ),
    "named": Http2Answer(
        200, (("server", "nine"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("via", "1.1 x"), ("content-length", "0"))
    ),
    "latin": Http2Answer(200, (("x-latin", "caf\xe9"), ("x-empty", ""), ("content-length", "0"))),
    "dies": Http2Answer(0, reset=ErrorCodes.INTERNAL_ERROR),
    "breaks-off": Http2Answer(200, (("content-length", "9"),), b"hello", reset=ErrorCodes.INTERNAL_ERROR),
    "short-length": Http2Answer(200, (("content-length", "9"),), b"hello"),
    "hop": Http2Answer(200, (("connection", "close"), ("content-length", "2")), b"ok"),
    "silence": Http2Answer(0),
}
"""By name; those that are in `twin_answers` too mean the same."""

_REFUSED: Final = Http2Answer(0, reset=ErrorCodes.REFUSED_STREAM)


class Http2AnswersAsAsked:
    """Answers each request by the name in it; `recovers` is unavailable at first and then well, `refused` not looked at."""

    def __init__(self) -> None:
        self._attempts: Final[collections.Counter[str]] = collections.Counter()

    def __call__(self, request: Recorded) -> Http2Answer:
        fields = dict(request.fields)
        name = fields.get("x-answer", "five")
        if name in {"recovers", "refused"}:
            case = fields.get("x-case", "")
            self._attempts[case] += 1
            if self._attempts[case] == 1:
                return _REFUSED if name == "refused" else ANSWERS_HTTP2["unavailable"]
            name = "five"
        return ANSWERS_HTTP2.get(name, ANSWERS_HTTP2["five"])
