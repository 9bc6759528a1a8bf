"""Tells whether a file has changed, by its stamp.

Asking for it costs 2 us a file and works on every file system and under every way of writing: in place, by rename, or by a
symbolic link that Kubernetes swaps in a folder above. When it is worth asking, `file_watch` tells.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

# A change must be visible to traffic within 100 ms; of these, this is the part for noticing where nothing is notified, and for
# seeing whether a writer is done.
POLL_SECONDS: Final = 0.02
# Longer than the coarsest tick of a file's clock (10 ms at 100 Hz): what is written this long after a look carries another stamp
# and cannot be missed. Two equal stamps this far apart also tell that a writer has paused.
SETTLE_SECONDS: Final = 0.015
# With many files the pauses grow, so that asking never takes more than about one per cent of a core.
_PAUSE_A_FILE: Final = 0.0002


class Stamp(NamedTuple):
    """What tells one content of a file from the next, without reading it."""

    device: int
    inode: int
    size: int
    changed: int
    status_changed: int


Stamps = dict[Path, Stamp | None]
"""Of each file; None where there is none that can be seen."""


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in what `stat` told."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def take_stamp(path: Path) -> Stamp | None:
    """The file's stamp now."""
    try:
        return stamp_of(path.stat())
    except OSError:
        return None


def take_stamps(paths: Iterable[Path]) -> Stamps:
    """The stamps of several files now."""
    return {path: take_stamp(path) for path in paths}


def poll_pause(files: int) -> float:
    """Seconds to wait between two looks at so many files."""
    return max(POLL_SECONDS, files * _PAUSE_A_FILE)
