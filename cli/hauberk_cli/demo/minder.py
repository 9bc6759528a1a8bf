"""Ends what the demo started, if the demo itself is killed and cannot.

`python -m hauberk_cli.demo.minder FOLDER` reads lines from standard input, a pipe whose other end only the demo has:
`+GROUP` for a process group that was started, `-GROUP` for one that has ended, `keep` if the folder is to stay. At the end of
input every group that is left is ended and the folder removed. After an orderly end of the demo nothing is left to do.

A demo that is killed may just have started a process that it could not note any more. Such a one is known by its command.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from hauberk_cli.demo.descendants import command_lines
from hauberk_cli.demo.folder import remove_folder
from hauberk_cli.mesh.process_groups import signal_group

GRACE_SECONDS: Final = 5.0
"""What a group gets between SIGTERM and SIGKILL; nobody waits for the answers of a demo that was killed."""
POLL_SECONDS: Final = 0.02
LOOKS: Final = 3
"""Times that processes are looked through for those that nobody noted: one may only just have become another program."""
_OURS: Final = ("-P -m hauberk_cli control ", "-P -m hauberk_gateway ", "-P -m hauberk_sidecar ", "-P -m hauberk_bookshop ")
"""How the demo starts its parts; each has the demo's folder behind it."""


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


def unnoted_groups(folder: Path) -> set[int]:
    """The process groups of those parts of the demo in `folder` that run now."""
    own = os.getpgrp()
    groups: set[int] = set()
    for process, command in command_lines().items():
        if any(ours in command and f" {folder}/" in f" {command.partition(ours)[2].strip()}/" for ours in _OURS):
            with suppress(ProcessLookupError):
                groups.add(os.getpgid(process))
    return groups - {own}


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
    for _ in range(LOOKS):
        end_groups(groups | unnoted_groups(folder))
        groups = set()
        time.sleep(POLL_SECONDS)
    if not keep:
        with suppress(OSError):
            remove_folder(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
