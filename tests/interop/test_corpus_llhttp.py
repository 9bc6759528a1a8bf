"""llhttp's own fixtures: nothing that its strict mode refuses is passed on, and nothing is read as more than it reads."""

from collections.abc import Callable
from typing import Any

from corpus_exemptions import AFTER_CLOSE

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]


def requests(corpus: Corpus) -> list[tuple[dict[str, Any], bytes]]:
    cases = [(case, octets) for case, octets in corpus("llhttp") if case["type"].startswith("request")]
    assert len(cases) > 100
    return cases


def test_what_strict_mode_refuses_is_not_passed_on(corpus: Corpus, relay: Callable[..., Any]) -> None:
    refused = [
        (case, octets)
        for case, octets in requests(corpus)
        if case["mode"] == "strict" and case["expected"]["verdict"] == "reject"
    ]
    assert len(refused) > 40
    for case, octets in refused:
        passed = relay(octets)
        assert len(passed.complete) <= case["expected"]["messages_complete"], case["name"]
        # Where the client said that it would close, what follows is not read at all, which is as good as a refusal.
        assert passed.is_rejected or case["expected"]["error"] == AFTER_CLOSE, case["name"]


def test_what_only_lenient_modes_take_is_held_to_strict_mode(
    corpus: Corpus, relay: Callable[..., Any], judge: Callable[..., None]
) -> None:
    for _, octets in requests(corpus):
        judge(relay(octets))


def test_how_the_octets_are_cut_changes_nothing(corpus: Corpus, relay: Callable[..., Any]) -> None:
    for case, octets in requests(corpus):
        whole = relay(octets)
        for step in (1, 2, 7):
            assert relay(octets, step).log == whole.log, case["name"]


def test_refused_responses_are_not_passed_on(corpus: Corpus, answer: Callable[..., list[str]]) -> None:
    """A client sees no response complete that strict mode refuses, and the same however it is cut."""
    cases = [
        (case, octets) for case, octets in corpus("llhttp") if case["type"].startswith("response") and case["mode"] == "strict"
    ]
    assert len(cases) > 60
    for case, octets in cases:
        whole = answer(octets, 0)
        assert answer(octets, 1) == whole, case["name"]
        if case["expected"]["verdict"] == "reject" and not case["expected"]["messages_complete"]:
            assert whole[-1] == "fault", case["name"]
