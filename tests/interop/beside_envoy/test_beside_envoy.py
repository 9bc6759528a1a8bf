"""hauberk beside Envoy: with the same routes, the same requests get the same answers, and backends receive the same.

Both are real processes, each in front of a recording backend of its own. Requests are made up from a seed, so that every run asks
the same ones; HAUBERK_DIFFERENTIAL says how many sequences of them there shall be, and HAUBERK_DIFFERENTIAL_SEED where to begin.
Each discrepancy has to be in the table of allowed differences, and each row of the table has to be needed still.
"""

import os
from collections.abc import Iterator
from typing import Final

import pytest
from allowed_differences import ALLOWED, Case, Difference, allowing
from asked import Asked, Sequence
from comparison import Discrepancy, compare
from conversation import converse_with_both
from request_maker import RequestMaker
from twin_proxies import Twin, twins
from twin_routes import ROUTES

pytestmark = pytest.mark.e2e

SEQUENCES: Final = int(os.environ.get("HAUBERK_DIFFERENTIAL", "100"))
SEED: Final = int(os.environ.get("HAUBERK_DIFFERENTIAL_SEED", "1"))
SHOWN: Final = 20

Pair = tuple[Twin, Twin]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with twins() as both:
        yield both


def discrepancies(pair: Pair, sequence: Sequence) -> list[Case]:
    """Everything that differs between what the two make of a sequence."""
    ours, theirs = converse_with_both(pair, sequence)
    return [
        Case(asked, found, our, their, sequence.pipelined)
        for asked, our, their in zip(sequence.requests, ours, theirs, strict=False)
        for found in compare(asked, our, their)
    ]


def not_allowed(pair: Pair, sequence: Sequence) -> list[str]:
    """Those that no row allows, for people."""
    return [f"{case.found} of {case.asked}" for case in discrepancies(pair, sequence) if allowing(case) is None]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_generated_requests(pair: Pair, version: str) -> None:
    maker = RequestMaker(SEED)
    make = maker.sequence_for_http2 if version == "HTTP/2" else maker.sequence
    found: list[str] = []
    for number in range(SEQUENCES):
        sequence = make()
        found += [f"sequence {number}: {words}" for words in not_allowed(pair, sequence)]
    assert found == [], "\n".join([f"{len(found)} discrepancies that are not allowed, the first being", *found[:SHOWN]])
    asked = sum(len(twin.backend.requests()) for twin in pair)
    assert asked > SEQUENCES, "most requests have to reach the backends, or nothing is compared"


@pytest.mark.parametrize("path", sorted({"/limited", "/again", "/weighed", "/exact", "/items/a1", "/elsewhere", "/nowhere"}))
@pytest.mark.parametrize("answer", ["five", "unavailable"])
def test_each_kind_of_route(pair: Pair, path: str, answer: str) -> None:
    assert not_allowed(pair, Sequence((Asked(target=path, answer=answer),))) == []


def test_an_endpoint_that_is_silent(pair: Pair) -> None:
    assert not_allowed(pair, Sequence((Asked(target="/limited", answer="silence"),))) == []


def test_an_upgrade(pair: Pair) -> None:
    fields = (("Host", "a.test"), ("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Version", "13"))
    for answer in ("switched", "five"):
        assert not_allowed(pair, Sequence((Asked(fields=fields, answer=answer), Asked()))) == []


@pytest.mark.parametrize("row", ALLOWED, ids=lambda row: row.items)
def test_each_row_of_the_table_is_needed(pair: Pair, row: Difference) -> None:
    shown = [case for case in discrepancies(pair, row.witness) if row.allows(case)]
    assert shown, "the witness shows no such difference any more: remove the row"


def test_the_routes_are_the_same_number(pair: Pair) -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_a_difference_that_is_not_in_the_table_is_noticed(pair: Pair) -> None:
    """The same request with another answer is a difference in status, body and length, and no row allows it."""
    ours, _ = converse_with_both(pair, Sequence((Asked(),)))
    _, theirs = converse_with_both(pair, Sequence((Asked(answer="not-found"),)))
    found = compare(Asked(), ours[0], theirs[0])
    unexplained = [each.item for each in found if allowing(Case(Asked(), each, ours[0], theirs[0], False)) is None]
    assert {"answer status", "answer body"} <= set(unexplained)
    assert Discrepancy("answer status", "200", "404") in found
