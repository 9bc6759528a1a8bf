"""Trace contexts in header fields: W3C Trace Context read and written, B3 read.

Reading is strict. What breaks a rule is no context at all, and a trace of our own begins: half-understood identifiers would join
strangers' requests into one tree. Baggage is not ours and passes untouched.

Source: W3C Trace Context (https://www.w3.org/TR/trace-context/) sections 3.2, 3.3 and 4; B3
(https://github.com/openzipkin/b3-propagation).
"""

import re
from typing import Final

from hauberk_core.plugin.data import Fields

# What the one before us decided; DEFERRED: it leaves the decision to us.
NOT_SAMPLED: Final = 0
SAMPLED: Final = 1
DEFERRED: Final = 2

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

_HEX: Final = "0123456789abcdef"
_HEX_AND_DASH: Final = "0123456789abcdef-"
_ODD_DIGITS: Final = "13579bdf"
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
# version (2), trace id (32), parent id (16), flags (2), and a dash between each two.
_TRACEPARENT_LENGTH: Final = 55
# The flags we know: sampled (01) and, from level 2 of the specification, random trace id (02). Others are not passed on.
_KNOWN_FLAGS: Final = 3
SAMPLED_FLAG: Final = 1

# Section 3.3: at most 32 members, and 512 characters that everybody should pass on. We pass on no more.
_MOST_MEMBERS: Final = 32
_LONGEST_STATE: Final = 512
# Section 3.3.1.1: entries longer than this go first where something must.
_LONG_MEMBER: Final = 128
_MEMBER: Final = re.compile(
    r"(?P<key>[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)

_B3: Final = "b3"
_B3_TRACE: Final = "x-b3-traceid"
_B3_SPAN: Final = "x-b3-spanid"
_B3_SAMPLED: Final = "x-b3-sampled"
_B3_FLAGS: Final = "x-b3-flags"
CONTEXT_FIELDS: Final = frozenset({TRACEPARENT, _B3, _B3_TRACE, _B3_SAMPLED, _B3_FLAGS})
_B3_DECISIONS: Final[dict[str, int]] = {"0": NOT_SAMPLED, "false": NOT_SAMPLED, "1": SAMPLED, "true": SAMPLED, "d": SAMPLED}


class TraceContext:
    """Where a request stands in its trace, as the hop before us said."""

    __slots__ = ("decision", "flags", "is_w3c", "span_id", "trace_id")

    def __init__(self, trace_id: str, span_id: str, decision: int, flags: int, is_w3c: bool) -> None:
        self.trace_id: Final = trace_id
        """32 hexadecimal digits in lower case, not all 0; empty: B3 that brought a decision and nothing else."""
        self.span_id: Final = span_id
        """16 such digits: the span that ours is a child of; empty together with the trace id."""
        self.decision: Final = decision
        """NOT_SAMPLED, SAMPLED or DEFERRED."""
        self.flags: Final = flags
        """W3C's, those that we know; 0 where the context came as B3."""
        self.is_w3c: Final = is_w3c
        """Whether it came as `traceparent`: only then does `tracestate` belong to it."""


def extract(headers: Fields) -> TraceContext | None:
    """The context that a request carries, or None: nothing usable. W3C goes before B3, and B3's single field before its many.

    Only a request with one of CONTEXT_FIELDS can carry any.
    """
    parents = headers.get_all(TRACEPARENT)
    # Section 3.2: with two of them nobody knows whose child we are.
    if len(parents) == 1:
        context = parse_traceparent(parents[0])
        if context is not None:
            return context
    singles = headers.get_all(_B3)
    if len(singles) == 1:
        context = parse_b3(singles[0])
        if context is not None:
            return context
    return _extract_b3_fields(headers)


def parse_traceparent(value: str) -> TraceContext | None:
    """Read the value of `traceparent`; None if it breaks a rule. Source: section 3.2.2; later versions as in section 3.2.4."""
    length = len(value)
    if length < _TRACEPARENT_LENGTH:
        return None
    version = value[:2]
    if length > _TRACEPARENT_LENGTH:
        # A later version may append fields, each behind a dash.
        if version == "00" or value[_TRACEPARENT_LENGTH] != "-":
            return None
        value = value[:_TRACEPARENT_LENGTH]
    if value[2] != "-" or value[35] != "-" or value[52] != "-" or value.count("-") != 3 or value.strip(_HEX_AND_DASH):
        return None
    trace_id = value[3:35]
    span_id = value[36:52]
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    decision = SAMPLED if value[54] in _ODD_DIGITS else NOT_SAMPLED
    return TraceContext(trace_id, span_id, decision, int(value[53:], 16) & _KNOWN_FLAGS, True)


def write_traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """The value of `traceparent` for the next hop. Args: flags - at most 3."""
    return "00-" + trace_id + "-" + span_id + "-0" + _HEX[flags]


def combine_tracestate(values: list[str]) -> str:
    """The lists of all `tracestate` fields as one, shortened where it is too long; empty if a member breaks a rule.

    Source: section 3.3.1; a key that comes twice breaks a rule here.
    """
    members: list[str] = []
    keys: set[str] = set()
    for value in values:
        if len(value) > _MOST_MEMBERS * _LONGEST_STATE:
            return ""
        for part in value.split(","):
            member = part.strip(" \t")
            if not member:
                continue
            match = _MEMBER.fullmatch(member)
            if match is None or match["key"] in keys or len(members) == _MOST_MEMBERS:
                return ""
            keys.add(match["key"])
            members.append(member)
    return _shorten(members)


def _shorten(members: list[str]) -> str:
    """Drop members from the right, the long ones first, until the rest is short enough to be passed on."""
    combined = ",".join(members)
    for only_long in (True, False):
        index = len(members) - 1
        while index >= 0 and len(combined) > _LONGEST_STATE:
            if not only_long or len(members[index]) > _LONG_MEMBER:
                del members[index]
                combined = ",".join(members)
            index -= 1
    return combined


def parse_b3(value: str) -> TraceContext | None:
    """Read B3's single field: `{trace}-{span}[-{decision}[-{parent}]]`, or a decision alone; None if it is neither."""
    parts = value.split("-", 4)
    if len(parts) == 1:
        decision = _B3_DECISIONS.get(value)
        return None if decision is None else TraceContext("", "", decision, 0, False)
    decision = DEFERRED
    if len(parts) > 2:
        given = _B3_DECISIONS.get(parts[2])
        # `true` and `false` belong to the many fields.
        if given is None or len(parts[2]) != 1:
            return None
        decision = given
    if len(parts) > 4 or (len(parts) == 4 and not _is_hex(parts[3], 16)):
        return None
    return _b3_context(parts[0], parts[1], decision)


def _extract_b3_fields(headers: Fields) -> TraceContext | None:
    sampled = headers.get(_B3_SAMPLED)
    decision = DEFERRED
    if headers.get(_B3_FLAGS) == "1":
        decision = SAMPLED
    elif sampled is not None:
        given = _B3_DECISIONS.get(sampled)
        if given is None or sampled == "d":
            return None
        decision = given
    trace_id = headers.get(_B3_TRACE)
    span_id = headers.get(_B3_SPAN)
    if trace_id is None and span_id is None:
        return None if decision == DEFERRED else TraceContext("", "", decision, 0, False)
    if trace_id is None or span_id is None:
        return None
    return _b3_context(trace_id, span_id, decision)


def _b3_context(trace_id: str, span_id: str, decision: int) -> TraceContext | None:
    if _is_hex(trace_id, 16):
        trace_id = _NO_SPAN + trace_id
    if not _is_hex(trace_id, 32) or not _is_hex(span_id, 16) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, decision, 0, False)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and not text.strip(_HEX)
