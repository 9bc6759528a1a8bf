"""The network of a pod that runs already, found by its processes: the kubelet puts a pod's unique name into their cgroup."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

# systemd's way of naming cgroups has underscores where the name has dashes.
_POD: Final = re.compile(rb"/(?:kubepods-(?:[a-z]+-)?)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})[./]")
# In proc(5)'s stat, counted from the field behind the program's name, which may itself have spaces and parentheses.
_START_TIME: Final = 19


def first_processes(proc: Path, uids: Iterable[str]) -> Mapping[str, int]:
    """The oldest process of each pod that has any, by the pod's unique name.

    The first is the one that holds the pod's network, and lives as long as that. A younger one may be in a network of its own.
    """
    wanted = frozenset(uids)
    oldest: dict[str, tuple[int, int]] = {}
    for entry in os.listdir(proc):  # noqa: PTH208 - names
        if entry.isdecimal():
            uid = _pod_of(proc / entry)
            if uid in wanted:
                started = _start_time(proc / entry)
                if started is not None:
                    oldest[uid] = min(oldest.get(uid, (started, int(entry))), (started, int(entry)))
    return {uid: process for uid, (_, process) in oldest.items()}


def open_network(proc: Path, process: int, uid: str) -> int | None:
    """A descriptor of the process's network; None: the pod has no such process any more. Raises: OSError: nobody may open it."""
    try:
        network = os.open(proc / str(process) / "ns" / "net", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    # Only now is it sure that the number was not somebody else's by then.
    if _pod_of(proc / str(process)) == uid:
        return network
    os.close(network)
    return None


def _pod_of(process: Path) -> str:
    try:
        found = _POD.search((process / "cgroup").read_bytes())
    except OSError:
        return ""  # it has ended
    return found[1].decode().replace("_", "-") if found else ""


def _start_time(process: Path) -> int | None:
    try:
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[_START_TIME])
    except (OSError, IndexError):
        return None  # it has ended
