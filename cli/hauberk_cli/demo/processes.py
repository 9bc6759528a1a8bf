"""The processes of the demo: started, watched, and ended with all of their descendants.

Each is the leader of a process group of its own, so that Ctrl-C reaches the demo alone, which then ends them in order, and so
that nothing that a process started outlives it.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import trio

from hauberk_cli.demo.minder import signal_group
from hauberk_cli.demo.waiting import wait_until

END_SECONDS: Final = 6.0
"""What a process gets between SIGTERM and SIGKILL."""
SHOWN_LINES: Final = 15
"""Last lines of a log shown when a process failed."""
LOG_READ_LIMIT: Final = 1024 * 1024
"""Octets of a log that are looked at, from a given place on."""
_SERVES: Final = re.compile(r"serves http://127\.0\.0\.1:([0-9]+)")


class PartError(Exception):
    """A process did not start or has died. The message names it and shows the end of its log."""


class Part:
    """One process with its log. Made by `Parts.start`."""

    def __init__(self, name: str, process: trio.Process, log: Path) -> None:
        self.name: Final = name
        self.process: Final = process
        self.log: Final = log

    def read_log(self, offset: int) -> tuple[str, int]:
        """The whole lines of the log from `offset` octets on, and the offset behind them."""
        with self.log.open("rb") as file:
            file.seek(offset)
            data = file.read(LOG_READ_LIMIT)
        end = data.rfind(b"\n") + 1
        return data[:end].decode(errors="replace"), offset + end

    def log_text(self, offset: int = 0) -> str:
        """The whole lines of the log from `offset` octets on."""
        return self.read_log(offset)[0]

    def log_size(self) -> int:
        """Where the next octet of the log will be."""
        return self.log.stat().st_size

    def failure(self, what: str) -> PartError:
        """An error that says `what` happened to this part, with the last lines of its log."""
        lines = self.log_text(max(0, self.log_size() - LOG_READ_LIMIT)).splitlines()[-SHOWN_LINES:]
        shown = "\n".join(f"    {line}" for line in lines) or "    (its log is empty)"
        return PartError(f"{self.name} {what}; the end of its log:\n{shown}")

    async def wait_in_log(self, found: Callable[[str], bool], offset: int, seconds: float) -> bool:
        """Wait until `found` accepts the log from `offset` on. False: it did not within `seconds`."""
        return await wait_until(lambda: found(self.log_text(offset)), seconds)

    async def wait_port(self, seconds: float) -> int:
        """The port that a process of the bookshop says it serves on.

        Raises: PartError if it says nothing within `seconds`.
        """
        if not await self.wait_in_log(lambda text: _SERVES.search(text) is not None, 0, seconds):
            raise self.failure(f"did not say within {seconds:g} s where it serves")
        match = _SERVES.search(self.log_text())
        assert match is not None
        return int(match[1])


class Parts:
    """All processes of a demo. Use within `open_parts`."""

    def __init__(self, nursery: trio.Nursery, minder: "Minder") -> None:
        self._nursery = nursery
        self._minder = minder
        self._running: list[Part] = []
        self._ending = False
        self.groups: Final[list[int]] = []
        """Process groups ever started."""

    async def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Part:
        """Run this Python with `arguments` in `folder`. From now on its death ends the demo with a PartError.

        Raises: OSError if it cannot be started.
        """
        with log.open("wb") as output:
            process = await trio.lowlevel.open_process(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                process_group=0,
            )
        self._minder.note_start(process.pid)
        part = Part(name, process, log)
        self._running.append(part)
        self.groups.append(process.pid)
        self._nursery.start_soon(self._watch, part)
        return part

    async def _watch(self, part: Part) -> None:
        code = await part.process.wait()
        if not self._ending:
            raise part.failure(f"ended by itself ({_describe_exit(code)})")

    async def end_all(self) -> None:
        """End every process, the last started first, each with what it started itself. Takes END_SECONDS a part at most.

        Cancellation: does not heed it; the demo is ending anyway.
        """
        self._ending = True
        with trio.CancelScope(shield=True):
            while self._running:
                part = self._running.pop()
                group = part.process.pid
                signal_group(group, signal.SIGTERM)
                with trio.move_on_after(END_SECONDS):
                    await part.process.wait()
                # The leader has gone or does not listen; either way nothing of its group stays.
                signal_group(group, signal.SIGKILL)
                await part.process.wait()
                await wait_until(partial(_is_gone, group), 1.0)
                self._minder.note_end(group)


class Minder:
    """The process that ends the others if this one is killed; see `minder`.

    It is there for the worst case: that it has gone itself is no reason to end, or not to end in order.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def _tell(self, word: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(BrokenPipeError):
            pipe.write(word.encode() + b"\n")

    def note_keep(self) -> None:
        """The folder is to stay."""
        self._tell("keep")

    def note_start(self, group: int) -> None:
        """A process group was started."""
        self._tell(f"+{group}")

    def note_end(self, group: int) -> None:
        """A process group has ended."""
        self._tell(f"-{group}")


@contextmanager
def open_minder(folder: Path, keep: bool) -> Iterator[Minder]:
    """Have a minder for `folder` and for what is noted with it; at the end it has nothing left to mind and goes."""
    arguments = [sys.executable, "-m", "hauberk_cli.demo.minder", str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, bufsize=0, process_group=0) as process:
        minder = Minder(process)
        if keep:
            minder.note_keep()
        yield minder


def _is_gone(group: int) -> bool:
    return not signal_group(group, 0)


def _describe_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a person is told of `group`: its one error, however deep, or the first of several parts that failed.

    A group of different errors comes back as it is.
    """
    errors = _leaves(group)
    if len(errors) == 1 or all(isinstance(error, PartError) for error in errors):
        return errors[0]
    return group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    errors: list[BaseException] = []
    for error in group.exceptions:
        errors += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return errors
