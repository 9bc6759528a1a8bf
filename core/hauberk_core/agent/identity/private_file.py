"""Files that hold keys: readable to their owner alone, replaced in one go, read with a bound."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from hauberk_core.bounded_read import read_bounded

# Certificates, keys and trust of one identity take a few KiB; bundles of many roots some hundred.
LARGEST_FILE: Final = 1024 * 1024

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PrivateFileError(Exception):
    """A file that holds keys cannot be used; the message says which, why and what to do."""


def write_private(path: Path, content: bytes) -> None:
    """Make `path` hold `content`, mode 0600. After a crash it holds the old content or the new, whole. Blocks.

    The folder is made, mode 0700, where it is missing. Raises: PrivateFileError; what was there before is then unchanged.
    """
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files of mode 0600.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = ""
        _sync_folder(path.parent)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be written: {error.strerror}; make its folder writable for this user") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def read_private(path: Path, owner_only: bool = True, largest: int = LARGEST_FILE) -> bytes:
    """The content of `path`. Blocks.

    Args: owner_only - refuse a file that others may read; False for what somebody else puts there, such as a mounted Secret;
    largest - octets.
    Raises: FileNotFoundError; PrivateFileError if it cannot be read, is too large, or others may read it.
    """
    try:
        # Not blocking, because opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PrivateFileError(f"{path} is no regular file; remove it")
            if owner_only and status.st_mode & _OTHERS:
                raise PrivateFileError(f"{path} holds a key and others may use it; make it private again: chmod 600 {path}")
            content = read_bounded(file, largest)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror}; grant this user access") from error
    if len(content) > largest:
        raise PrivateFileError(f"{path} has more than {largest} octets; it is not what belongs there")
    return content


def _sync_folder(folder: Path) -> None:
    """Make a renaming last: it is the folder that holds the name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
