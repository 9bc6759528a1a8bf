"""The processes of a mesh: started in process groups of their own, started again when they die, and ended in order."""

import functools
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.mesh.log_limit import limit_log
from hauberk_cli.mesh.process_groups import signal_group
from hauberk_core.agent.minded import MINDED_VARIABLE

# Between the death of a process and its next start; longer each time it does not live a minute.
FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_STEADY_SECONDS: Final = 60.0
# A proxy drains first, which its own deadline bounds; this is for one that hangs.
END_SECONDS: Final = 35.0
_LOOK_SECONDS: Final = 0.05
# Of a log that tells why a process failed.
_SHOWN_LINES: Final = 15
_READ_OCTETS: Final = 64 * 1024


class StartFailed(Exception):
    """A process did not come up. The message names it, says what became of it, and shows the end of its log."""


class Groups:
    """Is told which process groups there are, so that somebody can end them if this process is killed. This one tells nobody."""

    def note_start(self, group: int) -> None:
        """A process group was started."""

    def note_end(self, group: int) -> None:
        """No process of the group is left."""


class Child:
    """One program of ours that has to run for as long as somebody wants it."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        log: Path,
        *,
        variables: Mapping[str, str] | None = None,
        groups: Groups | None = None,
        first_pause: float = FIRST_PAUSE,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare.

        Args: command - asked at each start; log - where the output goes, added at its end; variables - added to the environment;
        first_pause - seconds between a death and the next start, at first; tell - takes a sentence about a death, instead of
        standard error.
        """
        self.name: Final = name
        self.log: Final = log
        self._command: Final = command
        self._variables: Final = dict(variables or {})
        self._groups: Final = groups or Groups()
        self._first_pause: Final = first_pause
        self._tell: Final = tell or _tell
        self._left: Final[set[int]] = set()
        """Groups that may still have a process: of one that was killed outright, what it had started lives on."""
        self._process: trio.Process | None = None
        self._may_start = trio.Event()
        self._may_start.set()
        self.deaths = 0
        """How often it ended by itself."""

    async def keep(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Start the program, and again whenever it ends. Started once it runs for the first time.

        Cancellation: the program is asked to end, and is given time for it; then nothing of it is left.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(limit_log, self.log)
                await self._keep(task_status)
        finally:
            await self._end_groups()

    async def _keep(self, task_status: "trio.TaskStatus[None]") -> None:
        pause = self._first_pause
        while True:
            begun = trio.current_time()
            self._process = await self._start()
            task_status.started()
            # Only its first start is waited for.
            task_status = trio.TASK_STATUS_IGNORED
            try:
                status = await self._wait_ended()
            finally:
                await self._end()
            self.deaths += 1
            self._note_ended_groups()
            steady = trio.current_time() - begun >= _STEADY_SECONDS
            pause = self._first_pause if steady else min(2 * pause, max(_LONGEST_PAUSE, self._first_pause))
            self._tell(f"{self.name} ended {describe_exit(status)} and is started again in {pause:.1f} s; its log: {self.log}")
            await trio.sleep(pause)
            await self._may_start.wait()

    def hold(self) -> None:
        """Once it has ended, do not start it again before `release`."""
        self._may_start = trio.Event()

    def release(self) -> None:
        """Start it again if it was held back."""
        self._may_start.set()

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        return self._process.pid if self._process is not None else 0

    async def wait_ready(self, not_ready: Callable[[], Awaitable[str]], seconds: float) -> None:
        """Wait until a program that has just been started is ready.

        Args: not_ready - asked again and again; says what is missing, and nothing once nothing is.
        Raises: StartFailed if the program ends instead, or is not ready within `seconds`.
        """
        missing = ""
        with trio.move_on_after(seconds):
            while not self.deaths:
                missing = await not_ready()
                if not missing:
                    return
                await trio.sleep(_LOOK_SECONDS)
        what = "ended at its start" if self.deaths else f"was not ready within {seconds:.0f} s ({missing})"
        raise StartFailed(f"{self.name} {what}; the end of its log, {self.log}:\n{_last_lines(self.log)}")

    async def _start(self) -> trio.Process:
        return await self._launch(self._command())

    async def _launch(
        self, command: Sequence[str], variables: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> trio.Process:
        """Start a process that is ours to end, with these variables more and these descriptors."""
        process = await _start_logged(command, self.log, {**self._variables, **(variables or {})}, pass_fds)
        self._left.add(process.pid)
        self._groups.note_start(process.pid)
        return process

    async def _wait_ended(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def _end(self) -> None:
        """The process in office has ended, or is to end now."""
        assert self._process is not None
        await end_process(self._process)

    async def _end_groups(self) -> None:
        """End what is left of all processes, and note it."""
        for group in list(self._left):
            signal_group(group, signal.SIGKILL)
        with trio.CancelScope(shield=True), trio.move_on_after(END_SECONDS):
            while True:
                self._note_ended_groups()
                if not self._left:
                    break
                await trio.sleep(_LOOK_SECONDS)

    def _note_ended_groups(self) -> None:
        for group in list(self._left):
            if not signal_group(group, 0):
                self._left.discard(group)
                self._groups.note_end(group)


@functools.cache
def _minding_pipe() -> tuple[int, int]:
    """What every process of ours has as its standard input: it ends when this process does, however that comes about."""
    return os.pipe()


async def _start_logged(command: Sequence[str], log: Path, variables: Mapping[str, str], pass_fds: Sequence[int]) -> trio.Process:
    """Start a program whose output goes to the end of `log`, with these variables more and these descriptors."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # Shielded, because a process of which nobody knows the number could not be ended. A session of its own: Ctrl-C reaches
        # whoever started it, which then ends it in order.
        with trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                list(command),
                stdin=_minding_pipe()[0],
                stdout=descriptor,
                stderr=descriptor,
                env={**os.environ, **variables, MINDED_VARIABLE: "1"},
                pass_fds=pass_fds,
                start_new_session=True,
            )
    finally:
        os.close(descriptor)
    return process


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def describe_exit(status: int) -> str:
    """How a process ended, in words that follow "ended"."""
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


async def run_program(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a program of the user's on this terminal until it ends.

    Returns: its exit status, as a shell counts it. Cancellation: the program is asked to end.
    """
    process = await trio.lowlevel.open_process(list(command), env={**os.environ, **variables})
    try:
        status = await process.wait()
    finally:
        await end_process(process)
    return status if status >= 0 else 128 - status


async def end_process(process: trio.Process) -> None:
    """Ask a process to end, wait, and kill it if it is late. Not to be cancelled."""
    if process.returncode is not None:
        return
    with trio.CancelScope(shield=True):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with trio.move_on_after(END_SECONDS) as late:
            await process.wait()
        if late.cancelled_caught:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _last_lines(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _READ_OCTETS))
            lines = file.read(_READ_OCTETS).decode(errors="replace").splitlines()[-_SHOWN_LINES:]
    except OSError as error:
        lines = [f"it cannot be read: {error.strerror}"]
    return "\n".join([f"    {line}" for line in lines]) or "    (it is empty)"
