"""The agent: the parent of a proxy's workers. It reads the configuration, holds sockets, keys and counters, and serves nobody.

A configuration comes into force in one go or not at all: it is decoded and checked, its certificates are read, its addresses
bound, its access log opened, and each worker agrees; whatever fails, everything stays as it was, and the reason is logged and
shown by the admin server.
"""

import os
import resource
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

import trio

from hauberk_core.agent.admin import AdminServer
from hauberk_core.agent.cgroup import memory_group
from hauberk_core.agent.counters import Counters
from hauberk_core.agent.drain import longest_drain
from hauberk_core.agent.export.settings import ExportSettings, read_settings
from hauberk_core.agent.export.start import ExportImpossible, make_exporter
from hauberk_core.agent.file_watch import FileWatch
from hauberk_core.agent.handover.handover import Handover, take_over
from hauberk_core.agent.limits import LimitMistake, WorkerLimits, worker_limits
from hauberk_core.agent.log_file import LogFileError, open_log_file
from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.agent.minded import wait_unminded
from hauberk_core.agent.options import AgentOptions, Companion
from hauberk_core.agent.pages import make_pages
from hauberk_core.agent.process import UpdateRefused
from hauberk_core.agent.secrets import NO_SECRETS, read_secrets, secret_files, without_unbelievable
from hauberk_core.agent.sockets import BindError, ListenerSockets, places
from hauberk_core.agent.source import Source, SourceFailed
from hauberk_core.agent.state import AgentState, Check
from hauberk_core.agent.supervisor import StartFailed, Supervisor
from hauberk_core.agent.target import Target
from hauberk_core.agent.tracing import why_not, with_tracing
from hauberk_core.agent.watch import SETTLE_SECONDS, Stamps, poll_pause, take_stamps
from hauberk_core.agent.wire import WireError
from hauberk_core.garbage import settle
from hauberk_core.model.address import Address
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.observe.span_meters import SpanMeters

if TYPE_CHECKING:
    from hauberk_core.agent.export.exporter import SpanExporter

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
# How long certificates that do not fit together are taken for a rotation that is under way: two files are never replaced at once.
_ROTATION_PATIENCE: Final = 1.0
# How long an agent that has taken over an admin server's socket waits with its answers until it is ready.
_ADMIN_PATIENCE: Final = 5.0
# Descriptors a process may need: half a million connections, each with one to its endpoint.
_MOST_FILES: Final = 1 << 20
# After a drain, for the spans of the last exchanges.
_LAST_SPANS_SECONDS: Final = 1.0
_REFUSALS: Final = (ConfigErrors, BindError, LogFileError, UpdateRefused, WireError)


# Met on the way into force, these are of the machine rather than of the configuration: a port that is taken, a log that cannot be
# written, a certificate's file that is not there yet.
_PASSING: Final = (ConfigErrors, BindError, LogFileError)


class _Refused(Exception):
    """A configuration did not come into force."""

    def __init__(self, error: Exception, *, passing: bool) -> None:
        super().__init__(str(error))
        self.error: Final = error
        self.passing: Final = passing


class AgentFailed(Exception):
    """The agent cannot start, or cannot go on; the message is for a person and says what to do."""


def run_agent(source: Source, options: AgentOptions, started: Callable[["Agent"], None] | None = None) -> int:
    """Run a proxy until SIGTERM or Ctrl-C; log to standard error.

    The first signal drains: no new connections, what is in flight is finished. A second Ctrl-C ends everything at once. Below a
    service manager that has our sockets, SIGHUP leaves the workers to the process that comes next.

    Args: started - called when all workers serve the first configuration.
    Returns: the process's exit status.
    """
    configure_logging()
    handover = take_over(os.environ)
    _raise_file_limit()

    def serving(agent: Agent) -> None:
        settle()
        if started is not None:
            started(agent)

    try:
        return trio.run(_run_with_signals, source, options, handover, serving, strict_exception_groups=True)
    except KeyboardInterrupt:  # before the signals were ours
        return EXIT_INTERRUPTED


async def serve_agent(
    source: Source, options: AgentOptions, *, task_status: "trio.TaskStatus[Agent]" = trio.TASK_STATUS_IGNORED
) -> None:
    """Run a proxy inside a program that runs trio already. Started once all workers serve the first configuration.

    Raises: AgentFailed.
    Cancellation: ends the workers at once; call `Agent.drain` before to let them finish.
    """
    agent = Agent(source, options)
    await agent.run(task_status=task_status)


async def _run_with_signals(
    source: Source, options: AgentOptions, handover: Handover, started: Callable[["Agent"], None] | None
) -> int:
    try:
        agent = Agent(source, options, handover)
    except AgentFailed as error:
        LOG.error("%s", error)
        return EXIT_FAILED
    status = EXIT_DONE
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                nonlocal status
                try:
                    await agent.run(started=started)
                except AgentFailed as error:
                    LOG.error("%s", error)
                    status = EXIT_FAILED
                nursery.cancel_scope.cancel()

            async def end_unminded() -> None:
                await wait_unminded(options.environ)
                LOG.warning("whoever started this proxy has gone; it ends too")
                await agent.drain(agent.drain_seconds())

            nursery.start_soon(run)
            nursery.start_soon(end_unminded)
            async for number in signals:
                if number == signal.SIGINT and agent.state.draining:
                    LOG.warning("interrupted again: what is in flight is lost")
                    status = EXIT_INTERRUPTED
                    nursery.cancel_scope.cancel()
                elif number == signal.SIGHUP and handover.is_succeeded and not agent.state.draining:
                    await agent.leave()
                elif not agent.state.draining and number == signal.SIGINT:
                    nursery.start_soon(agent.drain, options.quick_drain_seconds)
                elif not agent.state.draining:
                    nursery.start_soon(agent.drain_when_known)
    return status


class Agent:
    """One proxy's agent."""

    def __init__(self, source: Source, options: AgentOptions, handover: Handover | None = None) -> None:
        """Prepare. Args: handover - what is taken over, and left; the agent closes it.

        Raises: AgentFailed if the environment says what no limit can be.
        """
        handover = handover or take_over({})
        self._source: Final = source
        self._options: Final = options
        self._counters: Final = Counters(options.workers)
        self._handover: Final = handover
        self._sockets: Final = ListenerSockets(options.workers, handover.inherited)
        self._admin: AdminServer | None = None
        self._in_force: Final = trio.Event()
        """A first configuration is."""
        self._export_settings, self._export_warnings = _export_settings(options)
        self._exporter: SpanExporter | None = None
        self._limits: Final = _worker_limits(options)
        command = (*options.worker_command, f"--workers={options.workers}", *self._limits.arguments())
        if self._export_settings is not None:
            command = (*command, "--spans=1")
        self._supervisor: Final = Supervisor(command, options.workers, self._counters, handover.lifeline, self._take_spans)
        self._applying: Final = trio.Lock()
        self._access_log = -1
        self._access_log_file = ""
        self._wanted = Snapshot()
        """The latest configuration that could be read, in force or not."""
        self._secret_stamps: Stamps = {}
        self._cut_off: frozenset[str] = frozenset()
        """Why clusters are not reached whose authorities cannot be read."""
        """Of its certificates' files, when they were read last."""
        self._secret_watch: Final = FileWatch()
        self._number = 0
        self.state: Final = AgentState(self._counters, self._supervisor, self._all_checks, options.service_name)
        self.admin_address: Address | None = None
        """Where the admin server listens."""
        self._scope: Final = trio.CancelScope()

    def addresses(self) -> dict[str, Address]:
        """Where each listener listens, with the port that was chosen for port 0."""
        return dict(self.state.addresses)

    def _all_checks(self) -> list[Check]:
        """What readiness depends on beyond the agent itself."""
        companion = self._options.companion
        return [*self._source.checks(), *(() if companion is None else companion.checks())]

    def drain_seconds(self) -> float:
        """What exchanges in flight get when nobody is in a hurry."""
        if self._options.drain_seconds is not None:
            return self._options.drain_seconds
        target = self.state.target
        # Workers serve the first configuration a moment before it is called in force.
        snapshot = self._wanted if target is None else target.snapshot
        return longest_drain(snapshot.listeners.values())

    async def run(
        self,
        started: Callable[["Agent"], None] | None = None,
        task_status: "trio.TaskStatus[Agent]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Start, serve until drained or cancelled, and leave nothing behind.

        Raises: AgentFailed.
        """
        try:
            with self._scope:
                await self._serve(started, task_status)
        except BaseExceptionGroup as group:
            failures, others = group.split((AgentFailed, StartFailed, SourceFailed))
            if failures is None or others is not None:
                raise
            raise AgentFailed(_first_message(failures)) from group
        finally:
            self._sockets.close()
            self._secret_watch.close()
            self._replace_access_log(-1, "")
            self._handover.close()
            self._counters.close()

    async def drain(self, seconds: float) -> None:
        """Accept nothing more, give exchanges in flight `seconds`, and make `run` return."""
        self.state.draining = True
        if self._admin is not None and self._handover.is_managed:
            self._admin.leave()
        await self._handover.stopping()
        LOG.info("draining: what is in flight gets %.0f s", seconds)
        # Workers hold theirs until they have taken what waits; afterwards new connections are refused at once, not left waiting.
        self._sockets.close()
        await self._supervisor.drain(seconds)
        if self._exporter is not None:
            await self._exporter.finish(_LAST_SPANS_SECONDS)
        self._scope.cancel()

    async def drain_when_known(self) -> None:
        """Say that it is not ready, and drain when whoever sends new connections has had the time to hear that."""
        self.state.draining = True
        if self._options.linger_seconds > 0:
            LOG.info("not ready any more; draining in %.0f s", self._options.linger_seconds)
            await trio.sleep(self._options.linger_seconds)
        await self.drain(self.drain_seconds())

    async def leave(self) -> NoReturn:
        """End this process at once, for another one that its manager starts; the workers serve on until that one's do."""
        LOG.info("leaving; the workers serve on until another agent's do")
        if self._exporter is not None:
            await self._exporter.finish(_LAST_SPANS_SECONDS)
        # Whatever ends in order takes its workers along.
        os._exit(EXIT_DONE)

    async def _serve(self, started: Callable[["Agent"], None] | None, task_status: "trio.TaskStatus[Agent]") -> None:
        async with trio.open_nursery() as nursery:
            if self._options.admin:
                try:
                    self._admin = AdminServer(self._options.admin, make_pages(self.state), self._handover.inherited)
                except BindError as error:
                    raise AgentFailed(str(error)) from error
                self.admin_address = self._admin.address
                nursery.start_soon(self._serve_admin, self._admin)
            if self._options.companion is not None:
                nursery.start_soon(self._run_companion, self._options.companion)
            LOG.info("each worker takes at most %s", self._limits.shown())
            for warning in self._export_warnings:
                LOG.warning("%s", warning)
            if self._export_settings is not None:
                self._exporter = _new_exporter(self._export_settings, self._counters)
                LOG.info("spans are exported to %s", self._exporter.shown_url)
                nursery.start_soon(_export_spans, self._exporter)
            nursery.start_soon(self._source.run)
            while not await self._start(nursery):
                pass
            if started is not None:
                started(self)
            task_status.started(self)
            nursery.start_soon(self._follow_source)
            nursery.start_soon(self._follow_secrets)
            nursery.start_soon(self._follow_manager)

    async def _run_companion(self, companion: Companion) -> None:
        try:
            await companion.run(self.state)
        except BaseExceptionGroup as group:
            failed, others = group.split(BindError)
            if failed is None or others is not None:
                raise
            raise AgentFailed(_first_message(failed)) from group

    async def _serve_admin(self, admin: AdminServer) -> None:
        if self._handover.inherited.names:
            # The agent before may still answer there, and is ready; this one is not, which nobody wants to hear.
            with trio.move_on_after(_ADMIN_PATIENCE):
                await self._in_force.wait()
        await admin.serve()

    async def _start(self, nursery: trio.Nursery) -> bool:
        """Bring the first configuration into force; False if it was refused and the source may bring another one."""
        try:
            await self._bring_next(nursery)
        except _Refused as refused:
            error = refused.error
            if self._source.patient:
                self._refuse("configuration", error)
            await self._source.refused(str(error), refused.passing)
            if not self._source.patient:
                raise AgentFailed(f"the configuration is refused:\n{error}") from error
            return False
        await self._source.accepted()
        return True

    async def _run_workers(self, target: Target, task_status: trio.TaskStatus[None]) -> None:
        try:
            await self._supervisor.run(target, task_status)
        except BaseExceptionGroup as group:
            if (failed := group.subgroup(StartFailed)) is not None:
                await self._source.refused(_first_message(failed))
            raise

    async def _bring_next(self, start_in: trio.Nursery | None) -> None:
        """Take the source's next configuration and bring it into force. Raises: _Refused."""
        try:
            await self._want_next()
        except _REFUSALS as error:
            raise _Refused(error, passing=False) from error
        try:
            await self._apply(start_in)
        except _REFUSALS as error:
            raise _Refused(error, passing=isinstance(error, _PASSING)) from error

    async def _want_next(self) -> None:
        snapshot, warnings = await self._source.next()
        self._wanted = with_tracing(snapshot, self._export_settings)
        for warning in warnings:
            LOG.warning("%s", warning)

    async def _follow_source(self) -> None:
        while True:
            try:
                await self._bring_next(None)
            except _Refused as refused:
                self._refuse("configuration", refused.error)
                await self._source.refused(str(refused.error), refused.passing)
            else:
                await self._source.accepted()

    async def _follow_secrets(self) -> None:
        """Reread certificates and trust bundles when their files change."""
        wrong_since: float | None = None
        reported: Stamps = {}
        while True:
            if wrong_since is None:
                await self._secret_watch.wait_change()
            else:
                await trio.sleep(poll_pause(len(self._secret_stamps)))
            stamps = take_stamps(self._secret_stamps)
            if (stamps == self._secret_stamps and wrong_since is None) or stamps == reported:
                continue
            await trio.sleep(SETTLE_SECONDS)
            if take_stamps(stamps) != stamps:
                continue
            try:
                await self._apply(None)
            except _REFUSALS as error:
                if wrong_since is None:
                    wrong_since = trio.current_time()
                if trio.current_time() - wrong_since >= _ROTATION_PATIENCE:
                    self._refuse("certificates", error)
                    wrong_since = None
                    reported = stamps
            else:
                wrong_since = None
                reported = {}

    async def _follow_manager(self) -> None:
        await self._handover.wait_abandoned()
        if not self.state.draining:
            LOG.error("whoever minded this proxy is gone")
            await self.drain(self.drain_seconds())

    def _take_spans(self, spans: list[bytes]) -> None:
        if self._exporter is not None:
            self._exporter.take(spans)

    def _refuse(self, what: str, error: Exception) -> None:
        if self.state.refusals.get(what) == str(error):
            return  # tried again, in vain
        self.state.refusals[what] = str(error)
        LOG.error("%s refused; what was in force serves on\n%s", what, error)

    async def _apply(self, start_in: trio.Nursery | None) -> None:
        """Bring the wanted configuration into force.

        Args: start_in - given the first time: where the workers are to run.
        Raises: one of _REFUSALS; everything is then as it was. StartFailed, inside a group, if the workers do not come up.
        """
        async with self._applying:
            source = self._source
            snapshot = self._wanted
            before = self.state.target
            files = secret_files(snapshot, source.folder, source.certificates, source.trust)
            self._secret_watch.follow(files)
            self._secret_stamps = take_stamps(files)
            if files and source.by_others:
                cut_off = partial(without_unbelievable, snapshot, source.folder, source.trust)
                snapshot, reasons = await trio.to_thread.run_sync(cut_off)
                for reason in reasons:
                    if reason not in self._cut_off:
                        LOG.warning("%s", reason)
                self._cut_off = frozenset(reasons)
            known = NO_SECRETS if before is None else before.secrets
            read = partial(read_secrets, snapshot, source.folder, source.certificates, source.trust, known)
            # A thread takes longer to wake than what is in memory takes to look at.
            secrets = await trio.to_thread.run_sync(read) if files else read()
            if before is not None and before.snapshot == snapshot and before.secrets.resources == secrets.resources:
                self.state.refusals.clear()
                return
            addresses = places(snapshot.listeners)
            if self._sockets.has(addresses):
                change = self._sockets.prepare(addresses)
            else:
                # In a thread, because an address may be a name that has to be looked up.
                change = await trio.to_thread.run_sync(self._sockets.prepare, addresses)
            access_log = self._access_log
            try:
                access_log, file = self._open_access_log(snapshot)
                target = Target(self._number + 1, snapshot, secrets, change.by_name, access_log, before)
                if start_in is not None:
                    await start_in.start(self._run_workers, target)
                else:
                    await self._supervisor.roll_out(target)
            except BaseException:
                change.drop()
                if access_log != self._access_log:
                    os.close(access_log)
                raise
            change.keep()
            self._replace_access_log(access_log, file)
            self._number = target.number
            self.state.target = target
            self.state.refusals.clear()
            self.state.addresses = {name: bound.address for name, bound in change.by_name.items()}
            _report(target, before, self.state.addresses)
            admin = {} if self._admin is None else {self._options.admin: self._admin.bound}
            await self._handover.follow(self._sockets.by_key(), admin)
            self._in_force.set()

    def _open_access_log(self, snapshot: Snapshot) -> tuple[int, str]:
        """The descriptor of the file that the snapshot names, opened unless it is open already, and that name."""
        if snapshot.access_log is None:
            return -1, ""
        file = snapshot.access_log.file
        if file == self._access_log_file:
            return self._access_log, file
        return open_log_file(file, self._source.folder), file

    def _replace_access_log(self, descriptor: int, file: str) -> None:
        if self._access_log not in {-1, descriptor}:
            os.close(self._access_log)
        self._access_log = descriptor
        self._access_log_file = file


def _worker_limits(options: AgentOptions) -> WorkerLimits:
    group = memory_group()
    memory = 0
    if group is not None:
        memory = group.limit
        group.close()
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        return worker_limits(options.environ, options.workers, memory, _MOST_FILES if descriptors < 0 else descriptors)
    except LimitMistake as error:
        raise AgentFailed(str(error)) from error


def _export_settings(options: AgentOptions) -> tuple[ExportSettings | None, list[str]]:
    """How to export spans, None where nobody makes any; and warnings."""
    settings, warnings = read_settings(options.environ, options.service_name)
    problem = "" if settings is None else why_not(options.environ)
    if problem:
        return None, [*warnings, f"no spans are made, although an endpoint for them is given: {problem}"]
    return settings, warnings


def _new_exporter(settings: ExportSettings, counters: Counters) -> "SpanExporter":
    try:
        return make_exporter(settings, SpanMeters(counters.own_cells()))
    except ExportImpossible as error:
        raise AgentFailed(str(error)) from error


async def _export_spans(exporter: "SpanExporter") -> None:
    try:
        await exporter.run()
    except Exception:
        LOG.exception("spans are exported no more; the traffic goes on")


def _report(target: Target, before: Target | None, addresses: dict[str, Address]) -> None:
    """Log what is in force now."""
    version = target.snapshot.version
    LOG.info("configuration %d is in force%s", target.number, f", version {version!r}" if version else "")
    for name, address in addresses.items():
        if before is None or before.sockets.get(name) is not target.sockets[name]:
            LOG.info("listener %s listens on %s", name, address)
    for name, cluster in target.snapshot.clusters.items():
        if cluster.transport.security == "tls" and not cluster.transport.verify:
            LOG.warning("cluster %s takes any certificate (verify is false): whoever stands between can read along", name)


def _first_message(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _raise_file_limit() -> None:
    """Allow as many open files as we may: each connection takes two, and many systems start with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
