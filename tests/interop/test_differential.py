"""Our machines against two other parsers, on requests made up of everything that parsers have disagreed about.

Neither h11 nor llhttp is a sufficient oracle: h11 takes Content-Length beside Transfer-Encoding and bare LF, llhttp two Hosts.
So the rule is one-sided: what ours forwards, both must take, and understand as ours did. `judge` names the exemptions.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EOL = st.sampled_from(["\r\n"] * 12 + ["\n", "\r", "\r\n ", "\r\r\n", "\r\n\r\n"])
METHOD = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "DELETE", "get", "PURGE", "G@T", "M-SEARCH", ""])
TARGETS = (
    "/", "/a?b=c", "*", "http://b.test/x", "HTTP://B.test?q", "a.test:80", "/a b", "/a#b", "//x", "/\x80", "/\t", "", "/%0d%0a",
    "/\\",
)  # fmt: skip
TARGET = st.sampled_from(TARGETS)
VERSION = st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/1"])
NAMES = (
    "Host", "Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE", "Trailer", "X",
    "x-y", "Cookie", "Keep-Alive", "Content_Length", "X\t", "Content-Length ", "\xe4", "", "Transfer-Encoding\0", "X;",
)  # fmt: skip
NAME = st.sampled_from(NAMES)
VALUES = (
    "a.test", "a.test:80", "", "5", "5", "0", "05", "+5", "5, 5", "chunked", "chunked", "Chunked", "gzip, chunked",
    "chunked, chunked", "identity", "close", "keep-alive", "upgrade", "te", "host", "websocket", "h2c", "100-continue",
    "trailers", "\x0bchunked", "a\x00b", "content-length", "transfer-encoding", "caf\xe9", '"quoted, text"', "a:b", "[::1]",
)  # fmt: skip
VALUE = st.sampled_from(VALUES)
COLON = st.sampled_from([": "] * 10 + [":", ":\t", " : ", ":  ", ""])
FIELD = st.tuples(NAME, COLON, VALUE, st.sampled_from(["", "", "", " ", "\t"]), EOL).map("".join)
CHUNK = st.sampled_from(
    ["5\r\nhello\r\n"] * 4
    + ["0\r\n", "5;a=b\r\nhello\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\n", "05\r\nhello\r\n"]
)
TAIL = st.sampled_from(["0\r\n\r\n"] * 4 + ["0\r\nX: 1\r\n\r\n", "0\r\nHost: b\r\n\r\n", "00\r\n\r\n", "0\r\n\n", "0\n\n", ""])
BODY = st.one_of(
    st.sampled_from(["", "hello", "hel", "hello!"]), st.tuples(st.lists(CHUNK, max_size=3).map("".join), TAIL).map("".join)
)
REQUEST = st.tuples(
    METHOD, st.sampled_from([" "] * 8 + ["  ", "\t"]), TARGET, VERSION, EOL, st.lists(FIELD, max_size=5).map("".join), BODY
)
# Sound requests with at most one loose part, so that about half are forwarded.
GOOD_FIELDS = (
    "X: 1", "x-y:2", "X: a:b \t", "Cookie: caf\xe9", "Connection: close", "Connection: x-y, te", "Connection: upgrade",
    "Upgrade: chat", "Upgrade: h2c", "TE: gzip, trailers", "Trailer: X", "Keep-Alive: 5", "Expect: 100-continue", "X-Empty:",
    "Accept: */*", "Proxy-Connection: close", 'X: "quoted, text"', "X-Transfer-Encoding: chunked", "X-Content-Length: 9",
    "Connection: content-length",
)  # fmt: skip
GOOD_FIELD = st.sampled_from(GOOD_FIELDS).map(lambda line: line + "\r\n")
SOUND = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "PURGE", "HEAD", "OPTIONS"]),
    st.one_of(st.sampled_from(["/", "/a?b=c", "http://b.test/x", "//x", "/%0d%0a", "/\\|{}"]), TARGET),
    st.tuples(
        st.lists(GOOD_FIELD, max_size=4).map("".join),
        st.one_of(st.just(""), st.just(""), FIELD),
        st.lists(GOOD_FIELD, max_size=2).map("".join),
    ).map("".join),
    st.sampled_from(
        [
            ("", ""),
            ("Content-Length: 5\r\n", "hello"),
            ("Content-Length: 0\r\n", ""),
            ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            ("Transfer-Encoding: Chunked\r\n", "2;a=b\r\n\r\n\r\n001\r\nx\r\n0\r\nX: 1\r\nHost: b\r\n\r\n"),
        ]
    ),
    st.sampled_from(["", "", "GET /next HTTP/1.1\r\nHost: b.test\r\n\r\n", "\r\n", "5\r\nhello\r\n"]),
)


@given(st.lists(REQUEST, min_size=1, max_size=3))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loose_requests(relay: Callable[..., Any], judge: Callable[..., None], made: list[tuple[str, ...]]) -> None:
    octets = "".join(
        method + blank + target + " " + version + eol + fields + "\r\n" + body
        for method, blank, target, version, eol, fields, body in made
    ).encode("latin-1")
    passed = relay(octets)
    judge(passed)
    assert relay(octets, 1).log == passed.log


@given(SOUND, st.integers(1, 9))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(("GET", "/", "Content_Length: 5\r\n", ("", ""), ""), 1)
def test_sound_requests_with_one_loose_part(
    relay: Callable[..., Any], judge: Callable[..., None], made: tuple[str, str, str, tuple[str, str], str], step: int
) -> None:
    method, target, fields, (framing, body), behind = made
    octets = (method + " " + target + " HTTP/1.1\r\nHost: a.test\r\n" + fields + framing + "\r\n" + body + behind).encode(
        "latin-1"
    )
    passed = relay(octets)
    judge(passed)
    assert relay(octets, step).log == passed.log


def test_the_judges_can_say_no(relay: Callable[..., Any], judge: Callable[..., None]) -> None:
    """A request that was changed on its way is noticed."""
    passed = relay(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
    judge(passed)
    sound = passed.forwarded[0]
    for changed in (sound[:-1], sound + b"x", sound.replace(b"a.test", b"b.test"), sound.replace(b"Length: 5", b"Length: 4")):
        passed.forwarded[0] = changed
        try:
            judge(passed)
        except AssertionError:
            continue
        raise AssertionError(changed)
