"""One request as a trace: every hop in one tree, at a receiver that takes what real collectors take."""

from collections.abc import Sequence
from typing import Final

from hauberk_cli.demo.checks.outcome import Outcome
from hauberk_cli.demo.received_span import ReceivedSpan
from hauberk_cli.demo.running import RunningDemo
from hauberk_cli.demo.span_receiver import SpanReceiver
from hauberk_cli.demo.waiting import wait_until

TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT_SPAN: Final = "00f067aa0ba902b7"
"""What this check itself would be in the trace: the parent of the gateway's span."""
# Proxies send what they have every few seconds.
ARRIVAL_SECONDS: Final = 60.0
TRIES: Final = 100

HOPS: Final = (
    ("default/bookshop", "productpage"),
    ("productpage", "details"),
    ("productpage", "reviews"),
    ("reviews", "ratings"),
)
"""Which proxy must have called which other one."""


async def check_trace(demo: RunningDemo, receiver: SpanReceiver) -> Outcome:
    """A request that says it is traced is seen at every proxy, each span below that of the hop before."""
    title = "a trace shows every hop in one tree"
    service = demo.service()
    trace_id = ""
    for number in range(TRIES):
        # One that all of the bookshop has a part in: only the newer reviews ask for ratings.
        trace_id = f"{TRACE_ID[:-4]}{number:04x}"
        traceparent = f"00-{trace_id}-{CLIENT_SPAN}-01"
        reply = await service.get("/productpage", (("traceparent", traceparent),), seconds=10.0)
        if reply.header("reviews-version") in ("v2", "v3"):
            break
    await service.aclose()
    await wait_until(lambda: not tree_faults(receiver.trace(trace_id)), ARRIVAL_SECONDS, pause=0.05)
    spans = receiver.trace(trace_id)
    faults = tree_faults(spans)
    proxies = len({span.service for span in spans})
    figures = f"{len(spans)} spans of {proxies} proxies, {depth(spans)} levels deep"
    return Outcome(title, not faults, "; ".join([*faults, figures]))


def tree_faults(spans: Sequence[ReceivedSpan]) -> list[str]:
    """What keeps these spans from being one tree that has every hop."""
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if span.parent_id not in by_id]
    faults = []
    if len(roots) != 1 or roots[0].parent_id != CLIENT_SPAN:
        faults.append(f"{len(roots)} roots instead of the one")
    seen = {
        (_service(by_id[span.parent_id].service), _service(span.service))
        for span in spans
        if span.kind == "server" and span.parent_id in by_id
    }
    missing = [hop for hop in HOPS if hop not in seen]
    faults += [f"{caller} to {called} is missing" for caller, called in missing]
    return faults


def _service(name: str) -> str:
    return "reviews" if name.startswith("reviews-") else name


def depth(spans: Sequence[ReceivedSpan]) -> int:
    """How many spans lie one below the other at most."""
    parents = {span.span_id: span.parent_id for span in spans}
    deepest = 0
    for span in spans:
        depth, current = 0, span.span_id
        while current in parents:
            depth += 1
            current = parents[current] if depth <= len(spans) else ""
        deepest = max(deepest, depth)
    return deepest
