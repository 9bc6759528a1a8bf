"""Linux's notifications of changes in the file system, as `inotify(7)` describes them: four calls, and no more.

The C library is the one that this process has loaded. Packages for this look for it by running `ldconfig` or a compiler, which
an image for one program need not have.
"""

import contextlib
import ctypes
import errno
import os
import struct
from typing import Final, NamedTuple

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
IGNORED: Final = 0x8000
"""What was watched is watched no more: it is gone, or somebody said so."""

# A header: watch, mask, cookie, and how many octets of name follow.
_EVENT: Final = struct.Struct("iIII")
# Some hundred events a read; the rest is read the next time.
_READ_BYTES: Final = 16 * 1024


class Event(NamedTuple):
    """One notification."""

    watch: int
    """What `add` returned; -1 if the kernel had to drop notifications."""
    mask: int
    name: str
    """Of the entry in the watched folder; empty if it is what is watched itself."""


class Inotify:
    """One queue of notifications.

    Raises, when it is made: OSError, where a user may have no more of them or the system has none.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        self._library: Final = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._library, "inotify_init1"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._descriptor = self._call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)

    def fileno(self) -> int:
        """The descriptor that is readable when there are notifications; -1 once closed."""
        return self._descriptor

    def add(self, path: str, mask: int) -> int:
        """Watch what is at `path`; the same thing watched already has the same number and gets the new mask.

        Raises: OSError - ENOENT where there is nothing, ENOSPC where the user may watch no more.
        """
        return self._call("inotify_add_watch", self._descriptor, os.fsencode(path), ctypes.c_uint32(mask))

    def remove(self, watch: int) -> None:
        """Watch it no more. That it is gone already is no error."""
        with contextlib.suppress(OSError):
            self._call("inotify_rm_watch", self._descriptor, watch)

    def read(self) -> list[Event]:
        """What has been notified since; never waits."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return []
        events: list[Event] = []
        at = 0
        while at < len(data):
            watch, mask, _, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            events.append(Event(watch, mask, os.fsdecode(data[at : at + size].rstrip(b"\0"))))
            at += size
        return events

    def close(self) -> None:
        """Give the queue back. May be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self._library, name)(*arguments)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result
