"""`hauberk demo`: start the bookshop behind a gateway, show what to look at, run until Ctrl-C; or verify it with `--check`."""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Final

import click
import trio

from hauberk_cli.demo import check, show
from hauberk_cli.demo.folder import FolderError, demo_folder
from hauberk_cli.demo.gateway_config import SHOP_HOST
from hauberk_cli.demo.ports import LOOPBACK, PortError, choose_port
from hauberk_cli.demo.processes import Part, PartError, sole_error
from hauberk_cli.demo.running import GatewayPlan, RunningDemo, running_demo
from hauberk_cli.demo.traffic import SteadyTraffic
from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, INTERRUPTED, OK

HTTP_PORT: Final = 8080
TLS_PORT: Final = 8443
ADMIN_PORT: Final = 15000
RATE: Final = 20.0
"""Requests a second of the steady traffic: enough to see shares within a minute, nothing for the machine."""
LINE_SECONDS: Final = 5.0
LOG_SECONDS: Final = 0.1
SHOWN_LOG_LINES: Final = 20
"""Lines of the gateway's log shown at a time; the rest is in the file."""


@dataclass(frozen=True, slots=True)
class _Options:
    plan: GatewayPlan
    folder: Path | None
    keep: bool
    check: bool


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--check", "verify", is_flag=True, help="Verify the running demo, print a table, and exit with 0 or 1.")
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP port. [default: 8080, or any free one]")
@click.option("--tls-port", type=click.IntRange(1, 65535), help="HTTPS port. [default: 8443, or any free one]")
@click.option("--admin-port", type=click.IntRange(1, 65535), help="Port for metrics. [default: 15000, or any free one]")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes of the gateway.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="A new or empty folder for its files. [default: a temporary one]"
)
@click.option("--keep", is_flag=True, help="Leave the folder behind, to look into its logs.")
def demo(
    verify: bool, port: int | None, tls_port: int | None, admin_port: int | None, workers: int, folder: Path | None, keep: bool
) -> int:
    """Run a small bookshop behind a gateway, on loopback and without root, until Ctrl-C.

    Nothing is left behind: no process, no port, no file.

    \b
    Examples:
      hauberk demo
      hauberk demo --check
      hauberk demo --port 18080 --dir demo --keep
    """
    try:
        plan = GatewayPlan(
            choose_port(port, HTTP_PORT), choose_port(tls_port, TLS_PORT), choose_port(admin_port, ADMIN_PORT), workers
        )
    except PortError as error:
        raise CommandError(str(error), "hauberk demo") from error
    try:
        return trio.run(_run, _Options(plan, folder, keep, verify))
    except FolderError as error:
        raise CommandError(str(error), "hauberk demo --dir NEW_FOLDER") from error


async def _run(options: _Options) -> int:
    """Run until a signal comes, or until the checks are done. Returns: the exit code.

    Raises: FolderError before anything was started.
    """
    code = CHECK_FAILED
    told_to_end = trio.Event()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        try:
            async with trio.open_nursery() as nursery:

                async def end_on_signal() -> None:
                    async for _ in signals:
                        told_to_end.set()
                        nursery.cancel_scope.cancel()
                        break

                nursery.start_soon(end_on_signal)
                code = await (_verify(options) if options.check else _show(options))
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = sole_error(group)
            if not isinstance(error, PartError):
                raise error from None
            show.failure(str(error))
            return CHECK_FAILED
    if not told_to_end.is_set():
        return code
    show.blank()
    show.heading("ended; the folder is kept" if options.keep else "ended; nothing is left behind")
    return INTERRUPTED if options.check else OK


async def _show(options: _Options) -> int:
    with demo_folder(options.folder, options.keep) as folder:
        show.heading("a bookshop behind a gateway, on loopback")
        async with running_demo(folder, options.plan, options.keep) as running, trio.open_nursery() as nursery:
            _tell_addresses(running)
            services = (running.service(SHOP_HOST), running.service(SHOP_HOST, tls=True))
            traffic = SteadyTraffic(services, RATE)
            nursery.start_soon(traffic.run)
            nursery.start_soon(_follow_log, running.gateway)
            began = trio.current_time()
            while True:
                await trio.sleep(LINE_SECONDS)
                show.rates(traffic.take(), trio.current_time() - began)
                folder.limit_access_log()
                began = trio.current_time()


def _tell_addresses(running: RunningDemo) -> None:
    plan, folder = running.plan, running.folder
    show.blank()
    show.fact("page", f"http://{SHOP_HOST}:{plan.http_port}/productpage")
    show.fact("", f"https://{SHOP_HOST}:{plan.tls_port}/productpage")
    show.fact("try", f"curl --cacert {quote(str(folder.authority))} https://localhost:{plan.tls_port}/productpage")
    show.fact("weights", f"change them in {folder.config} and watch")
    show.fact("access log", f"tail -f {quote(str(folder.access_log))}")
    show.fact("metrics", f"http://{LOOPBACK}:{plan.admin_port}/stats/prometheus")
    show.fact("end", "Ctrl-C")
    show.blank()
    show.heading(f"its own visitors, {RATE:.0f} a second, half of them by HTTPS")


async def _follow_log(gateway: Part) -> None:
    """Show what the gateway says from now on, for example about a configuration that it refuses."""
    offset = gateway.log_size()
    while True:
        await trio.sleep(LOG_SECONDS)
        text, offset = gateway.read_log(offset)
        for line in text.splitlines()[:SHOWN_LOG_LINES]:
            show.gateway_says(line)


async def _verify(options: _Options) -> int:
    outcomes: list[check.Outcome] = []

    async def note(outcome: check.Outcome) -> None:
        outcomes.append(outcome)
        show.check(outcome.name, outcome.passed, outcome.figures)

    with demo_folder(options.folder, options.keep) as folder:
        show.heading("a bookshop behind a gateway, on loopback")
        async with running_demo(folder, options.plan, options.keep) as running:
            show.blank()
            show.heading("checks")
            for verify in _checks(running):
                await note(await verify())
            processes = check.processes_of(running)
    await note(await check.check_nothing_left(running, processes, options.keep))
    failed = sum(not outcome.passed for outcome in outcomes)
    show.blank()
    show.heading(f"{len(outcomes) - failed} of {len(outcomes)} checks passed")
    return CHECK_FAILED if failed else OK


def _checks(running: RunningDemo) -> tuple[Callable[[], Awaitable[check.Outcome]], ...]:
    return (
        partial(check.check_pages, running, tls=False),
        partial(check.check_pages, running, tls=True),
        partial(check.check_weights, running),
        partial(check.check_weight_edits, running),
        partial(check.check_changes_under_load, running),
        partial(check.check_wrong_file, running),
        partial(check.check_worker_killed, running),
    )
