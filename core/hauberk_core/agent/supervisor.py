"""Keeps the workers running and brings them, together, from one configuration to the next.

Every worker has a place with a number. A task minds each place: it starts a process, gives it the configuration in force,
declares it ready, waits for its end, and starts over. The place's listening sockets outlive the process, so that a killed worker
costs its own exchanges in flight and nothing else.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import trio

from hauberk_core.agent.counters import Counters
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.process import UpdateRefused, WorkerGone, WorkerProcess, start_worker
from hauberk_core.agent.target import Target

# A worker that dies now and then is replaced at once; one that dies again within this time, or never comes up, waits longer each
# time.
_STEADY_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
# More would not help: what fails three times in a row at the very start fails for a reason that stays.
_ATTEMPTS_AT_START: Final = 3
# Beyond the drain's deadline, for a worker to write its last log lines and exit.
_EXIT_SECONDS: Final = 2.0
# A worker answers questions between two requests; one that is just taking a large configuration is not waited for.
ASK_SECONDS: Final = 3.0
# How long a change of configuration waits for a place whose worker is just being replaced.
_REPLACEMENT_SECONDS: Final = 10.0


class StartFailed(Exception):
    """The workers do not come up at all; the message says why."""


class PlaceStatus(NamedTuple):
    """What is known of one worker's place."""

    place: int
    pid: int
    """Of the process that is ready; 0 while there is none."""
    starts: int
    configuration: int
    """Number of the configuration that it serves with."""
    problem: str
    """How the last process ended, or why the last start failed; empty if nothing ever went wrong."""


class _Place:
    def __init__(self, index: int) -> None:
        self.index: Final = index
        self.worker: WorkerProcess | None = None
        """The process that is ready."""
        self.became_ready = trio.Event()
        self.starts = 0
        self.failed_starts = 0
        self.problem = ""


class Supervisor:
    """The workers of one agent."""

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        counters: Counters,
        lifeline: int,
        take_spans: Callable[[list[bytes]], None],
    ) -> None:
        """Prepare.

        Args: lifeline - a descriptor for every worker, see `handover`; take_spans - called with the spans that workers send; it
        must not block.
        """
        self._command: Final = command
        self._lifeline: Final = lifeline
        self._take_spans: Final = take_spans
        self._counters: Final = counters
        self._places: Final = [_Place(index) for index in range(workers)]
        self._draining = False
        self._target: Target | None = None
        self._listeners: trio.Nursery
        self._scope: Final = trio.CancelScope()

    def status(self) -> list[PlaceStatus]:
        """Every place, as it is now."""
        statuses: list[PlaceStatus] = []
        for place in self._places:
            worker = place.worker
            number = worker.applied.number if worker is not None and worker.applied is not None else 0
            statuses.append(PlaceStatus(place.index, worker.process.pid if worker else 0, place.starts, number, place.problem))
        return statuses

    async def ask(self, topic: str) -> list[bytes]:
        """What the workers that are ready know of `topic`, each as JSON, in the order of their places.

        Who dies, or does not answer within ASK_SECONDS, is left out.
        """
        answers: dict[int, bytes] = {}

        async def ask_one(place: int, worker: WorkerProcess) -> None:
            with suppress(WorkerGone):
                answers[place] = await worker.ask(topic)

        with trio.move_on_after(ASK_SECONDS):
            async with trio.open_nursery() as nursery:
                for place in self._places:
                    if place.worker is not None:
                        nursery.start_soon(ask_one, place.index, place.worker)
        return [answers[place] for place in sorted(answers)]

    async def run(self, target: Target, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the workers, with `target` to begin with, until all have been drained. Started once all are ready.

        Raises: StartFailed if they do not come up.
        Cancellation: kills the workers.
        """
        self._target = target
        with self._scope:
            async with trio.open_nursery() as nursery:
                self._listeners = nursery
                for place in self._places:
                    nursery.start_soon(self._mind, place)
                for place in self._places:
                    await place.became_ready.wait()
                task_status.started()

    async def roll_out(self, target: Target) -> None:
        """Bring all workers to `target`; those that are being replaced get it as they start. One roll-out at a time.

        Raises: UpdateRefused if one refused it; all are then back at the configuration before.
        """
        reasons: list[str] = []
        async with trio.open_nursery() as nursery:
            for place in self._places:
                nursery.start_soon(self._update_place, place, target, reasons)
        if reasons:
            for place in self._places:
                await self._settle(place)
            raise UpdateRefused(list(dict.fromkeys(reasons)))
        self._target = target
        # A process that became ready while the others were updated still has the configuration before.
        for place in self._places:
            await self._settle(place)

    async def _update_place(self, place: _Place, target: Target, reasons: list[str]) -> None:
        # Twice: a worker that was killed by somebody just now is no reason to refuse a configuration, one that dies of it is.
        for _ in range(2):
            with trio.move_on_after(_REPLACEMENT_SECONDS):
                await place.became_ready.wait()
            worker = place.worker
            if worker is None:
                return
            try:
                await worker.update(target)
            except UpdateRefused as error:
                reasons.extend(error.reasons)
                return
            except WorkerGone as error:
                self._discard(place, worker, str(error))
                continue
            return
        reasons.append(f"worker {place.index} died of it twice: {place.problem}")

    async def _settle(self, place: _Place) -> None:
        """Bring a ready worker to the configuration in force; one that cannot follow is replaced."""
        worker = place.worker
        if worker is None or self._target is None:
            return
        try:
            await worker.update(self._target)
        except (UpdateRefused, WorkerGone) as error:
            LOG.error("worker %d cannot follow the configuration and is replaced: %s", place.index, error)
            self._discard(place, worker, str(error))

    def _discard(self, place: _Place, worker: WorkerProcess, problem: str) -> None:
        """The worker is of no use any more; its place is minded as if it had died."""
        place.problem = problem
        if place.worker is worker:
            place.worker = None
            place.became_ready = trio.Event()
        worker.process.kill()

    async def _mind(self, place: _Place) -> None:
        pause = 0.0
        while not self._draining:
            begun = trio.current_time()
            try:
                await self._run_worker(place)
            except (OSError, WorkerGone, UpdateRefused) as error:
                place.problem = str(error)
            if self._draining:
                return
            if place.failed_starts >= _ATTEMPTS_AT_START and all(other.starts == other.failed_starts for other in self._places):
                raise StartFailed(f"worker {place.index} did not start, {place.failed_starts} times over: {place.problem}")
            if trio.current_time() - begun >= _STEADY_SECONDS:
                pause = 0.0
            LOG.error("worker %d is replaced%s: %s", place.index, f" in {pause:.1f} s" if pause else "", place.problem)
            await trio.sleep(pause)
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)

    async def _run_worker(self, place: _Place) -> None:
        """Start a process, make it ready, and wait for its end.

        Raises: OSError, WorkerGone, UpdateRefused if it did not become ready; no process is left then.
        """
        assert self._target is not None
        place.starts += 1
        place.failed_starts += 1
        shared = self._counters.shared
        descriptor, reader = self._counters.open()
        try:
            try:
                worker = await start_worker(self._command, place.index, descriptor, shared.descriptor, self._lifeline, reader)
            finally:
                os.close(descriptor)
            try:
                # Ends with the link, which is closed below.
                self._listeners.start_soon(worker.listen, self._take_spans)
                await worker.wait_hello()
                # The configuration may change while the worker takes this one.
                while worker.applied is not self._target:
                    await worker.update(self._target)
                place.failed_starts = 0
                place.worker = worker
                place.became_ready.set()
                LOG.info("worker %d is ready, process %d", place.index, worker.process.pid)
                place.problem = await worker.wait_ended()
            finally:
                if place.worker is worker:
                    place.worker = None
                    place.became_ready = trio.Event()
                await worker.kill()
                worker.close_link()
        finally:
            self._counters.fold(reader)
            shared.clear(place.index)

    async def drain(self, seconds: float) -> None:
        """Tell all workers to finish, wait until they have, and end `run`. Who is late, or was just starting, is killed."""
        self._draining = True
        with trio.move_on_after(seconds + _EXIT_SECONDS) as scope:
            async with trio.open_nursery() as nursery:
                for place in self._places:
                    if place.worker is not None:
                        nursery.start_soon(_drain_worker, place.worker, seconds)
        if scope.cancelled_caught:
            LOG.warning("not all workers finished within %.0f s; what is still in flight is lost", seconds)
        self._scope.cancel()


async def _drain_worker(worker: WorkerProcess, seconds: float) -> None:
    await worker.drain(seconds)
    await worker.process.wait()
    await worker.wait_silent()
