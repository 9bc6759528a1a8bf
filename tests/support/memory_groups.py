"""A control group with a limit of memory, as a container has one: made and removed by whoever may."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from live_proxy import wait_until

_MOUNT: Final = Path("/sys/fs/cgroup")
_ONE: Final = _MOUNT / "memory"


class Group:
    """The group."""

    def __init__(self, folder: Path, octets: int) -> None:
        """Make it. Raises: OSError where that is not allowed."""
        self.folder: Final = folder
        self._is_one: Final = folder.parent == _ONE
        folder.mkdir()
        try:
            if self._is_one:
                self._write("memory.limit_in_bytes", octets)
                # Where the kernel can swap, it would do that instead.
                with contextlib.suppress(OSError):
                    self._write("memory.memsw.limit_in_bytes", octets)
            else:
                self._write("memory.max", octets)
                with contextlib.suppress(OSError):
                    self._write("memory.swap.max", 0)
        except OSError:
            folder.rmdir()
            raise

    def command(self) -> tuple[str, ...]:
        """Words to put before a command, to have its process in the group from the beginning."""
        return "sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.folder)

    def kills(self) -> int:
        """Processes that the kernel has killed for want of memory."""
        name = "memory.oom_control" if self._is_one else "memory.events"
        lines = (self.folder / name).read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def most(self) -> int:
        """The most octets that were in use at a time; pages of files count too."""
        return int((self.folder / ("memory.max_usage_in_bytes" if self._is_one else "memory.peak")).read_text())

    def remove(self) -> None:
        """Remove it, once the last process has left."""
        wait_until(self._is_removed, lambda: f"processes stay in {self.folder}")

    def _is_removed(self) -> bool:
        # A process that is ending keeps the group busy, though it is listed no more.
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        return not self.folder.exists()

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))


@contextlib.contextmanager
def memory_group(octets: int) -> Iterator[Group]:
    """A group with this limit, for as long as the context lasts. Skips the test where none can be made."""
    try:
        group = Group((_ONE if _ONE.is_dir() else _MOUNT) / f"hauberk-test-{secrets.token_hex(4)}", octets)
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error}); it takes root, and a writable {_MOUNT}")
    try:
        yield group
    finally:
        group.remove()
