"""gunicorn's request fixtures. Some valid ones are lenient, or HTTP/1.1 without Host; those that a proxy refuses are exempt."""

from collections.abc import Callable
from typing import Any

from corpus_exemptions import FORWARDED, REFUSED

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]


def test_invalid_requests_are_refused(corpus: Corpus, relay: Callable[..., Any]) -> None:
    cases = [(case, octets) for case, octets in corpus("gunicorn") if case["expected"]["verdict"] == "reject"]
    assert len(cases) > 50
    assert {case["name"] for case, octets in cases if not relay(octets).is_rejected} == set(FORWARDED)


def test_forbidden_trailers_are_not_forwarded(corpus: Corpus, relay: Callable[..., Any]) -> None:
    for case, octets in corpus("gunicorn"):
        if "trailer_forbidden" in case["name"] and case["name"] in FORWARDED:
            assert [understood[4] for understood in relay(octets).complete] == [[]]


def test_valid_requests_are_served(corpus: Corpus, relay: Callable[..., Any]) -> None:
    cases = [
        (case, octets) for case, octets in corpus("gunicorn") if case["expected"]["verdict"] == "accept" and not case["config"]
    ]
    assert len(cases) > 40
    refused = {}
    for case, octets in cases:
        passed = relay(octets)
        if passed.fault is not None and passed.fault.detail != "there is no Host field":
            refused[case["name"]] = passed.fault.detail
    assert set(refused) == set(REFUSED), refused


def test_both_other_parsers_understand_what_is_forwarded(
    corpus: Corpus, relay: Callable[..., Any], judge: Callable[..., None]
) -> None:
    for case, octets in corpus("gunicorn"):
        whole = relay(octets)
        judge(whole)
        for step in (1, 2, 7) if len(octets) < 4096 else (97,):
            assert relay(octets, step).log == whole.log, case["name"]
