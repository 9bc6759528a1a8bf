"""How much memory this process and those beside it may use, and do: what the kernel keeps for their control group.

Reads both versions of control groups where they are mounted by custom. Pages of files, which the kernel takes back before it
kills anybody, are not counted as used.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, NamedTuple

_MOUNT: Final = Path("sys/fs/cgroup")
# A version 1 group without a limit shows the largest multiple of a page.
_NO_LIMIT: Final = 1 << 60
# Groups nest; nobody nests them deeper.
_DEEPEST: Final = 32
# The statistics of a group take some two thousand octets.
_MOST_OCTETS: Final = 16 * 1024


class _Version(NamedTuple):
    limit: str
    usage: str
    files: tuple[bytes, bytes]
    """The lines of `memory.stat` that tell of pages of files."""


_TWO: Final = _Version("memory.max", "memory.current", (b"inactive_file", b"active_file"))
_ONE: Final = _Version("memory.limit_in_bytes", "memory.usage_in_bytes", (b"total_inactive_file", b"total_active_file"))


class MemoryGroup:
    """The group with the lowest limit among that of this process and those around it."""

    def __init__(self, folder: Path, version: _Version, limit: int) -> None:
        self.limit: Final = limit
        """Octets that may be used before the kernel kills."""
        self._files: Final = version.files
        self._usage: Final = os.open(folder / version.usage, os.O_RDONLY | os.O_CLOEXEC)
        self._statistics: Final = os.open(folder / "memory.stat", os.O_RDONLY | os.O_CLOEXEC)

    def used(self) -> int:
        """Octets in use. Never waits: the kernel answers from its own memory. Raises: OSError if the group is gone."""
        used = int(os.pread(self._usage, _MOST_OCTETS, 0))
        for line in os.pread(self._statistics, _MOST_OCTETS, 0).splitlines():
            name, _, octets = line.partition(b" ")
            if name in self._files:
                used -= int(octets)
        return max(0, used)

    def close(self) -> None:
        """Read no more."""
        os.close(self._usage)
        os.close(self._statistics)


class OwnMemory:
    """What this process alone has in memory, for where there is no group to ask; as many others as it is told hold as much."""

    def __init__(self, processes: int) -> None:
        self._processes: Final = processes
        self._page: Final = os.sysconf("SC_PAGE_SIZE")
        self._statistics: Final = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def used(self) -> int:
        """Octets in use by all of them."""
        _, resident, *_ = os.pread(self._statistics, _MOST_OCTETS, 0).split()
        return int(resident) * self._page * self._processes

    def close(self) -> None:
        """Read no more."""
        os.close(self._statistics)


def memory_group(root: Path = Path("/")) -> MemoryGroup | None:
    """The group whose limit this process meets first; None: there is no limit, or none that can be read.

    Args: root - below which `proc` and `sys` are.
    """
    with contextlib.suppress(OSError, ValueError):
        found = _nearest(root)
        if found is not None:
            return MemoryGroup(*found)
    return None


def _nearest(root: Path) -> tuple[Path, _Version, int] | None:
    best: tuple[Path, _Version, int] | None = None
    for mount, path, version in _own_groups(root):
        # In a container the path may be the host's, of which nothing is to be seen: its own group is the mount itself.
        folder = mount / path if (mount / path / version.usage).exists() else mount
        for _ in range(_DEEPEST):
            limit = _limit(folder / version.limit)
            if limit and (best is None or limit < best[2]):
                best = (folder, version, limit)
            if folder == mount:
                break
            folder = folder.parent
    return best


def _own_groups(root: Path) -> list[tuple[Path, str, _Version]]:
    groups: list[tuple[Path, str, _Version]] = []
    mount = root / _MOUNT
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            groups.append((mount, path.lstrip("/"), _TWO))
        elif "memory" in controllers.split(","):
            groups.append((mount / "memory", path.lstrip("/"), _ONE))
    return groups


def _limit(file: Path) -> int:
    """0: none."""
    try:
        text = file.read_text().strip()
    except OSError:  # the root of version 2 has no such file
        return 0
    limit = 0 if text == "max" else int(text)
    return 0 if limit >= _NO_LIMIT else limit
