"""Traces for people: a request as a tree of its spans, and a list of the latest requests."""

from collections.abc import Sequence
from typing import Final

from hauberk_cli.demo.received_span import ReceivedSpan

_NANOSECONDS: Final = 1_000_000.0
"""In a millisecond."""
_DEEPEST: Final = 40
"""Levels that are indented; a page of the shop has a dozen."""


def trace_tree(spans: Sequence[ReceivedSpan]) -> str:
    """One trace: a line for each span below that of the one which caused it. Empty without spans."""
    if not spans:
        return ""
    known = {span.span_id for span in spans}
    children: dict[str, list[ReceivedSpan]] = {}
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    began = min(span.start for span in spans)
    lines = [_summary(spans), "", "begins ms  takes ms"]
    # Each span is taken from `children` once, so that spans that claim to be each other's parents come to no loop.
    waiting = [(0, span) for span in reversed(children.pop("", []))]
    while waiting:
        level, span = waiting.pop()
        indent = "  " * min(level, _DEEPEST)
        lines.append(
            f"{_milliseconds(span.start - began):9.1f} {_milliseconds(span.end - span.start):9.1f}  {indent}{_line(span)}"
        )
        waiting.extend((level + 1, child) for child in reversed(children.pop(span.span_id, [])))
    return "\n".join(lines) + "\n"


def trace_list(traces: Sequence[Sequence[ReceivedSpan]], url: str) -> str:
    """The latest requests, one a line. Args: url - of this list; a trace's own page is one level below."""
    lines = ["the latest requests that were traced; each as a tree:"]
    lines += [f"{url}/{spans[0].trace_id}  {_summary(spans)}" for spans in traces if spans]
    return "\n".join(lines) + "\n"


def _summary(spans: Sequence[ReceivedSpan]) -> str:
    first = min(spans, key=lambda span: span.start)
    proxies = len({span.service for span in spans})
    took = _milliseconds(max(span.end for span in spans) - first.start)
    return f"{_plain(first.request)}, {took:.1f} ms; spans: {len(spans)}, proxies: {proxies}"


def _line(span: ReceivedSpan) -> str:
    outcome = f"{span.status or 'no answer'}{f' ({span.error})' if span.error else ''}"
    return _plain(f"{span.service} {span.kind} {span.request} {outcome}")


def _milliseconds(nanoseconds: int) -> float:
    return nanoseconds / _NANOSECONDS


def _plain(text: str) -> str:
    """Anybody on this machine may export: nothing in a span may steer the terminal that it is shown on."""
    return "".join(character if character.isprintable() else "?" for character in text)
