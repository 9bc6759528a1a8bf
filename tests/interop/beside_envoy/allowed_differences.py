"""Where hauberk may differ from Envoy, and why. Nothing else may: the test names every other discrepancy.

Each row says which items it is about, when it holds, and brings a witness: requests that show that difference today. The test
asks them, and a row whose witness shows nothing any more has to go.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from asked import Asked, Sequence, chunked
from comparison import Discrepancy, Outcome
from twin_ways import PLAIN, TO_HTTP2


@dataclass(frozen=True)
class Case:
    """A discrepancy with what it comes from."""

    asked: Asked
    found: Discrepancy
    ours: Outcome
    theirs: Outcome
    sequence: Sequence

    @property
    def is_own(self) -> bool:
        """Whether hauberk answered itself: it says why."""
        return self.ours.answer is not None and bool(self.ours.answer.values("hauberk-reason"))

    @property
    def reason(self) -> str:
        """Of hauberk's own answer."""
        return "" if self.ours.answer is None else "".join(self.ours.answer.values("hauberk-reason"))

    @property
    def says_in_http_1(self) -> bool:
        """Whether hauberk's answer is one of HTTP/1.1."""
        return self.ours.answer is not None and self.ours.answer.version == "HTTP/1.1"

    @property
    def explanation(self) -> bytes:
        """The body of hauberk's own answer."""
        return b"" if self.ours.answer is None else self.ours.answer.body


@dataclass(frozen=True)
class Difference:
    """One row."""

    items: str
    """A regular expression for the items, as `comparison` calls them."""
    reason: str
    witness: Sequence
    holds: Callable[[Case], bool] = lambda case: True

    def allows(self, case: Case) -> bool:
        """Whether this discrepancy is this difference."""
        return re.fullmatch(self.items, case.found.item) is not None and self.holds(case)


def _host(*fields: tuple[str, str], host: str = "a.test") -> tuple[tuple[str, str], ...]:
    return (("Host", host), *fields)


def _one(asked: Asked) -> Sequence:
    return Sequence((asked,))


def _values(text: str | None) -> list[str]:
    return [] if text is None else [str(value) for value in ast.literal_eval(text)]


def _is_joined(case: Case) -> bool:
    ours, theirs = _values(case.found.ours), _values(case.found.theirs)
    is_joined = ",".join(ours) == theirs[0] if theirs else False
    # Of TE in HTTP/2 nothing else may be said, so that once is enough.
    return len(theirs) == 1 and len(ours) > 1 and (is_joined or set(ours) == {"trailers"} == set(theirs))


def _lacks_our_own(case: Case) -> bool:
    ours, theirs = _values(case.found.ours), _values(case.found.theirs)
    return bool(re.fullmatch(r"(1\.[01]|2) hauberk", ours[-1])) and ",".join(ours[:-1]) == ",".join(theirs)


def _names_an_address_of_the_machine(case: Case) -> bool:
    ours, theirs = _values(case.found.ours), _values(case.found.theirs)
    return re.sub(r"[\d.]+$", "", ",".join(theirs)).replace(" ", "") == ",".join(ours).removesuffix("127.0.0.1").replace(" ", "")


def _refused(status: int, words: bytes) -> Callable[[Case], bool]:
    def holds(case: Case) -> bool:
        said = words in case.explanation or case.asked.method == "HEAD"
        return case.found.ours == f"own {status}" and case.reason in _REFUSALS and said

    return holds


_REFUSALS: Final = ("bad_request", "expectation_failed", "not_implemented")


_BROKEN_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f])%([0-9A-Fa-f]{2})")


def _with_percent_escaped(found: re.Match[str]) -> str:
    return "%25" + found[1] + chr(int(found[2], 16))


_UPGRADE: Final = _host(("Upgrade", "websocket"), ("Connection", "upgrade"))

ALLOWED: Final = (
    # What proxies add to what they pass on.
    Difference(
        "request (field|spelling) via",
        "An intermediary MUST add itself to Via (RFC 9110 section 7.6.3); Envoy does so only where it is configured.",
        _one(Asked()),
        lambda case: "spelling" in case.found.item or _lacks_our_own(case),
    ),
    Difference(
        "request field x-forwarded-for",
        "For a client on loopback Envoy notes an address of its machine; hauberk the client's, as both do for all others.",
        _one(Asked(fields=_host(("X-Forwarded-For", "192.0.2.7")))),
        _names_an_address_of_the_machine,
    ),
    Difference(
        "request field x-request-id",
        "hauberk keeps an id that the client gives, so that one id follows a request through every hop.",
        _one(Asked(fields=_host(("x-request-id", "given-by-client")))),
        lambda case: set(_values(case.found.ours)) == {"given-by-client"},
    ),
    Difference(
        "request field forwarded",
        "What strangers say of a client in Forwarded is taken off at the edge; Envoy does not know that field.",
        _one(Asked(fields=_host(("Forwarded", "for=192.0.2.7")))),
        lambda case: case.found.ours is None,
    ),
    Difference(
        "request field connection",
        "A sender of TE MUST name it in Connection (RFC 9110 section 10.1.4).",
        _one(Asked(fields=_host(("TE", "trailers")))),
        lambda case: case.found.ours == "['te']" and case.found.theirs is None,
    ),
    Difference(
        "request field content-length",
        "Envoy says of a request without a body that its length is 0. That is for user agents to say (RFC 9110 section 8.6).",
        _one(Asked(method="POST")),
        lambda case: case.found.ours is None and case.found.theirs == "['0']" and case.asked.framing != "counted",
    ),
    Difference(
        "request spelling (x-forwarded-proto|x-set|host|transfer-encoding)|answer spelling (transfer-encoding|set-cookie|x-seen)",
        "Fields that a proxy writes anew are in its own spelling; names are the same in any (RFC 9110 section 5.1).",
        _one(Asked(fields=_host(("X-Forwarded-Proto", "https")))),
    ),
    Difference(
        "(request|answer) trailer spelling .*",
        "Envoy writes names of trailers in lower case; names are the same in any (RFC 9110 section 5.1).",
        _one(Asked(answer="trailers")),
        lambda case: (case.found.ours or "").lower() == case.found.theirs,
    ),
    Difference(
        "(request|answer) order",
        "Fields of different names may come in any order (RFC 9110 section 5.3); Envoy writes Host first.",
        _one(Asked(fields=(("X-One", "1"), ("Host", "a.test")))),
        lambda case: sorted((case.found.ours or "").split()) == sorted((case.found.theirs or "").split()),
    ),
    Difference(
        "request field .*",
        "Envoy joins fields of one name that it knows; the list is the same (RFC 9110 section 5.3).",
        _one(Asked(fields=_host(("Cache-Control", "no-cache"), ("Cache-Control", "no-store")))),
        _is_joined,
    ),
    Difference(
        "request spelling .*",
        "Of joined fields one name is left, and Envoy spells every line of a name as the first.",
        _one(Asked(fields=_host(("X-One", "1"), ("x-one", "2")))),
        lambda case: (case.found.ours or "").split()[:1] == list(dict.fromkeys((case.found.theirs or "").split())),
    ),
    # Answers that both make themselves.
    Difference(
        "answer (body|framing)|answer field (content-length|content-type|transfer-encoding|grpc-message)",
        "Each explains an error in its own words.",
        _one(Asked(target="/unknown")),
        lambda case: case.is_own and case.reason != "direct_response",
    ),
    Difference(
        "answer field (content-length|transfer-encoding)",
        "An answer to HEAD says how long one to GET is; Envoy, to a HEAD that it answers itself, says that it has no length.",
        _one(Asked(method="HEAD", target="/moved")),
        lambda case: case.asked.method == "HEAD" and case.ours.is_own,
    ),
    Difference(
        "answer field content-length",
        "Over HTTP/2 Envoy does not say that a redirect's body is empty.",
        Sequence((Asked(target="/moved"),), http2=True),
        lambda case: (case.found.ours, case.found.theirs) == ("['0']", None) and case.ours.is_own,
    ),
    Difference(
        "answer field hauberk-reason",
        "hauberk names the reason of every answer of its own.",
        _one(Asked(target="/unknown")),
        lambda case: case.found.theirs is None,
    ),
    Difference(
        "answer (status|phrase)",
        "An endpoint that closes instead of answering is a gateway's 502 (RFC 9110 section 15.6.3); Envoy says 503.",
        _one(Asked(answer="dies")),
        lambda case: case.reason == "upstream_reset" and (case.found.theirs in ("503", "Service Unavailable")),
    ),
    Difference(
        "answer (field|spelling) (set-cookie|x-seen|x-secret)",
        "A route's changes to answers are for those of its endpoints; Envoy applies them to its own, too.",
        _one(Asked(target="/changed", answer="dies")),
        lambda case: case.is_own and case.asked.target.startswith("/changed"),
    ),
    Difference(
        "answer field location",
        "A redirect leads to the listener's port, as Gateway API has it; Envoy takes the one in Host.",
        _one(Asked(target="/moved", fields=_host(host="a.test:8080"))),
        lambda case: (case.found.ours or "").replace("a.test", "a.test:8080") == case.found.theirs,
    ),
    Difference(
        "answer keeps connection",
        "Envoy closes behind an answer of its own that is ahead of the request's end; hauberk reads the rest.",
        _one(Asked(method="POST", target="/unknown", body=b"hello", framing="counted")),
        lambda case: case.ours.is_own and case.asked.body != b"" and case.found.theirs == "no",
    ),
    Difference(
        "answer keeps connection",
        "A client of HTTP/1.0 that asks for it keeps its connection where lengths are known; Envoy closes behind its own answers "
        "and behind those to HEAD that tell none.",
        _one(Asked(target="/unknown", fields=_host(("Connection", "keep-alive")), version="HTTP/1.0")),
        lambda case: case.asked.version == "HTTP/1.0" and case.found.theirs == "no",
    ),
    Difference(
        "answer keeps connection|answer (body|framing)|answer (field|spelling) content-length|answer (spelling|order) .*",
        "An endpoint that does not switch protocols answers as to any request (RFC 9110 section 7.8); Envoy closes.",
        _one(Asked(fields=_UPGRADE)),
        lambda case: case.asked.field("upgrade") == "websocket",
    ),
    Difference(
        "answer keeps connection",
        "Who waits for 100 and is refused may send the body or not: hauberk closes (RFC 9110 section 10.1.1). Envoy said 100.",
        _one(Asked(method="POST", fields=_host(("Expect", "100-continue")), body=b"hello", framing="counted", answer="dies")),
        lambda case: case.is_own and case.asked.field("expect") == "100-continue" and case.found.ours == "no",
    ),
    Difference(
        "answer keeps connection",
        "Proxy-Connection means nothing (RFC 9112 appendix C.2.2); Envoy closes where it says close.",
        _one(Asked(fields=_host(("Proxy-Connection", "close")))),
        lambda case: case.asked.field("proxy-connection") == "close" and case.found.theirs == "no",
    ),
    Difference(
        "verdict",
        "Behind an answer of its own Envoy may close, although more requests wait on the connection; hauberk answers these.",
        Sequence((Asked(), Asked(target="/unknown"), Asked()), pipelined=True),
        lambda case: case.sequence.pipelined and case.found.theirs == "no answer, own",
    ),
    # Answers that are passed on.
    Difference(
        "answer version",
        "A server answers in its own version (RFC 9110 section 6.2); Envoy in that of a client of HTTP/1.0.",
        _one(Asked(version="HTTP/1.0")),
        lambda case: case.asked.version == "HTTP/1.0",
    ),
    Difference(
        "answer phrase",
        "hauberk passes on the endpoint's phrase, Envoy writes the usual one. It means nothing (RFC 9112 section 4).",
        _one(Asked(answer="created")),
        lambda case: case.asked.answer in {"created", "not-found", "odd-status"},
    ),
    Difference(
        "answer interim",
        "hauberk passes on what the endpoint says before its answer (RFC 9110 section 15.2): Envoy drops 103.",
        _one(Asked(answer="hints")),
        lambda case: "(103, [('link', '</a>')])" in (case.found.ours or "") and "103" not in (case.found.theirs or ""),
    ),
    Difference(
        "answer interim",
        "Envoy itself tells a client to go on; hauberk leaves that to the endpoint, who may refuse (RFC 9110 section 10.1.1).",
        _one(Asked(method="POST", fields=_host(("Expect", "100-continue")), body=b"hello", framing="counted")),
        lambda case: "(100, [])" in (case.found.theirs or "") and case.asked.field("expect") == "100-continue",
    ),
    Difference(
        "request field expect",
        "Hence Envoy takes Expect away, and hauberk passes it on.",
        _one(Asked(method="POST", fields=_host(("Expect", "100-continue")), body=b"hello", framing="counted")),
        lambda case: case.found.theirs is None,
    ),
    Difference(
        "request field expect",
        "In a request of HTTP/1.0 it means nothing and is left out (RFC 9110 section 10.1.1); Envoy passes it on.",
        _one(Asked(fields=_host(("Expect", "else")), version="HTTP/1.0")),
        lambda case: case.found.ours is None and case.asked.version == "HTTP/1.0",
    ),
    Difference(
        "answer field transfer-encoding",
        "To HEAD hauberk does not say how a body would be framed that does not come (RFC 9112 section 6.1 lets it); Envoy does.",
        _one(Asked(method="HEAD", answer="chunked")),
        lambda case: case.asked.method == "HEAD" and case.found.ours is None,
    ),
    Difference(
        "answer field x-hop",
        "What Connection names in an answer is for one hop (RFC 9110 section 7.6.1); Envoy looks at that in requests only.",
        _one(Asked(answer="hop")),
        lambda case: case.found.ours is None,
    ),
    Difference(
        "attempts",
        "A request that may be repeated, and meets the end of a kept connection, is sent again (RFC 9112 section 9.3.1).",
        Sequence((Asked(), Asked(answer="dies"))),
        lambda case: case.asked.answer == "dies" and case.found.ours == str(int(case.found.theirs or 0) + 1),
    ),
    Difference(
        "attempts|answer (status|phrase|body|framing)|answer field (content-length|content-type|x-secret|x-seen)|answer order",
        "A stream that is refused was not looked at, and is sent again (RFC 9113 section 8.7); Envoy only if told.",
        Sequence((Asked(answer="refused"),), way=TO_HTTP2),
        lambda case: case.asked.answer == "refused" and len(case.ours.received) == 2 and len(case.theirs.received) == 1,
    ),
    # Requests that one of them refuses.
    Difference(
        "verdict",
        "A request with two Host fields MUST be refused (RFC 9112 section 3.2); Envoy takes the first.",
        _one(Asked(fields=_host(("Host", "b.test")))),
        _refused(400, b"two Host fields"),
    ),
    Difference(
        "verdict",
        "A name that some server behind takes for Content-Length hides a second length; to Envoy it is any name.",
        _one(Asked(fields=_host(("content_length", "5")))),
        _refused(400, b"imitates content-length"),
    ),
    Difference(
        "verdict",
        "Likewise in HTTP/2, where a malformed request is an error of its stream (RFC 9113 section 8.1.1).",
        Sequence((Asked(fields=_host(("content_length", "5"))),), http2=True),
        lambda case: case.found.ours == "no answer, own" and case.asked.field("content_length") is not None,
    ),
    Difference(
        "verdict",
        "Framing of a request of HTTP/1.0 by Transfer-Encoding is to be taken for faulty (RFC 9112 section 6.1); Envoy takes it.",
        _one(Asked(method="POST", body=b"hello", framing="chunked", version="HTTP/1.0")),
        _refused(400, b"Transfer-Encoding in an HTTP/1.0 request"),
    ),
    Difference(
        "verdict",
        "An expectation that is not known may be answered with 417 (RFC 9110 section 10.1.1); Envoy passes it on.",
        _one(Asked(fields=_host(("Expect", "else")))),
        _refused(417, b"is not 100-continue"),
    ),
    Difference(
        "verdict",
        "Chunked that is not the last coding, or twice, is a fault (RFC 9112 section 6.3); to Envoy a coding that it lacks.",
        _one(Asked(fields=_host(("Transfer-Encoding", "chunked, chunked")), body=chunked(b"hello", ()))),
        lambda case: (case.found.ours, case.found.theirs) == ("own 400", "own 501") and b"is not chunked" in case.explanation,
    ),
    Difference(
        "verdict",
        "Of a request with several faults each names the one that it sees first.",
        _one(Asked(target="*", fields=_host(("Transfer-Encoding", "identity")))),
        lambda case: (case.found.ours, case.found.theirs) in {("own 400", "own 501"), ("own 501", "own 400")},
    ),
    Difference(
        "verdict",
        "Connection cannot take away fields that hauberk adds, so that there is nothing to refuse; Envoy refuses.",
        _one(Asked(fields=_host(("Connection", "x-forwarded-for, keep-alive")))),
        lambda case: case.found.theirs == "own 400" and ("Connection", "x-forwarded-for, keep-alive") in case.asked.fields,
    ),
    Difference(
        "verdict|answer (status|phrase)|answer field grpc-(status|message)",
        "gRPC is spoken over HTTP/2 alone; in HTTP/1.1 an error is one of HTTP's, where Envoy says 200 and a status of gRPC.",
        _one(Asked(method="POST", target="/unknown", fields=_host(("Content-Type", "application/grpc")))),
        lambda case: case.asked.field("content-type") == "application/grpc" and case.says_in_http_1,
    ),
    Difference(
        "verdict",
        "Likewise a redirect, which is no error, is one of HTTP's over HTTP/2 too.",
        Sequence((Asked(method="POST", target="/moved", fields=_host(("Content-Type", "application/grpc"))),), http2=True),
        lambda case: case.found.theirs == "own 200" and case.found.ours in {"own 301", "own 302", "own 307"},
    ),
    Difference(
        "answer field grpc-status",
        "A call that no backend is there for is UNAVAILABLE, as where no endpoint is; to Envoy it is any error of 500.",
        Sequence((Asked(method="POST", target="/nowhere", fields=_host(("Content-Type", "application/grpc"))),), http2=True),
        lambda case: (case.found.ours, case.found.theirs, case.reason) == ("['14']", "['2']", "no_backend"),
    ),
    # Paths that are normalised.
    Difference(
        "request line|answer field location",
        "An escape whose meaning would complete a broken one before it stays (`%4%31`); Envoy escapes that one's percent sign.",
        Sequence((Asked(target="/any/%4%31"),), way="base"),
        lambda case: _BROKEN_ESCAPE.sub(_with_percent_escaped, case.found.ours or "") == case.found.theirs,
    ),
    Difference(
        "verdict|request line|answer field location",
        "A segment's parameters are left out of account where dots are escaped, too; Envoy then keeps `.;v=1`.",
        Sequence((Asked(target="/any/x/%2e%2E;v=1/y"),), way="base"),
        lambda case: case.sequence.way != PLAIN and re.search(r"(%2[eE]\.?|\.%2[eE]);", case.asked.target) is not None,
    ),
    Difference(
        "verdict|request line|answer field location",
        "And they end where the segment does, also at a backslash; to Envoy that is one of their characters, and gone with them.",
        Sequence((Asked(target="/any/x/..;v=1\\y"),), way="base"),
        lambda case: case.sequence.way != PLAIN and re.search(r"\.;[^/?]*(\\|%5[cC]|%2[fF])", case.asked.target) is not None,
    ),
    # Requests that take different routes.
    Difference(
        "verdict",
        "A parameter is compared as it is meant, `%32` being `2`; Envoy compares how it is written.",
        _one(Asked(target="/kinds?version=%32")),
        lambda case: "/kinds" in case.asked.target and "version=%32" in case.asked.target and case.found.theirs == "own 404",
    ),
    Difference(
        "verdict|request line",
        "Fields of one name are compared as the list that they are, as Gateway API advises; Envoy compares each.",
        _one(Asked(target="/kinds", fields=_host(("x-kind", "silver"), ("x-kind", "gold")))),
        lambda case: "/kinds" in case.asked.target and [name.lower() for name, _ in case.asked.fields].count("x-kind") > 1,
    ),
)


def allowing(case: Case) -> Difference | None:
    """The row that allows a discrepancy; None if there is none."""
    return next((row for row in ALLOWED if row.allows(case)), None)
