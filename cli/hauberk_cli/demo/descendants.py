"""Which processes there are, and which of them a process has started: from /proc where there is one, else from `ps`."""

import os
import subprocess
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def descendants(ancestor: int) -> dict[int, str]:
    """The command line of every living descendant of the process `ancestor`, by process id."""
    table = _read_table()
    found: dict[int, str] = {}
    parents = {ancestor}
    while parents:
        children = {process: command for process, (parent, command) in table.items() if parent in parents}
        found.update(children)
        parents = set(children)
    return found


def command_lines() -> dict[int, str]:
    """The command line of every living process, by process id."""
    return {process: command for process, (_, command) in _read_table().items()}


def is_running(process: int) -> bool:
    """Whether the process exists and is not merely waiting for its parent to take note of its end."""
    stat = _PROC / str(process) / "stat"
    if (_PROC / "self" / "stat").exists():
        try:
            return _state_and_parent(stat.read_text())[0] not in "ZX"
        except OSError:
            return False
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _state_and_parent(stat: str) -> tuple[str, int]:
    # The second field is the program's name in brackets, and may itself hold blanks and brackets.
    state, parent = stat[stat.rfind(")") + 2 :].split()[:2]
    return state, int(parent)


def _read_table() -> dict[int, tuple[int, str]]:
    return _read_proc() if (_PROC / "self" / "stat").exists() else _read_ps()


def _read_proc() -> dict[int, tuple[int, str]]:
    table: dict[int, tuple[int, str]] = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, parent = _state_and_parent((folder / "stat").read_text())
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended since
        if state not in "ZX":
            table[int(folder.name)] = (parent, command)
    return table


def _read_ps() -> dict[int, tuple[int, str]]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listing.splitlines())
    return {int(row[0]): (int(row[1]), row[2]) for row in rows if len(row) == 3}
