"""Trace contexts in header fields: what is understood, what is no context at all, and what is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.headers import Headers
from hauberk_core.plugin.data import Fields
from hauberk_tracing.context import (
    CONTEXT_FIELDS,
    DEFERRED,
    NOT_SAMPLED,
    SAMPLED,
    TraceContext,
    combine_tracestate,
    extract,
    parse_b3,
    parse_traceparent,
    write_traceparent,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"

HEX_IDS = st.tuples(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1))


def fields(*lines: str) -> Fields:
    """A header section."""
    headers = Headers()
    for line in lines:
        name, _, value = line.partition(": ")
        headers.add(name, value)
    return Fields(headers)


def told(context: TraceContext | None) -> tuple[str, str, int]:
    """The parts of a context that there must be."""
    assert context is not None
    return context.trace_id, context.span_id, context.decision


@given(HEX_IDS, st.integers(0, 3))
def test_what_is_written_is_read_again(identifiers: tuple[int, int], flags: int) -> None:
    trace_id, span_id = f"{identifiers[0]:032x}", f"{identifiers[1]:016x}"
    context = parse_traceparent(write_traceparent(trace_id, span_id, flags))
    assert told(context) == (trace_id, span_id, SAMPLED if flags & 1 else NOT_SAMPLED)
    assert context is not None
    assert context.flags == flags


@pytest.mark.parametrize(
    "value",
    [
        "",
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-00",
        PARENT.upper(),
        PARENT.replace("-", "_"),
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}0-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}--{SPAN}-01",
        f"00-{TRACE}-{SPAN}-+1",
        f"00-{TRACE}-{SPAN}-0\xe9",
        f"01-{TRACE}-{SPAN}-01.extra",
        "00-" + "\xb2" * 32 + f"-{SPAN}-01",
    ],
)
def test_a_traceparent_that_breaks_a_rule_is_none(value: str) -> None:
    assert parse_traceparent(value) is None


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_garbage_is_no_context_and_no_fault(value: str) -> None:
    assert parse_traceparent(value) is None or value[:2].isalnum()
    assert parse_b3(value) is None or value[:1].isalnum()
    combine_tracestate([value])


@pytest.mark.parametrize("later", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-ever"])
def test_a_later_version_is_read_as_far_as_it_is_known(later: str) -> None:
    assert told(parse_traceparent(later)) == (TRACE, SPAN, SAMPLED)


def test_unknown_flags_are_not_passed_on() -> None:
    context = parse_traceparent(f"00-{TRACE}-{SPAN}-ff")
    assert context is not None
    assert context.flags == 3


def test_two_parents_are_none() -> None:
    assert extract(fields(f"traceparent: {PARENT}", f"traceparent: {PARENT}")) is None


def test_w3c_goes_before_b3_and_b3_helps_where_w3c_is_broken() -> None:
    other = "1" * 32
    assert told(extract(fields(f"b3: {other}-{SPAN}-1", f"Traceparent: {PARENT}")))[0] == TRACE
    assert told(extract(fields(f"b3: {other}-{SPAN}-1", "traceparent: nonsense")))[0] == other


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{TRACE}-{SPAN}-1", (TRACE, SPAN, SAMPLED)),
        (f"{TRACE}-{SPAN}-d", (TRACE, SPAN, SAMPLED)),
        (f"{TRACE}-{SPAN}-0-{'a' * 16}", (TRACE, SPAN, NOT_SAMPLED)),
        (f"{TRACE}-{SPAN}", (TRACE, SPAN, DEFERRED)),
        (f"{TRACE[:16]}-{SPAN}-1", ("0" * 16 + TRACE[:16], SPAN, SAMPLED)),
        ("0", ("", "", NOT_SAMPLED)),
        ("d", ("", "", SAMPLED)),
    ],
)
def test_b3_in_one_field(value: str, expected: tuple[str, str, int]) -> None:
    assert told(extract(fields(f"B3: {value}"))) == expected


@pytest.mark.parametrize(
    "value",
    [
        f"{TRACE}-{SPAN}-2",
        f"{TRACE}-{SPAN}-true",
        f"{TRACE}-{SPAN}-1-",
        f"{TRACE}-{'0' * 16}-1",
        f"{'0' * 16}-{SPAN}",
        TRACE,
        "-",
    ],
)
def test_b3_that_breaks_a_rule_is_none(value: str) -> None:
    assert parse_b3(value) is None


def test_b3_in_many_fields() -> None:
    ids = (f"X-B3-TraceId: {TRACE}", f"X-B3-SpanId: {SPAN}")
    assert told(extract(fields(*ids, "X-B3-Sampled: 1"))) == (TRACE, SPAN, SAMPLED)
    assert told(extract(fields(*ids, "X-B3-Sampled: false"))) == (TRACE, SPAN, NOT_SAMPLED)
    assert told(extract(fields(*ids, "X-B3-Sampled: 0", "X-B3-Flags: 1"))) == (TRACE, SPAN, SAMPLED)
    assert told(extract(fields(*ids))) == (TRACE, SPAN, DEFERRED)
    assert told(extract(fields("X-B3-Sampled: 0"))) == ("", "", NOT_SAMPLED)
    assert extract(fields(*ids, "X-B3-Sampled: maybe")) is None
    assert extract(fields(ids[0], "X-B3-Sampled: 1")) is None
    assert extract(fields("accept: */*")) is None


@pytest.mark.parametrize(
    "line", [f"traceparent: {PARENT}", "b3: 1", f"x-b3-traceid: {TRACE}", "x-b3-sampled: 1", "x-b3-flags: 1"]
)
def test_whatever_is_a_context_has_a_field_that_filters_ask_for(line: str) -> None:
    assert fields("accept: */*", line).has_any(CONTEXT_FIELDS)


def test_tracestate_is_combined_in_order() -> None:
    assert combine_tracestate(["a=1 ,, b@c=x y", "\t0-t@v=z"]) == "a=1,b@c=x y,0-t@v=z"
    assert combine_tracestate([""]) == ""


@pytest.mark.parametrize("value", ["a", "A=1", "a=", "a=1,a=2", "a=b=c", "a=\xe9", "0=1", "a" * 257 + "=1", "a=" + "v" * 257])
def test_tracestate_that_breaks_a_rule_goes_as_a_whole(value: str) -> None:
    assert combine_tracestate(["ok=1", value]) == ""


def test_tracestate_of_too_many_members_goes() -> None:
    members = [f"k{number}=v" for number in range(33)]
    assert combine_tracestate([",".join(members[:32])]) != ""
    assert combine_tracestate([",".join(members)]) == ""


def test_a_long_tracestate_loses_its_long_members_first() -> None:
    short = [f"k{number}={'v' * 90}" for number in range(4)]
    assert combine_tracestate([",".join([short[0], "long=" + "x" * 200, *short[1:]])]) == ",".join(short)
    assert combine_tracestate([",".join([*short, "k9=" + "v" * 100, "k8=" + "w" * 100])]) == ",".join([*short, "k9=" + "v" * 100])
