"""Opens the access log's file, which the agent hands to every worker."""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

_STANDARD_STREAMS: Final = {"/dev/stdout": 1, "/dev/stderr": 2}
# Readable to the group, as logs are; not to everybody, because request targets hold secrets of careless applications.
_MODE: Final = 0o640


class LogFileError(Exception):
    """The access log's file cannot be opened; the message says why and what to do."""


def open_log_file(file: str, folder: Path) -> int:
    """Open `file` for appending, without ever blocking the writer. Relative names are relative to `folder`.

    Returns: a descriptor, the caller's to close. Raises: LogFileError.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    standard = _STANDARD_STREAMS.get(file)
    if standard is not None:
        _append(standard)
    try:
        # Opening /dev/stdout makes a description of our own: what others write to the same stream may go on blocking.
        return os.open(folder / file, flags, _MODE)
    except OSError as error:
        if standard is None:
            raise LogFileError(
                f"the access log {folder / file} cannot be opened: {error.strerror}; "
                "make its folder, grant access, or name another file"
            ) from error
    return _share(standard)


def _append(descriptor: int) -> None:
    """Make the stream, if it goes to a file, append: the workers and we would else write over each other."""
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
    except OSError:
        return  # opening it says why


def _share(standard: int) -> int:
    """A duplicate of a stream that has no name to open: a socket, as systemd's journal gives."""
    try:
        descriptor = fcntl.fcntl(standard, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError as error:
        raise LogFileError("the access log goes to a standard stream, which is closed; name a file instead") from error
    os.set_blocking(descriptor, False)
    return descriptor
