"""http11probe's requests (RFC 9110 and 9112, request smuggling, malformed input), at the level of the machines."""

from collections.abc import Callable
from typing import Any

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]

# Cases that expect a refusal and are not refused by a proxy's machines, each with the reason.
NOT_REFUSED = {
    "COMP-METHOD-CONNECT": "CONNECT is understood; that nothing is configured for it is the routing's answer",
    "COMP-UPGRADE-INVALID-VER": "the version of WebSocket is the WebSocket server's business (RFC 6455 section 4.2.2)",
    "COMP-UNKNOWN-METHOD": "which methods exist is the origin server's business; a proxy forwards extension methods",
    "COMP-405-ALLOW": "405 is an origin server's answer",
    "COMP-LONG-URL-OK": "the case asks for anything but 414: a line of 8,000 octets is served",
    "SMUG-GET-CL-PREFIX-DESYNC": "a body that looks like a request is forwarded as a body; the next request is read rightly",
    "SMUG-GET-CL-BODY-DESYNC": "a GET may have a body; it is consumed, and the request behind it is understood rightly",
    "SMUG-OPTIONS-CL-BODY-DESYNC": "OPTIONS may have a body; it is consumed, and the next request is understood rightly",
    "SMUG-EXPECT-100-CL-DESYNC": "the body that came unasked is consumed, and the request behind it is understood rightly",
    "SMUG-CL0-BODY-POISON": "what follows an empty body is the next request, of the method XGET; nothing is out of step",
    "MAL-EMPTY-REQUEST": "a connection without a request is closed without an answer",
}

# Cases that expect an answer of 2xx and are refused.
NOT_ACCEPTED = {
    "COMP-HTTP12-VERSION": "505: nothing is known of a version that nobody ever defined",
}


def test_what_must_be_refused_is_refused(corpus: Corpus, relay: Callable[..., Any]) -> None:
    cases = [(case, octets) for case, octets in corpus("http11probe") if case["expected"]["verdict"] == "reject"]
    assert len(cases) > 100
    unexpected = {case["name"] for case, octets in cases if not relay(octets).is_rejected}
    assert unexpected == set(NOT_REFUSED)


def test_what_must_be_served_is_served(corpus: Corpus, relay: Callable[..., Any]) -> None:
    cases = [(case, octets) for case, octets in corpus("http11probe") if case["expected"]["verdict"] == "accept"]
    assert len(cases) > 20
    unexpected = {case["name"] for case, octets in cases if relay(octets).is_rejected}
    assert unexpected == set(NOT_ACCEPTED)


def test_both_other_parsers_understand_what_is_forwarded(
    corpus: Corpus, relay: Callable[..., Any], judge: Callable[..., None]
) -> None:
    for _, octets in corpus("http11probe"):
        judge(relay(octets))


def test_how_the_octets_are_cut_changes_nothing(corpus: Corpus, relay: Callable[..., Any]) -> None:
    for case, octets in corpus("http11probe"):
        whole = relay(octets)
        for step in (1, 2, 7) if len(octets) < 4096 else (997,):
            assert relay(octets, step).log == whole.log, case["name"]


def test_requests_behind_a_body_are_the_ones_that_were_meant(corpus: Corpus, relay: Callable[..., Any]) -> None:
    """The exemptions that speak of the request behind a body hold what they promise."""
    wanted = {
        "SMUG-GET-CL-PREFIX-DESYNC": [b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n", b""],
        "SMUG-GET-CL-BODY-DESYNC": [b"hello", b""],
        "SMUG-OPTIONS-CL-BODY-DESYNC": [b"hello", b""],
        "SMUG-EXPECT-100-CL-DESYNC": [b"hello", b""],
        "SMUG-CL0-BODY-POISON": [b"", b""],
    }
    for case, octets in corpus("http11probe"):
        if case["name"] in wanted:
            assert [understood[3] for understood in relay(octets).complete] == wanted[case["name"]], case["name"]
