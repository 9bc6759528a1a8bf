"""A trace as people see it."""

from hauberk_cli.demo.received_span import ReceivedSpan
from hauberk_cli.demo.trace_tree import trace_tree

_MS = 1_000_000


def _span(span_id: str, parent: str, kind: str, service: str, start: int, end: int, **more: str) -> ReceivedSpan:
    return ReceivedSpan("t", span_id, parent, kind, service, "GET /", 200, more.get("error", ""), start * _MS, end * _MS)


def test_each_span_stands_below_the_one_that_caused_it_in_the_order_of_time() -> None:
    spans = [
        _span("d", "b", "server", "details", 12, 14),
        _span("a", "client", "server", "gateway", 10, 30),
        _span("c", "b", "server", "reviews", 11, 20),
        _span("b", "a", "client", "gateway", 11, 29),
    ]
    assert trace_tree(spans).splitlines() == [
        "GET /, 20.0 ms; spans: 4, proxies: 3",
        "",
        "begins ms  takes ms",
        "      0.0      20.0  gateway server GET / 200",
        "      1.0      18.0    gateway client GET / 200",
        "      1.0       9.0      reviews server GET / 200",
        "      2.0       2.0      details server GET / 200",
    ]


def test_what_is_under_way_still_is_no_obstacle() -> None:
    # The parent has not come yet.
    assert trace_tree([_span("c", "b", "server", "reviews", 11, 20)]).endswith("reviews server GET / 200\n")
    assert trace_tree([]) == ""


def test_spans_that_are_each_other_s_parents_come_to_an_end() -> None:
    spans = [
        _span("root", "", "server", "gateway", 0, 9),
        _span("a", "b", "client", "x", 1, 2),
        _span("b", "a", "client", "y", 1, 2),
    ]
    assert trace_tree(spans).count("GET / 200") == 1
    assert trace_tree([_span("a", "a", "client", "x", 1, 2)]).startswith("GET /, 1.0 ms; spans: 1")


def test_nothing_in_a_span_steers_the_terminal() -> None:
    assert "\x1b" not in trace_tree([_span("a", "", "server", "evil\x1b[2J", 0, 1, error="\x1b]0;")])
