"""One worker process, seen from the agent."""

import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

import trio

from hauberk_core.agent.link import Link
from hauberk_core.agent.target import Target
from hauberk_core.agent.wire import PROTOCOL, Ack, Ask, Drain, Hello, Message, Nack, Spans, Told, WireError
from hauberk_core.observe.cells_reader import CellsReader

# Python and its modules take 0.3 s on an idle machine; one that is a hundred times slower is in no state to serve.
START_SECONDS: Final = 30.0
# 40,000 routes are compiled in about 5 s. A worker that takes longer does not serve either: its loop stands still meanwhile.
ANSWER_SECONDS: Final = 30.0
# What a dead worker has sent waits in the kernel and is read at once, unless something else holds its end of the link open.
LAST_WORDS_SECONDS: Final = 1.0


class WorkerGone(Exception):
    """The worker has died, or is of no use any more and must be killed."""


class UpdateRefused(Exception):
    """A worker refused a configuration and serves on with the one before; `reasons` says why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons: Final = reasons


class WorkerProcess:
    """A running worker and what it has acknowledged."""

    def __init__(self, index: int, process: trio.Process, link: Link, reader: CellsReader) -> None:
        self.index: Final = index
        self.process: Final = process
        self.reader: Final = reader
        self.applied: Target | None = None
        """The configuration it serves with."""
        self._link: Final = link
        self._talking: Final = trio.Lock()
        # One question at a time, and so one answer.
        self._answers_in, self._answers = trio.open_memory_channel[Message](1)
        self._sending: Final = trio.Lock()
        self._asked = 0
        self._questions: Final[dict[int, trio.MemorySendChannel[bytes]]] = {}
        """Those that wait for what the worker tells, by number."""
        self._end = "it ended"
        self._silent: Final = trio.Event()

    async def listen(self, take_spans: Callable[[list[bytes]], None]) -> None:
        """Take what the worker sends, for as long as it may send anything: spans at once, answers for whoever asked.

        Nothing that it sends may wait, because a worker that waits for us does not answer.
        """
        try:
            while (received := await self._link.receive()) is not None:
                message = received[0]
                if isinstance(message, Spans):
                    take_spans(message.spans)
                elif isinstance(message, Told):
                    self._hand_over(message)
                else:
                    self._answers_in.send_nowait(message)
        except trio.WouldBlock:
            self._end = "it said more than it was asked"
        except (OSError, WireError, trio.ClosedResourceError) as error:
            self._end = str(error)
        finally:
            self._answers_in.close()
            for question in self._questions.values():
                question.close()
            self._silent.set()

    async def wait_silent(self) -> None:
        """Wait until everything that the worker has sent is taken: soon after its end."""
        await self._silent.wait()

    async def wait_hello(self) -> None:
        """Wait until the worker runs.

        Raises: WorkerGone.
        """
        with trio.move_on_after(START_SECONDS):
            message = await self._receive()
            if not isinstance(message, Hello):
                raise WorkerGone("it did not say hello")
            if message.protocol != PROTOCOL:
                raise WorkerGone(
                    f"it speaks version {message.protocol} of the link's protocol, the agent {PROTOCOL}: "
                    "the installation was replaced under a running proxy; restart it"
                )
            return
        raise WorkerGone(f"it was not up after {START_SECONDS:.0f} s")

    async def update(self, target: Target) -> None:
        """Bring the worker to `target`; returns once it serves with it.

        Raises: UpdateRefused; WorkerGone.
        Cancellation: the worker must be killed afterwards, because nobody knows what it serves.
        """
        async with self._talking:
            if self.applied is target:
                return
            delta, descriptors = target.delta_from(self.applied, self.index)
            with trio.move_on_after(ANSWER_SECONDS):
                await self._send(delta, descriptors)
                answer = await self._receive()
                match answer:
                    case Ack(number=target.number):
                        self.applied = target
                    case Nack(number=target.number):
                        raise UpdateRefused(answer.reasons)
                    case _:
                        raise WorkerGone("it answered to something it was not asked")
                return
            raise WorkerGone(f"it did not answer within {ANSWER_SECONDS:.0f} s")

    async def ask(self, topic: str) -> bytes:
        """What the worker knows of `topic`: JSON, or nothing if it does not know the topic.

        Raises: WorkerGone.
        Cancellation: safe; the answer is dropped when it comes.
        """
        self._asked += 1
        number = self._asked
        answer_in, answer = trio.open_memory_channel[bytes](1)
        with answer_in, answer:
            self._questions[number] = answer_in
            try:
                await self._send_question(Ask(number, topic))
                if self._silent.is_set():
                    raise WorkerGone(self._end)
                return await answer.receive()
            except trio.EndOfChannel:
                raise WorkerGone(self._end) from None
            finally:
                del self._questions[number]

    async def _send_question(self, question: Ask) -> None:
        # Half a frame would be the end of the link. A worker that does not even read serves nobody, and is replaced.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + ANSWER_SECONDS) as scope:
            await self._send(question, [])
        if scope.cancelled_caught:
            self.process.kill()
            raise WorkerGone(f"it took no question within {ANSWER_SECONDS:.0f} s")

    def _hand_over(self, told: Told) -> None:
        question = self._questions.get(told.number)
        if question is not None:  # else nobody waits any more
            question.send_nowait(told.data)

    async def drain(self, seconds: float) -> None:
        """Tell the worker to finish within `seconds`. If it cannot be told, its signal does it."""
        with trio.move_on_after(1.0):
            async with self._talking:
                try:
                    await self._send(Drain(seconds), [])
                except WorkerGone:
                    return  # it is ending already
                return
        self.process.terminate()

    async def _send(self, message: Message, descriptors: list[int]) -> None:
        async with self._sending:
            try:
                await self._link.send(message, descriptors)
            except (OSError, WireError, trio.ClosedResourceError) as error:
                raise WorkerGone(str(error)) from error

    async def _receive(self) -> Message:
        try:
            return await self._answers.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise WorkerGone(self._end) from None

    async def wait_ended(self) -> str:
        """Wait for the end of the process, and for its last words. Returns how it ended, for a person."""
        code = await self.process.wait()
        with trio.move_on_after(LAST_WORDS_SECONDS):
            await self.wait_silent()
        if code >= 0:
            return f"it exited with status {code}"
        name = signal.strsignal(-code) or "unknown"
        return f"it was killed by signal {-code} ({name})"

    async def kill(self) -> None:
        """End the process at once and wait for it. Shielded: SIGKILL takes effect within moments or not at all."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5.0):
            self.process.kill()
            await self.process.wait()

    def close_link(self) -> None:
        """Close the agent's end."""
        self._link.close()
        self._answers.close()


async def start_worker(
    command: Sequence[str], index: int, cells: int, shared: int, lifeline: int, reader: CellsReader
) -> WorkerProcess:
    """Start a worker by exec: a fork of this process would carry its tasks, locks and keys along.

    Args: cells - descriptor of its counters; shared - of what all workers share; lifeline - of what tells it, when this agent is
    gone, whether to wait for another. All stay the caller's.
    Raises: OSError if it cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        arguments = [
            f"--number={index}",
            f"--link={theirs.fileno()}",
            f"--cells={cells}",
            f"--shared={shared}",
            f"--lifeline={lifeline}",
        ]
        # A session of its own keeps the terminal's Ctrl-C away: the agent decides when a worker drains.
        process = await trio.lowlevel.open_process(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=[theirs.fileno(), cells, shared, lifeline],
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return WorkerProcess(index, process, Link(ours), reader)
