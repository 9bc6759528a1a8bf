"""One tree with every hop, or what is missing from it."""

from collections.abc import Sequence

import pytest

from hauberk_cli.demo.checks.tracing import CLIENT_SPAN, depth, tree_faults
from hauberk_cli.demo.received_span import ReceivedSpan

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _span(name: str, parent: str, kind: str, service: str) -> ReceivedSpan:
    return ReceivedSpan(_TRACE, name, parent, kind, service)


WHOLE = (
    _span("g", CLIENT_SPAN, "server", "default/bookshop"),
    _span("g>", "g", "client", "default/bookshop"),
    _span("p", "g>", "server", "productpage"),
    _span("p1", "p", "client", "productpage"),
    _span("po", "p1", "server", "productpage"),
    _span("po>", "po", "client", "productpage"),
    _span("d", "po>", "server", "details"),
    _span("pr", "p1", "server", "productpage"),
    _span("pr>", "pr", "client", "productpage"),
    _span("r", "pr>", "server", "reviews-v3"),
    _span("r1", "r", "client", "reviews-v3"),
    _span("ro", "r1", "server", "reviews-v3"),
    _span("ro>", "ro", "client", "reviews-v3"),
    _span("s", "ro>", "server", "ratings"),
)


def test_a_whole_tree_has_no_fault() -> None:
    assert tree_faults(WHOLE) == []
    assert depth(WHOLE) == 11


@pytest.mark.parametrize(
    ("lost", "faults"),
    [
        ("s", ["reviews to ratings is missing"]),
        ("po>", ["2 roots instead of the one", "productpage to details is missing"]),
        ("g", ["1 roots instead of the one"]),
    ],
)
def test_a_lost_span_is_noticed(lost: str, faults: Sequence[str]) -> None:
    assert tree_faults([span for span in WHOLE if span.span_id != lost]) == faults


def test_no_spans_and_a_circle_are_no_tree() -> None:
    assert tree_faults([])[0] == "0 roots instead of the one"
    circle = [_span("a", "b", "server", "x"), _span("b", "a", "client", "x")]
    assert tree_faults(circle)[0] == "0 roots instead of the one"
    assert depth(circle) <= 3
