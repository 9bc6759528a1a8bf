"""go-spiffe's own test files: what it takes for an X.509 SVID, we take, and what it refuses, we refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from hauberk_core.agent.identity.svid import SvidError, check_svid, read_pem

Corpus = Callable[[str], list[tuple[dict[str, Any], bytes]]]


def read_svid(octets: bytes) -> None:
    """Some files hold a key alone, as those that read certificate and key from two files are given it."""
    contents = read_pem(octets)
    if contents.certificates:
        check_svid(contents.certificates)


def test_every_file_is_judged_as_go_spiffe_judges_it(corpus: Corpus) -> None:
    cases = corpus("go-spiffe-x509svid")
    assert {case["expected"]["verdict"] for case, _ in cases} == {"accept", "reject"}
    for case, octets in cases:
        if case["expected"]["verdict"] == "accept":
            read_svid(octets)
        else:
            with pytest.raises(SvidError):
                read_svid(octets)


def test_a_file_that_is_cut_short_is_refused(corpus: Corpus) -> None:
    for case, octets in corpus("go-spiffe-x509svid"):
        if case["name"] == "good-leaf-only.pem":
            for size in range(0, len(octets) - 30, 7):
                with pytest.raises(SvidError):
                    read_svid(octets[:size])
