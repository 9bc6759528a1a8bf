"""What `hauberk demo` does: runs the mesh and shows it until Ctrl-C, or verifies it."""

import contextlib
import signal
from pathlib import Path
from shlex import quote
from typing import Final, NamedTuple

import trio

from hauberk_cli.demo import show
from hauberk_cli.demo.addresses import write_addresses
from hauberk_cli.demo.checking import verify
from hauberk_cli.demo.collector import demo_collector
from hauberk_cli.demo.folder import FolderError, demo_folder, new_folder, write_files
from hauberk_cli.demo.log_follower import follow_log
from hauberk_cli.demo.ports import PortError, choose_port
from hauberk_cli.demo.running import SHOP_HOST, Plan, RunningDemo, running_demo
from hauberk_cli.demo.traffic import SteadyTraffic
from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, INTERRUPTED, OK
from hauberk_cli.mesh.first_error import first_error
from hauberk_cli.mesh.free_ports import HeldPorts
from hauberk_cli.mesh.processes import StartFailed
from hauberk_control.local.client import ControlAway, ControlRefused

HTTP_PORT: Final = 8080
TLS_PORT: Final = 8443
ADMIN_PORT: Final = 15000
RATE: Final = 20.0
"""Requests a second of the steady traffic: enough to see shares within a minute, little for the machine."""
LINE_SECONDS: Final = 5.0


# What keeps the demo from starting, and what its user can do something about.
_MISTAKES: Final = (FolderError, StartFailed, ControlAway, ControlRefused, OSError)


class Options(NamedTuple):
    """The command line."""

    port: int | None
    tls_port: int | None
    admin_port: int | None
    workers: int
    folder: Path | None
    keep: bool
    check: bool


def write_only(folder: Path) -> int:
    """Write the demo's files into a new or empty folder. Returns: the exit code."""
    try:
        write_files(new_folder(folder), with_logs=False)
    except FolderError as error:
        raise CommandError(str(error), "hauberk demo --files-only --dir NEW_FOLDER") from error
    show.fact("written", str(folder))
    show.fact("next", f"hauberk up {quote(str(folder))}")
    return OK


def run_demo(options: Options) -> int:
    """Run until Ctrl-C, or until the checks are done. Returns: the exit code."""
    try:
        plan = Plan(
            choose_port(options.port, HTTP_PORT),
            choose_port(options.tls_port, TLS_PORT),
            choose_port(options.admin_port, ADMIN_PORT),
            options.workers,
        )
    except PortError as error:
        raise CommandError(str(error), "hauberk demo") from error
    with contextlib.closing(HeldPorts((plan.http_port, plan.tls_port, plan.admin_port))):
        return trio.run(_run, options, plan)


async def _run(options: Options, plan: Plan) -> int:
    """Run until a signal comes, or until the checks are done. Returns: the exit code."""
    code = CHECK_FAILED
    told_to_end = False
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        try:
            async with trio.open_nursery() as nursery:

                async def end_on_signal() -> None:
                    nonlocal told_to_end
                    async for _ in signals:
                        told_to_end = True
                        nursery.cancel_scope.cancel()
                        break

                nursery.start_soon(end_on_signal)
                code = await (verify(options.folder, plan, options.keep) if options.check else _show(options, plan))
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = first_error(group, _MISTAKES)
            if not isinstance(error, _MISTAKES):
                raise
            raise CommandError(_describe(error), "hauberk demo --help, for another folder or other ports") from group
    if not told_to_end:
        return code
    show.blank()
    show.heading("ended; the folder is kept" if options.keep else "ended; nothing is left behind")
    return INTERRUPTED if options.check else OK


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


async def _show(options: Options, plan: Plan) -> int:
    with demo_folder(options.folder, options.keep) as folder, demo_collector() as collector:
        show.heading("a bookshop in a mesh, on loopback")
        async with (
            running_demo(folder, plan, keep=options.keep, variables=collector.variables) as running,
            trio.open_nursery() as nursery,
        ):
            write_addresses(running, collector.url)
            _tell_addresses(running, collector.url)
            services = (running.service(), running.service(tls=True))
            traffic = SteadyTraffic(services, RATE)
            nursery.start_soon(traffic.run)
            nursery.start_soon(follow_log, "control", running.control.log)
            began = trio.current_time()
            while True:
                await trio.sleep(LINE_SECONDS)
                show.rates(traffic.take(), trio.current_time() - began)
                began = trio.current_time()


def _tell_addresses(running: RunningDemo, traces: str) -> None:
    plan, folder = running.plan, running.folder
    mesh = quote(str(folder.root))
    show.blank()
    show.fact("page", f"http://{SHOP_HOST}:{plan.http_port}/productpage")
    show.fact("", f"https://{SHOP_HOST}:{plan.tls_port}/productpage")
    show.fact("try", f"curl --cacert {quote(str(folder.authority))} https://localhost:{plan.tls_port}/productpage")
    show.fact("files", f"{folder.root}: edit {folder.reviews_route.name} and watch")
    show.fact("slow ratings", f"echo 2 > {quote(str(folder.delay('ratings')))}; remove the file, and they are quick again")
    show.fact("look", f"cd {mesh}; then hauberk status, hauberk proxies, hauberk circuits")
    show.fact("", f"these addresses are in {folder.addresses.name} there, for a shell: . ./{folder.addresses.name}")
    if traces:
        show.fact("traces", f"{traces}: the latest requests, each as a tree of its hops")
    show.fact("metrics", f"http://{running.gateway.admin}/stats/prometheus of the gateway")
    show.fact("admin", f"http://{running.gateway.admin}/readyz?verbose, /certs, /config_dump; and of the sidecars:")
    for name, workload in sorted(running.workloads.items()):
        show.fact("", f"http://{workload.admin} of {name}, whose process is {workload.program.pid}")
    show.fact("end", "Ctrl-C")
    show.blank()
    show.heading(f"its own visitors, {RATE:.0f} a second, half of them by HTTPS")
