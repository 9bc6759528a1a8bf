"""http11probe's requests (RFC 9110 and 9112, request smuggling, malformed input), at the level of the machines."""

from collections.abc import Callable
from typing import Any

from corpus_exemptions import NOT_ACCEPTED, NOT_REFUSED

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]


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
