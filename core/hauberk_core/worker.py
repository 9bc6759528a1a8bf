"""A worker process: one proxy core on one loop, fed by its agent. Started by exec: `python -m hauberk_core.worker`.

It starts with nothing but a socket to its agent and a file for its counters, is told what to serve, and ends when it is drained:
by the agent's word, by SIGTERM, or because the agent is gone and another one has taken over, or none will.
"""

import os
import random
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import trio

from hauberk_core.agent.assembly import Assembly, AssemblyError
from hauberk_core.agent.cluster_views import CLUSTERS, view_clusters
from hauberk_core.agent.drain import longest_drain
from hauberk_core.agent.limit_keeper import LimitKeeper
from hauberk_core.agent.limits import WorkerLimits
from hauberk_core.agent.link import Link
from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.agent.span_sender import SpanSender
from hauberk_core.agent.watchdog import Watchdog
from hauberk_core.agent.wire import Ack, Ask, Delta, Drain, Hello, Message, Nack, Told, WireError
from hauberk_core.agent.worker_log import WorkerLog
from hauberk_core.agent.worker_plugins import WorkerPlugins
from hauberk_core.garbage import settle
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.span import EXPORTED_AS
from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import new_poller
from hauberk_core.net.reactor import run_reactor
from hauberk_core.net.sockets import SocketTransport
from hauberk_core.observe.cells import Cells
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.shared_cells import SharedCells
from hauberk_core.observe.span_meters import SpanMeters
from hauberk_core.plugin.tasks import TaskWaiting
from hauberk_core.proxy.core import ProxyCore
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.resolver import SystemResolver

# A manager starts another agent within seconds, several times if need be; what this worker serves by gets old meanwhile.
SUCCESSION_SECONDS: Final = 60.0
# How old a log line may get before it is written, and a gauge before it is brought up to date.
_HOUSEKEEPING_SECONDS: Final = 1.0
# Connections end inside the loop, which knows no tasks: a draining worker looks, this often.
_DRAIN_LOOK_SECONDS: Final = 0.02
# A fault that every request runs into must not fill the log: one with its trace in this time, the others are counted.
_FAULT_SECONDS: Final = 1.0


class Arguments(NamedTuple):
    """What the agent hands to a worker at its start."""

    number: int
    link: int
    """Descriptor of the socket to the agent."""
    cells: int
    """Descriptor of the counters' file."""
    lifeline: int
    """Descriptor of a pipe: once the agent is gone, its end tells that none will take over, or that one has."""
    spans: int = 0
    """1: the agent exports spans."""
    shared: int = -1
    """Descriptor of the file that all workers share; -1: this worker shares with nobody."""
    workers: int = 1
    """How many there are."""
    connections: int = 0
    """Its limits (`agent.limits`); 0 of any: none."""
    streams: int = 0
    memory: int = 0
    buffers: int = 0
    loop_delay: int = 0
    """Milliseconds."""

    def limits(self) -> WorkerLimits:
        """What it is held to."""
        return WorkerLimits(self.connections, self.streams, self.memory, self.buffers, self.loop_delay / 1000)

    @classmethod
    def parse(cls, words: list[str]) -> "Arguments":
        """Read `--name=value` words. Raises: ValueError."""
        values: dict[str, int] = {}
        for word in words:
            name, _, value = word.partition("=")
            values[name] = int(value)
        try:
            return cls(
                number=values["--number"],
                link=values["--link"],
                cells=values["--cells"],
                lifeline=values["--lifeline"],
                spans=values.get("--spans", 0),
                shared=values.get("--shared", -1),
                workers=values.get("--workers", 1),
                connections=values.get("--connections", 0),
                streams=values.get("--streams", 0),
                memory=values.get("--memory", 0),
                buffers=values.get("--buffers", 0),
                loop_delay=values.get("--loop-delay", 0),
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error


def main() -> int:
    """Serve until drained. Returns the exit status."""
    try:
        arguments = Arguments.parse(sys.argv[1:])
    except ValueError as error:
        sys.stderr.write(f"a worker is started by its agent, not by hand ({error}); run: hauberk proxy --help\n")
        return 2
    configure_logging(f"worker {arguments.number}: ")
    # Python reports what raises where nobody can catch it, for example a server name that is no ASCII within a handshake. Clients
    # can provoke that at will; the log must not grow with it.
    sys.unraisablehook = LoggedFaults().unraisable
    # Interrupting is between the person and the agent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    trio.run(Worker(arguments).run, strict_exception_groups=True)
    return 0


class Worker:
    """The process's tasks, and what they share."""

    def __init__(self, arguments: Arguments) -> None:
        self._link: Final = Link(socket.socket(fileno=arguments.link))
        self._sending: Final = trio.Lock()
        cells = Cells(arguments.cells)
        os.close(arguments.cells)
        self._lifeline: Final = arguments.lifeline
        self._meters: Final = ProxyMeters(cells)
        self._spans: Final = SpanSender(self._send, SpanMeters(cells)) if arguments.spans else None
        self._loop: Final = Loop(Clock(), new_poller(), LoggedFaults())
        self._slow: trio.Nursery
        # The file stays open: its lock is the worker's as long as it is.
        shared = SharedCells(arguments.shared, arguments.number if arguments.shared >= 0 else 0)
        plugins = WorkerPlugins(self._loop.clock, cells, shared, self._export)
        self._assembly: Final = Assembly(plugins.pool)
        self._core: Final = ProxyCore(
            self._loop,
            SocketTransport(),
            self._meters,
            None,
            SystemResolver(self._loop, self.spawn_slow),
            LibraryCodecs(),
            random.random,
            os.urandom,
            TaskWaiting(self._loop, self._start_slow),
        )
        self._limits: Final = LimitKeeper(self._core, arguments.limits(), arguments.workers)
        self._watchdog: Final = Watchdog(self._loop, plugins.running, plugins.blocked)
        self._serves = False
        self._log: Final = WorkerLog(self._core, self._meters)
        self._drain_seconds = longest_drain([])
        self._drain: Final = trio.Event()

    async def run(self) -> None:
        """Serve until drained."""
        async with trio.open_nursery() as nursery, trio.open_nursery() as slow:
            self._slow = slow
            nursery.start_soon(run_reactor, self._loop)
            nursery.start_soon(self._follow_agent)
            nursery.start_soon(self._follow_signals)
            nursery.start_soon(self._keep_house)
            nursery.start_soon(self._limits.run, self._watchdog)
            if self._spans is not None:
                nursery.start_soon(self._spans.run)
            await self._drain.wait()
            await self._finish()
            nursery.cancel_scope.cancel()

    def spawn_slow(self, function: Callable[[str], Awaitable[None]], name: str) -> None:
        """Run something that waits in a task beside the loop. Its faults are logged and touch nobody else."""
        self._slow.start_soon(self._run_slow, function, name)

    def _start_slow(self, function: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._slow.start_soon(function, *arguments)

    def _export(self, kind: str, data: bytes) -> bool:
        """Queue what a plugin exports for the agent. Returns whether it was taken."""
        if kind != EXPORTED_AS or self._spans is None:
            return False
        return self._spans.queue.put(data)

    async def _run_slow(self, function: Callable[[str], Awaitable[None]], name: str) -> None:
        try:
            await function(name)
        except Exception:
            LOG.exception("a task for %s failed", name)

    async def _follow_agent(self) -> None:
        try:
            await self._send(Hello(os.getpid()))
            while (received := await self._link.receive()) is not None:
                message, descriptors = received
                match message:
                    case Delta():
                        await self._send(self._serve(message, descriptors))
                    case Drain():
                        self._begin_drain(message.seconds)
                    case Ask():
                        await self._send(Told(message.number, self._tell(message.topic)))
                    case _:
                        raise WireError(f"the agent sent a {type(message).__name__}")
        except (OSError, WireError) as error:
            LOG.error("the link to the agent broke: %s", error)
        if not self._drain.is_set():
            await self._await_succession()
        self._begin_drain(self._drain_seconds)

    async def _await_succession(self) -> None:
        """The agent is gone: serve on until the workers of another one do, or nobody is left who might start one."""
        LOG.warning("the agent is gone; serving until another one has taken over")
        with trio.move_on_after(SUCCESSION_SECONDS) as scope:
            await trio.lowlevel.wait_readable(self._lifeline)
        if scope.cancelled_caught:
            LOG.error("no other agent came within %.0f s; draining", SUCCESSION_SECONDS)
        else:
            LOG.warning("another agent has taken over, or none will; draining")

    async def _send(self, message: Message) -> None:
        """Send to the agent, one after the other. Raises: as `Link.send`."""
        async with self._sending:
            await self._link.send(message)

    async def _follow_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                self._begin_drain(self._drain_seconds)

    def _begin_drain(self, seconds: float) -> None:
        if not self._drain.is_set():
            self._drain_seconds = seconds
            self._drain.set()

    def _serve(self, delta: Delta, descriptors: list[int]) -> Ack | Nack:
        """Put a delta into force, or say why not."""
        try:
            step = self._assembly.prepare(delta, descriptors)
        except AssemblyError as error:
            return Nack(delta.number, [str(error)])
        try:
            self._core.apply(step.update)
        except Exception as error:
            LOG.exception("configuration %d could not be put to use", delta.number)
            self._assembly.drop(step)
            return Nack(delta.number, [f"{type(error).__name__}: {error}"])
        self._assembly.keep(step)
        self._log.follow(step.update.access_log, step.access_log)
        self._drain_seconds = longest_drain([listener for listener, _ in step.update.listeners.values()])
        if not self._serves:
            self._serves = True
            settle()
        return Ack(delta.number)

    def _tell(self, topic: str) -> bytes:
        """What the agent's admin server asks: see `agent.cluster_views`."""
        if topic == CLUSTERS:
            return view_clusters(self._core.clusters())
        return b""

    async def _keep_house(self) -> None:
        while True:
            await trio.sleep(_HOUSEKEEPING_SECONDS)
            self._meters.requests_active(self._core.exchanges())
            self._log.flush()

    async def _finish(self) -> None:
        """Let what is in flight end, within the deadline, and write the last lines of the log."""
        self._core.drain()
        with trio.move_on_after(self._drain_seconds):
            while self._core.active():  # noqa: ASYNC110 - see the constant
                await trio.sleep(_DRAIN_LOOK_SECONDS)
        await self._log.finish()
        if self._spans is not None:
            await self._spans.finish()


class LibraryCodecs(OtherCodecs):
    """The machines on h11 and h2, which are loaded when a configuration first asks for them."""

    def server(self, scheme: str, limits: HttpLimits) -> ServerMachine:
        from hauberk_core.http.h11_codec import H11Server

        return H11Server(scheme, limits)

    def client(self, limits: HttpLimits) -> ClientMachine:
        from hauberk_core.http.h11_codec import H11Client

        return H11Client(limits)

    def multiplexed_server(self, scheme: str, limits: HttpLimits) -> MultiplexedMachine:
        from hauberk_core.http.h2.library import LibraryMachine

        return LibraryMachine(False, scheme, limits)

    def multiplexed_client(self, limits: HttpLimits) -> MultiplexedMachine:
        from hauberk_core.http.h2.library import LibraryMachine

        return LibraryMachine(True, "", limits)


class LoggedFaults(FaultLog):
    """Writes faults of our own code to the log, with their traces, at a bounded rate."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Prepare. Args: clock - by which the rate is; None: the machine's."""
        self._clock: Final = clock or Clock()
        self._next = 0.0
        self._withheld = 0

    def fault(self, where: str, error: Exception) -> None:
        now = self._clock.now()
        if now < self._next:
            self._withheld += 1
            return
        withheld = f" ({self._withheld} more since the last one shown)" if self._withheld else ""
        self._next = now + _FAULT_SECONDS
        self._withheld = 0
        LOG.error("a fault of the proxy in %s%s", where, withheld, exc_info=error)

    def unraisable(self, fault: "sys.UnraisableHookArgs") -> None:
        """Python's hook for exceptions that nobody can catch."""
        if isinstance(fault.exc_value, Exception):
            self.fault(repr(fault.object)[:200], fault.exc_value)


if __name__ == "__main__":
    sys.exit(main())
