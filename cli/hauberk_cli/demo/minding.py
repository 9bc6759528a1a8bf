"""Has a process of its own end what the demo started, if the demo itself is killed and cannot."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hauberk_cli.mesh.processes import Groups


class Minder(Groups):
    """The other end of `minder`.

    It is there for the worst case: that it has gone itself is no reason to end, or not to end in order.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process: Final = process
        self.groups: Final[set[int]] = set()
        """Process groups ever started."""

    def note_keep(self) -> None:
        """The folder is to stay."""
        self._tell("keep")

    def note_start(self, group: int) -> None:
        self.groups.add(group)
        self._tell(f"+{group}")

    def note_end(self, group: int) -> None:
        self._tell(f"-{group}")

    def _tell(self, word: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(BrokenPipeError):
            pipe.write(word.encode() + b"\n")


@contextmanager
def open_minder(folder: Path, keep: bool) -> Iterator[Minder]:
    """Have a minder for `folder` and for what is noted with it; at the end it has nothing left to mind and goes."""
    arguments = [sys.executable, "-P", "-m", "hauberk_cli.demo.minder", str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, bufsize=0, process_group=0) as process:
        minder = Minder(process)
        if keep:
            minder.note_keep()
        yield minder
