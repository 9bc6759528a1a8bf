"""hauberk beside Envoy: with the same routes, the same requests get the same answers, and backends receive the same.

Both are real processes, each in front of a recording backend of its own. Requests are made up from a seed, so that every run asks
the same ones; HAUBERK_DIFFERENTIAL says how many sequences of them there shall be, and HAUBERK_DIFFERENTIAL_SEED where to begin.
Each discrepancy has to be in the table of allowed differences, and each row of the table has to be needed still.
"""

import os
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from allowed_differences import ALLOWED, Case, Difference, allowing
from asked import Asked, Sequence
from comparison import Discrepancy, compare
from conversation import converse_with_both
from http2_backend import Http2Backend
from request_maker import RequestMaker
from twin_proxies import Pairs, twins
from twin_routes import ROUTES
from twin_ways import PLAIN, TO_HTTP2, WAYS

pytestmark = pytest.mark.e2e

SEQUENCES: Final = int(os.environ.get("HAUBERK_DIFFERENTIAL", "100"))
SEED: Final = int(os.environ.get("HAUBERK_DIFFERENTIAL_SEED", "1"))
SHOWN: Final = 20


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    with twins() as both:
        yield both
        backend = both[TO_HTTP2][0].backend
        assert isinstance(backend, Http2Backend)
        assert backend.refusals == [], "the h2 package takes everything that hauberk sends"


def discrepancies(pairs: Pairs, sequence: Sequence) -> list[Case]:
    """Everything that differs between what the two make of a sequence."""
    ours, theirs = converse_with_both(pairs, sequence)
    return [
        Case(asked, found, our, their, sequence)
        for asked, our, their in zip(sequence.requests, ours, theirs, strict=False)
        for found in compare(asked, our, their)
    ]


def not_allowed(pairs: Pairs, sequence: Sequence) -> list[str]:
    """Those that no row allows, for people."""
    return [f"{case.found} of {case.asked}" for case in discrepancies(pairs, sequence) if allowing(case) is None]


@pytest.mark.parametrize("way", [PLAIN, TO_HTTP2])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_generated_requests(pairs: Pairs, version: str, way: str) -> None:
    maker = RequestMaker(SEED, way)
    make = maker.sequence_for_http2 if version == "HTTP/2" else maker.sequence
    before = _received(pairs, way)
    sequences = SEQUENCES if way == PLAIN else SEQUENCES // 2
    assert _found(pairs, make, sequences) == ""
    assert _received(pairs, way) - before > sequences, "most requests have to reach the backends, or nothing is compared"


@pytest.mark.parametrize("way", [way.name for way in WAYS if not way.http2])
def test_generated_paths(pairs: Pairs, way: str) -> None:
    assert _found(pairs, RequestMaker(SEED, way).sequence_of_paths, SEQUENCES // 4) == ""


def _found(pairs: Pairs, make: Callable[[], Sequence], sequences: int) -> str:
    """The first of the discrepancies that are not allowed, and how many there are, for people; empty: none."""
    found: list[str] = []
    for number in range(sequences):
        sequence = make()
        found += [f"sequence {number}: {words}" for words in not_allowed(pairs, sequence)]
    return "\n".join([f"{len(found)} discrepancies that are not allowed, the first being", *found[:SHOWN]]) if found else ""


def _received(pairs: Pairs, way: str) -> int:
    return sum(len(twin.backend.requests()) for twin in pairs[way])


@pytest.mark.parametrize("path", sorted({"/limited", "/again", "/weighed", "/exact", "/items/a1", "/elsewhere", "/nowhere"}))
@pytest.mark.parametrize("answer", ["five", "unavailable"])
def test_each_kind_of_route(pairs: Pairs, path: str, answer: str) -> None:
    assert not_allowed(pairs, Sequence((Asked(target=path, answer=answer),))) == []


@pytest.mark.parametrize("way", [PLAIN, TO_HTTP2])
def test_an_endpoint_that_is_silent(pairs: Pairs, way: str) -> None:
    assert not_allowed(pairs, Sequence((Asked(target="/limited", answer="silence"),), way=way)) == []


def test_an_upgrade(pairs: Pairs) -> None:
    fields = (("Host", "a.test"), ("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Version", "13"))
    for answer in ("switched", "five"):
        assert not_allowed(pairs, Sequence((Asked(fields=fields, answer=answer), Asked()))) == []


@pytest.mark.parametrize("row", ALLOWED, ids=lambda row: row.items)
def test_each_row_of_the_table_is_needed(pairs: Pairs, row: Difference) -> None:
    shown = [case for case in discrepancies(pairs, row.witness) if row.allows(case)]
    assert shown, "the witness shows no such difference any more: remove the row"


def test_the_routes_are_the_same_number(pairs: Pairs) -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_a_difference_that_is_not_in_the_table_is_noticed(pairs: Pairs) -> None:
    """The same request with another answer is a difference in status, body and length, and no row allows it."""
    ours, _ = converse_with_both(pairs, Sequence((Asked(),)))
    _, theirs = converse_with_both(pairs, Sequence((Asked(answer="not-found"),)))
    found = compare(Asked(), ours[0], theirs[0])
    unexplained = [each.item for each in found if allowing(Case(Asked(), each, ours[0], theirs[0], Sequence((Asked(),)))) is None]
    assert {"answer status", "answer body"} <= set(unexplained)
    assert Discrepancy("answer status", "200", "404") in found
