"""Which files of a folder hold objects."""

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from hauberk_core.agent.watch import Stamp, stamp_of
from hauberk_core.model.errors import ConfigError

SUFFIXES: Final = (".yaml", ".yml", ".json")
MOST_FILES: Final = 5000
"""Asking for each one's stamp takes some 20 ms then; a larger mesh has a Kubernetes."""
MOST_BYTES: Final = 64 << 20
"""Octets in all files together, because what they hold is kept in memory."""
MOST_ENTRIES: Final = 20_000
"""Names that are looked at in one folder, of whatever files."""
DEEPEST_FOLDER: Final = 16
"""Levels of folders; more is a mistake, such as a whole disk."""


class Scan(NamedTuple):
    """What was seen at one look."""

    stamps: dict[str, Stamp]
    """By the files' paths, in their order."""
    folders: tuple[str, ...]
    """All that were looked into."""
    links: tuple[str, ...]
    """Entries that lead elsewhere."""
    unreadable: tuple[str, ...]
    """Folders that could not be looked into: what they held is not known to be gone."""
    errors: tuple[ConfigError, ...]


def scan_folder(root: Path) -> Scan:
    """Look for files whose names end in .yaml, .yml or .json, in a folder and all below it.

    Hidden files and folders are left out: editors' drafts and our own state are kept in these. Symbolic links are followed, but
    each folder is visited once; what is no regular file is left out, because reading it could wait for ever.
    """
    files: dict[str, Stamp] = {}
    unreadable: list[str] = []
    errors: list[ConfigError] = []
    seen: set[tuple[int, int]] = set()
    folders: list[str] = []
    links: list[str] = []
    waiting = [(str(root), 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            # Texts instead of Path objects: this runs many times a second, and those cost as much as all the rest.
            with os.scandir(folder) as entries:
                found = [entry for entry in islice(entries, MOST_ENTRIES) if not entry.name.startswith(".")]
            status = os.stat(folder)  # noqa: PTH116
        except OSError as error:
            unreadable.append(folder)
            hint = "put a readable folder of YAML files there; what it held before is kept"
            errors.append(ConfigError(origin=folder, message=f"the folder cannot be read: {error.strerror}", hint=hint))
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.append(folder)
        for entry in found:
            if entry.name.endswith(SUFFIXES) or _is_folder(entry):
                _visit(entry, depth, files, waiting, errors)
                if entry.is_symlink():
                    links.append(entry.path)
    return Scan(_within_bounds(root, files, errors), tuple(folders), tuple(links), tuple(unreadable), tuple(errors))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _visit(
    entry: "os.DirEntry[str]", depth: int, files: dict[str, Stamp], waiting: list[tuple[str, int]], errors: list[ConfigError]
) -> None:
    try:
        status = entry.stat()
    except OSError:  # gone again, or a link that leads nowhere
        return
    if stat.S_ISREG(status.st_mode):
        files[entry.path] = stamp_of(status)
    elif stat.S_ISDIR(status.st_mode):
        if depth < DEEPEST_FOLDER:
            waiting.append((entry.path, depth + 1))
        else:
            message = f"nested deeper than the {DEEPEST_FOLDER} levels of folders that are read"
            errors.append(ConfigError(origin=entry.path, message=message, hint="name the folder that holds the objects"))


def _within_bounds(root: Path, files: dict[str, Stamp], errors: list[ConfigError]) -> dict[str, Stamp]:
    kept: dict[str, Stamp] = {}
    size = 0
    for path in sorted(files):
        size += files[path].size
        if len(kept) == MOST_FILES or size > MOST_BYTES:
            bound = f"{MOST_FILES} files" if len(kept) == MOST_FILES else f"{MOST_BYTES} octets"
            message = f"the folder holds more than {bound}; this file and those behind it are not read"
            errors.append(ConfigError(origin=path, message=message, hint=f"remove from {root} what holds no objects"))
            break
        kept[path] = files[path]
    return kept
