"""Ends what the demo started, if the demo itself is killed and cannot.

`python -m hauberk_cli.demo.minder FOLDER` reads lines from standard input, a pipe whose other end only the demo has:
`+GROUP` for a process group that was started, `-GROUP` for one that has ended, `keep` if the folder is to stay. At the end of
input every group that is left is ended and the folder removed. After an orderly end of the demo nothing is left to do.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from hauberk_cli.demo.folder import remove_folder

GRACE_SECONDS: Final = 5.0
"""What a group gets between SIGTERM and SIGKILL; the gateway drains for three."""
POLL_SECONDS: Final = 0.02


def signal_group(group: int, number: int) -> bool:
    """Send a signal (0: none) to every process of a group. False: there is none left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True


def end_groups(groups: set[int]) -> None:
    """Ask each group to end, wait for a while, then kill. Blocks for GRACE_SECONDS at most."""
    for group in groups:
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    left = set(groups)
    while left and time.monotonic() < deadline:
        left = {group for group in left if signal_group(group, 0)}
        if left:
            time.sleep(POLL_SECONDS)
    for group in left:
        signal_group(group, signal.SIGKILL)


def main(folder: Path) -> None:
    """Mind until the end of standard input."""
    groups: set[int] = set()
    keep = False
    for line in sys.stdin:
        word = line.strip()
        if word == "keep":
            keep = True
        elif word.startswith("+"):
            groups.add(int(word[1:]))
        elif word.startswith("-"):
            groups.discard(int(word[1:]))
    end_groups(groups)
    if not keep:
        with suppress(OSError):
            remove_folder(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
