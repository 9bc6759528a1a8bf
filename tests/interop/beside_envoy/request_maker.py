"""Requests for both proxies: every part that HTTP has, mostly as it should be, at times spelled oddly."""

import dataclasses
import random
from typing import Final, Literal

from asked import Asked, Field, Sequence, chunked
from http2_client import is_expressible
from twin_answers import ANSWERS
from twin_answers_http2 import ANSWERS_HTTP2
from twin_ways import PLAIN, TO_HTTP2

_PATHS: Final = (
    "/any", "/any/", "/any/thing", "/anything", "/ANY", "/exact", "/exact/", "/exact/more", "/kinds", "/kinds/of", "/items/abc",
    "/items/abc7", "/items/abc7x", "/items/", "/moved", "/moved/to/x", "/elsewhere", "/secure/x", "/long/name", "/long/name/",
    "/long/name/rest", "/long/names", "/changed", "/changed/x", "/weighed", "/again", "/nowhere", "/", "/unknown",
    "/direct", "/direct/x", "/empty",
    "/any/%41%2f%2F", "/any/a%20b", "/any//twice", "//any", "/any/./x", "/any/../x", "/any/..", "/any/;v=1", "/any/~a-b_c.d",
    "/any/a+b", "/any/%", "/any/%zz", "/any/a|b", '/any/"q"', "/any/[x]", "/any\\x", "/any/%00", "/any/%2e%2e/x", "/any/:x@y",
)  # fmt: skip
_QUERIES: Final = (
    "", "", "", "?", "?a=b", "?version=2", "?version=1&version=2", "?version=2&version=1", "?VERSION=2", "?version=%32",
    "?a=b&version=2", "?version", "?x=//..//%2f", "?a?b", "?a=%zz",
)  # fmt: skip
_HOSTS: Final = (
    "a.test", "a.test", "a.test", "a.test", "all.test", "x.wild.test", "x.y.wild.test", "wild.test", "A.Test", "a.test:8080",
    "b.test", "127.0.0.1",
)  # fmt: skip
_FIELDS: Final = (
    ("X-One", "1"), ("x-one", "2"), ("X-Kind", "gold"), ("x-kind", "silver"), ("X-KIND", "gold "), ("x-n", "1"), ("X-N", ""),
    ("x-gone", "1"), ("X-Set", "client"), ("x-added", "first"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, br"),
    ("User-Agent", "generated/1.0 (a; b)"), ("Cookie", "a=1; b=2"), ("Cookie", "c=3"), ("Authorization", "Basic YTpi"),
    ("X-Forwarded-For", "192.0.2.7"), ("x-request-id", "given-by-client"), ("X-Forwarded-Proto", "https"), ("Referer", "http://a/"),
    ("Cache-Control", "no-cache"), ("Range", "bytes=0-1"), ("If-None-Match", '"a"'), ("TE", "trailers"), ("Via", "1.0 before"),
    ("Connection", "keep-alive"), ("Keep-Alive", "5"), ("Max-Forwards", "3"), ("X-Latin", "caf\xe9"), ("x_under", "1"),
    ("X-Empty", ""), ("X-Long", "v" * 5000), ("X-Inner", "a  b\tc"), ("Forwarded", "for=192.0.2.7"), ("Priority", "u=1"),
)  # fmt: skip
_ODD_FIELDS: Final = (
    ("Connection", "close"), ("Connection", "X-One"), ("Connection", "x-forwarded-for, keep-alive"), ("Connection", "te"),
    ("Proxy-Connection", "close"), ("TE", "gzip, trailers;q=0.5"), ("Upgrade", "websocket"), ("Connection", "upgrade"),
    ("Upgrade", "h2c"), ("Trailer", "X-T"), ("Expect", "100-continue"), ("Expect", "else"), ("Content-Length", "5"),
    ("Content-Length", "+5"), ("Content-Length", "5, 5"), ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "gzip, chunked"), ("Transfer-Encoding", "identity"), ("Host", "b.test"), ("Host", "a.test"),
    ("content_length", "5"), ("X Space", "1"), ("X-Nul", "a\x00b"), ("X-Tab\t", "1"), ("X-Original-URL", "/any"),
    ("Content-Type", "application/grpc"), ("x-envoy-max-retries", "9"), ("X-Envoy-Upstream-Rq-Timeout-Ms", "1"),
)  # fmt: skip
_ODD_TARGETS: Final = ("*", "http://a.test/any?x", "http://b.test/any", "HTTP://A.TEST/any", "a.test:80", "any")
_ANSWERS_TO_RETRIED: Final = ("five", "unavailable", "recovers", "dies", "not-found")
# Pieces of which paths are made that are spelled in more than one way.
_PIECES: Final = (
    "/", "//", "/.", "/..", "/./", "/../", "\\", "%2f", "%2F", "%5c", "%5C", "%2e", "%2E%2e", "%2e.", "/a", "/any", "/kinds",
    "/exact", "/moved", "x", "%41", "%7e", "%25", "%252f", "%", "%4", "%4%31", ";v=1", ";", "%3b", "/..;", "...", "%20", "+",
)  # fmt: skip
_ORDINARY_ANSWERS: Final = {
    PLAIN: tuple(name for name in ANSWERS if name not in {"silence", "switched"}),
    TO_HTTP2: (*[name for name in ANSWERS_HTTP2 if name != "silence"], "refused"),
}
_METHODS: Final = ("GET", "GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE")
_BODIES: Final = (b"", b"hello", b"a\r\n\r\nGET / HTTP/1.1\r\n\r\n", bytes(range(256)))
_LONG_BODY: Final = b"0123456789abcdef" * 1500
_TRAILERS: Final = ((), (), (("X-T", "1"),), (("x-t", "1"), ("X-Digest", "7")))


class RequestMaker:
    """Makes up requests, the same ones from the same seed."""

    def __init__(self, seed: int, way: str = PLAIN) -> None:
        """Args: way - on which they go."""
        self._random: Final = random.Random(seed)
        self._way: Final = way
        self._answers: Final = _ORDINARY_ANSWERS.get(way, _ORDINARY_ANSWERS[PLAIN])

    def sequence(self) -> Sequence:
        """One to four requests, at times sent at once."""
        number = self._random.choice((1, 2, 3, 4))
        return Sequence(tuple(self._asked() for _ in range(number)), self._one_in(3), way=self._way)

    def sequence_for_http2(self) -> Sequence:
        """Likewise, of requests that may be sent over HTTP/2, fields of HTTP/1.1's connections left out."""
        made = self.sequence()
        requests = tuple(asked for asked in made.requests if is_expressible(asked))
        return dataclasses.replace(made, requests=requests, http2=True) if requests else self.sequence_for_http2()

    def sequence_of_paths(self) -> Sequence:
        """Requests that differ in how a path is spelled, and in nothing else."""
        return Sequence(tuple(Asked(target=self._spelled()) for _ in range(4)), way=self._way)

    def _spelled(self) -> str:
        choose = self._random.choice
        pieces = [choose(_PIECES) for _ in range(self._random.randint(1, 5))]
        return choose(("/any", "/any", "/kinds", "")) + "/" + "".join(pieces) + choose(_QUERIES)

    def _one_in(self, number: int) -> bool:
        return self._random.randrange(number) == 0

    def _asked(self) -> Asked:
        choose = self._random.choice
        method = choose(_METHODS)
        fields = [("Host", choose(_HOSTS)), *(choose(_FIELDS) for _ in range(self._random.randrange(5)))]
        if self._one_in(4):
            fields.insert(self._random.randint(0, len(fields)), choose(_ODD_FIELDS))
        target = choose(_ODD_TARGETS) if self._one_in(16) else choose(_PATHS) + choose(_QUERIES)
        framing: Literal["none", "counted", "chunked"] = "none"
        body = b""
        trailers: tuple[Field, ...] = ()
        if method not in {"GET", "HEAD", "TRACE"} or self._one_in(8):
            framing = choose(("none", "counted", "chunked"))
            body = b"" if framing == "none" else _LONG_BODY if self._one_in(16) else choose(_BODIES)
            trailers = choose(_TRAILERS) if framing == "chunked" else ()
        if framing == "none" and any(name == "Content-Length" for name, _ in fields):
            body = b"hello"
        elif framing == "none" and any(name == "Transfer-Encoding" for name, _ in fields):
            body = chunked(b"hello", ())
        answer = choose(_ANSWERS_TO_RETRIED if "/again" in target else self._answers)
        version = "HTTP/1.0" if self._one_in(20) else "HTTP/1.1"
        return Asked(method, target, tuple(fields), body, framing, trailers, answer, version)
