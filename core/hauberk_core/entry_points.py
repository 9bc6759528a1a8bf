"""The entry points that installed packages declare, read from the records that installers leave beside the modules.

The standard library's `importlib.metadata` finds the same and much more. What it imports for that, down to the parsers of mail
and of archives, would stay for the life of a process: 2 MiB of every worker, for one look at a few lines.

Sources: the specifications "Recording installed projects" and "Entry points" on https://packaging.python.org/.
"""

import functools
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

# What a record's folder is called behind the project's name and version, and which of its files has both as they are written.
_METADATA: Final = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_SEPARATORS: Final = re.compile(r"[-_.]+")


class Distribution(NamedTuple):
    """A project, as it was installed."""

    name: str
    version: str


class EntryPoint(NamedTuple):
    """What a project offers under a group."""

    name: str
    value: str
    """`package.module`, or `package.module:attribute`."""
    dist: Distribution

    def load(self) -> object:
        """Import it. Raises: whatever its module does; AttributeError if the module has no such attribute."""
        module, _, rest = self.value.partition("[")[0].partition(":")
        attributes = [name for name in rest.strip().split(".") if name]
        return functools.reduce(getattr, attributes, importlib.import_module(module.strip()))


def find_entry_points(group: str, path: Iterable[str] | None = None) -> list[EntryPoint]:
    """What is declared under `group`, in a fixed order. Reads files.

    Of two records of one project the first counts, as of two modules of one name. Archives on the path are not looked into, and
    what cannot be read declares nothing.

    Args: path - the folders to search, in their order; None: those that modules are imported from.
    """
    found: list[EntryPoint] = []
    for record in _records(sys.path if path is None else path):
        declared = _declared(_read(record / "entry_points.txt"), group)
        if declared:
            dist = _distribution(record)
            found.extend([EntryPoint(name, value, dist) for name, value in declared])
    return sorted(found)


def _records(path: Iterable[str]) -> Iterator[Path]:
    known: set[str] = set()
    for folder in path:
        try:
            records = sorted([entry for entry in Path(folder).iterdir() if entry.suffix in _METADATA])
        except OSError:
            continue
        for record in records:
            project = _SEPARATORS.sub("-", record.stem.partition("-")[0]).lower()
            if project not in known:
                known.add(project)
                yield record


def _declared(text: str, group: str) -> list[tuple[str, str]]:
    """Names and values of one section of an `entry_points.txt`."""
    declared: list[tuple[str, str]] = []
    section = ""
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("[") and words.endswith("]"):
            section = words[1:-1]
        elif section == group and "=" in words and not words.startswith("#"):
            name, _, value = words.partition("=")
            declared.append((name.strip(), value.strip()))
    return declared


def _distribution(record: Path) -> Distribution:
    """Name and version as its metadata spell them, or else as the record's folder does."""
    name, _, version = record.stem.partition("-")
    fields = {"name": name, "version": version}
    for line in _read(record / _METADATA[record.suffix]).splitlines():
        if not line:  # the description follows, which may look like fields
            break
        key, colon, value = line.partition(":")
        if colon and key.lower() in fields:
            fields[key.lower()] = value.strip()
    return Distribution(fields["name"], fields["version"])


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
