"""Verifies the demo: starts it, holds one check after the other against it, and ends it."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from hauberk_cli.demo import show
from hauberk_cli.demo.checks.changes import check_edits, check_mistakes
from hauberk_cli.demo.checks.circuits import check_reviews_killed, check_slow_ratings
from hauberk_cli.demo.checks.identity import check_certificates, check_hops, check_plaintext
from hauberk_cli.demo.checks.leftovers import check_nothing_left, processes_of
from hauberk_cli.demo.checks.losses import check_agent_killed, check_control_killed, check_worker_killed
from hauberk_cli.demo.checks.outcome import Outcome
from hauberk_cli.demo.checks.pages import check_pages
from hauberk_cli.demo.checks.tracing import check_trace
from hauberk_cli.demo.folder import demo_folder
from hauberk_cli.demo.running import Plan, RunningDemo, running_demo
from hauberk_cli.demo.span_receiver import SpanReceiver, span_receiver
from hauberk_cli.exit_codes import CHECK_FAILED, OK

# Only requests that ask for it are traced: the checks are about other things mostly.
_SAMPLING: Final = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}


async def verify(wanted: Path | None, plan: Plan, keep: bool) -> int:
    """Start, check and end a demo. Returns: the exit code."""
    outcomes: list[Outcome] = []

    async def note(check: Awaitable[Outcome]) -> None:
        outcome = await check
        outcomes.append(outcome)
        show.check(outcome.name, outcome.passed, outcome.figures)

    with demo_folder(wanted, keep) as folder, span_receiver() as receiver:
        show.heading("a bookshop in a mesh, on loopback")
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **_SAMPLING}
        async with running_demo(folder, plan, keep=keep, variables=variables) as running:
            show.blank()
            show.heading("checks")
            for check in _checks(running, receiver):
                await note(check())
            processes = processes_of(running)
    await note(check_nothing_left(running, processes, keep))
    failed = sum(not outcome.passed for outcome in outcomes)
    show.blank()
    show.heading(f"{len(outcomes) - failed} of {len(outcomes)} checks passed")
    return CHECK_FAILED if failed else OK


def _checks(running: RunningDemo, receiver: SpanReceiver) -> Iterator[Callable[[], Awaitable[Outcome]]]:
    yield partial(check_pages, running, tls=False)
    yield partial(check_pages, running, tls=True)
    yield partial(check_hops, running)
    yield partial(check_certificates, running)
    yield partial(check_plaintext, running)
    yield partial(check_trace, running, receiver)
    yield partial(check_edits, running)
    yield partial(check_mistakes, running)
    yield partial(check_control_killed, running)
    yield partial(check_reviews_killed, running)
    yield partial(check_slow_ratings, running)
    productpage = running.workloads["productpage"]
    proxies = (
        ("the gateway", running.gateway.child, running.gateway.admin),
        ("a sidecar", productpage.member.sidecar, productpage.admin),
    )
    for name, proxy, admin in proxies:
        yield partial(check_worker_killed, running, name, proxy, admin)
        yield partial(check_agent_killed, running, name, proxy, admin)
