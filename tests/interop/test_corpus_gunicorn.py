"""gunicorn's request fixtures. Some valid ones are lenient, or HTTP/1.1 without Host; those that a proxy refuses are listed."""

from collections.abc import Callable
from typing import Any

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]

# Invalid to gunicorn, yet forwarded.
FORWARDED = {
    "invalid/006.http": "its request line is longer than gunicorn's limit, not than ours",
    "invalid/007.http": "its header is larger than the limit that the fixture configures",
    "invalid/008.http": "its header is larger than the limit that the fixture configures",
    "invalid/limit_header_default_01.http": "its header is larger than gunicorn's default limit, not than ours",
    "invalid/041.http": "two Content-Type fields are the recipient's business, not a hop's",
    "invalid/rfc9110_trailer_forbidden_cl_01.http": "the trailer is dropped, the request forwarded without it",
    "invalid/rfc9110_trailer_forbidden_host_01.http": "the trailer is dropped, the request forwarded without it",
    "invalid/rfc9110_trailer_forbidden_te_01.http": "the trailer is dropped, the request forwarded without it",
}

# Valid to gunicorn with its default settings, yet refused for another reason than that Host is missing.
REFUSED = {
    "valid/002.http": "a Host with `=` in it",
    "valid/003.http": "a Host with `=` in it",
    "valid/005.http": "a fragment in the target",
    "valid/009.http": "a fragment in the target",
    "valid/027.http": "octets above ASCII in the target",
    "valid/040.http": "names that imitate framing fields",
    "valid/099.http": "its body is shorter than announced",
    "valid/rfc9112_smuggle_gzip_chunked_01.http": "a transfer coding that is not served",
    "valid/rfc9112_smuggle_te_identity_chunked_01.http": "a transfer coding that is not served",
    "valid/rfc9112_target_absolute_https_01.http": "an https URL on a connection without TLS",
    "valid/rfc9112_target_absolute_userinfo_01.http": "user information in the target",
}


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
