"""The processes of a mesh: started in process groups of their own, started again when they die, and ended in order."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
import trio

# Between the death of a process and its next start; longer each time it does not live a minute.
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_STEADY_SECONDS: Final = 60.0
# A proxy drains first, which its own deadline bounds; this is for one that hangs.
END_SECONDS: Final = 35.0


class Child:
    """One program of ours that has to run for as long as somebody wants it."""

    def __init__(self, name: str, command: Callable[[], Sequence[str]], log: Path) -> None:
        """Prepare.

        Args: command - asked at each start; log - where the output goes, added at its end.
        """
        self.name: Final = name
        self.log: Final = log
        self._command: Final = command
        self._process: trio.Process | None = None

    async def keep(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Start the program, and again whenever it ends. Started once it runs for the first time.

        Cancellation: the program is asked to end, and is given time for it.
        """
        pause = _FIRST_PAUSE
        first = True
        while True:
            begun = trio.current_time()
            self._process = await self._start()
            if first:
                first = False
                task_status.started()
            try:
                status = await self._wait_ended()
            finally:
                await self._end()
            pause = _FIRST_PAUSE if trio.current_time() - begun >= _STEADY_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            click.echo(f"{self.name} ended with {status} and is started again; its log: {self.log}", err=True)
            await trio.sleep(pause)

    async def _start(self) -> trio.Process:
        return await start_logged(self._command(), self.log)

    async def _wait_ended(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def _end(self) -> None:
        assert self._process is not None
        await end_process(self._process)

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        return self._process.pid if self._process is not None else 0


async def start_logged(
    command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> trio.Process:
    """Start a program whose output goes to the end of `log`, with these variables more and these descriptors."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # A session of its own: Ctrl-C reaches whoever started it, which then ends it in order.
        return await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env={**os.environ, **(variables or {})},
            pass_fds=pass_fds,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


async def end_process(process: trio.Process) -> None:
    """Ask a process to end, wait, and kill it with its group if it is late. Not to be cancelled."""
    if process.returncode is not None:
        return
    with trio.CancelScope(shield=True):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with trio.move_on_after(END_SECONDS) as late:
            await process.wait()
        if late.cancelled_caught:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


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
