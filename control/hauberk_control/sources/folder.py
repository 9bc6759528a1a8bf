"""Objects from a folder of files that people edit.

The danger is in the middle of an edit. Half a YAML file is mostly YAML as well, so that a file is read once it has been left
alone for two looks; and what looks like an accident, a file that is broken, emptied or gone, or that has lost objects, must stay
that way for longer before it is believed. Even then a broken file takes nothing away: its objects stay as they last were, also
when control is started again meanwhile.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import trio

from hauberk_control.sources.kept_files import KeptFiles
from hauberk_control.sources.scan import Scan, scan_folder
from hauberk_control.sources.source import Loaded, Source
from hauberk_control.store import Object, Place, gather, key_of
from hauberk_core.agent.file_watch import FileWatch
from hauberk_core.agent.kept_file import KeptFileError
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.watch import POLL_SECONDS, Stamp, stamp_of
from hauberk_core.bounded_read import read_bounded
from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources.read import Pieces, ReadFile, read_file
from hauberk_core.resources.registry import CORE_KINDS, Kinds
from hauberk_core.resources.yaml import LARGEST_FILE

PATIENCE_SECONDS: Final = 0.25
"""How long what may be an accident must last. An editor that truncates and then writes, or deletes and then creates, is done long
before; a person who removes something does not notice the wait."""
DOUBT_SECONDS: Final = 0.05
"""The same for YAML that ends within a line: mostly an editor's habit, sometimes a writer that is not done."""
GATHER_SECONDS: Final = 0.06
"""How long a change that is ready waits for others that may belong to it, as after a checkout."""
_LONGEST_STEP: Final = PATIENCE_SECONDS / 4
"""What passes between two looks counts as this at most: while a machine stands still, the writer of a file does so too."""


class _Content(NamedTuple):
    """What a file held when it was read."""

    objects: tuple[Object, ...]
    errors: tuple[ConfigError, ...]
    pieces: Pieces
    wait: float
    """For so many seconds it must have looked like this to be believed."""


class _File:
    """What is known of one file."""

    __slots__ = ("content", "errors", "objects", "pieces", "seen", "since", "stamp")

    def __init__(self) -> None:
        self.objects: tuple[Object, ...] = ()
        """What it stands for: when it was last right, and of a broken file what is right in it."""
        self.errors: tuple[ConfigError, ...] = ()
        self.pieces: Pieces = {}
        self.stamp: Stamp | None = None
        """Of the content that was taken over."""
        self.seen: Stamp | None = None
        """At the last look; None where there is no file."""
        self.since = 0.0
        """When it began to look as it did at the last look."""
        self.content: _Content | None = None
        """Read already, but not believed yet."""

    def look(self, stamp: Stamp | None, now: float) -> None:
        """Note how the file looks now."""
        if stamp != self.seen:
            self.seen = stamp
            self.since = now
            self.content = None


def load_folder(path: Path, kinds: Kinds = CORE_KINDS) -> Loaded:
    """Read a folder once, as it is. Args: kinds - what may be in it."""
    scan = scan_folder(path)
    objects: list[Object] = []
    errors = list(scan.errors)
    for file, stamp in scan.stamps.items():
        content = _read(file, stamp, (), {}, kinds)
        if content is not None:
            objects += content.objects
            errors += content.errors
    return _load(objects, errors)


class FolderSource(Source):
    """Watches a folder; see `scan_folder` for what in it is read.

    A change is visible some 50 ms after it was written, in a folder of at most a hundred files.
    """

    def __init__(self, path: Path, kinds: Kinds = CORE_KINDS, kept: KeptFiles | None = None) -> None:
        """Prepare. Args: kinds - what may be in files; kept - what files stood for before, for those that are broken now."""
        self.path: Final = path
        self._kinds: Final = kinds
        self._kept: Final = kept
        self._unsaved: Final[set[str]] = set()
        """Files of which something else is to be kept."""
        self._changed = trio.Event()
        self._restored = False
        self._files: Final[dict[str, _File]] = {}
        self._scan_errors: tuple[ConfigError, ...] = ()
        self._told: Loaded | None = None
        self._changed_at: float | None = None
        """Since when something is taken over that is not told yet."""
        self._watch: Final = FileWatch()
        self._looked_at = 0.0
        self._now = 0.0
        """At the last look, on a clock of our own: see _LONGEST_STEP."""

    async def next(self) -> Loaded:
        first = self._told is None
        if first:
            self._changed_at = self._step()
        while True:
            scan = scan_folder(self.path)
            now = self._step()
            if not self._restored and self._kept is not None:
                self._restored = True
                await self._restore(scan, self._kept)
            settling = self._look(scan, now)
            if await self._take_over(now, trusting=first) and self._changed_at is None:
                self._changed_at = now
            if scan.errors != self._scan_errors:
                self._scan_errors = scan.errors
                self._changed_at = now if self._changed_at is None else self._changed_at
            if self._changed_at is not None and (not settling or now - self._changed_at >= GATHER_SECONDS):
                loaded = self._load_files()
                self._changed_at = None
                if loaded != self._told:
                    self._told = loaded
                    return loaded
            if self._changed_at is not None or any(file.seen != file.stamp for file in self._files.values()):
                await trio.sleep(POLL_SECONDS)
            elif not self._watch.follow(scan.links, (*scan.folders, *scan.unreadable)):
                await self._watch.wait_change()

    async def keep(self) -> None:
        """Keep what files stand for, for the next start, whenever that changes. Runs until cancelled."""
        kept = self._kept
        assert kept is not None
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            for path in sorted(self._unsaved):
                file = self._files.get(path)
                self._unsaved.discard(path)
                await trio.to_thread.run_sync(kept.save, path, () if file is None else file.objects)

    async def _restore(self, scan: Scan, kept: KeptFiles) -> None:
        """Begin with what is kept of files that cannot be looked at, and forget what is kept of files that are gone."""
        hidden: dict[str, tuple[Object, ...]] = {}
        if scan.unreadable:
            hidden = await trio.to_thread.run_sync(kept.load_below, scan.unreadable)
        for path, objects in hidden.items():
            if path not in scan.stamps:
                self._files.setdefault(path, _File()).objects = objects
        await trio.to_thread.run_sync(kept.forget_others, [*scan.stamps, *hidden])

    def _step(self) -> float:
        """What time it is at this look."""
        now = trio.current_time()
        self._now += min(now - self._looked_at, _LONGEST_STEP)
        self._looked_at = now
        return self._now

    def unread(self) -> list[str]:
        """What differs on disk, at this moment, from what `next` has told: files that were changed, added or deleted."""
        scan = scan_folder(self.path)
        changed = [path for path, stamp in scan.stamps.items() if path not in self._files or self._files[path].stamp != stamp]
        gone = [path for path in self._files if path not in scan.stamps and not _is_below(path, scan.unreadable)]
        if not changed and not gone and self._changed_at is not None:
            return [str(self.path)]
        return sorted([*changed, *gone])

    def _look(self, scan: Scan, now: float) -> bool:
        """Note how all files look now. Returns: whether one has changed since the last look."""
        for path, file in self._files.items():
            if path not in scan.stamps and not _is_below(path, scan.unreadable):
                file.look(None, now)
        for path, stamp in scan.stamps.items():
            self._files.setdefault(path, _File()).look(stamp, now)
        return any(file.since == now and file.seen != file.stamp for file in self._files.values())

    async def _take_over(self, now: float, *, trusting: bool) -> bool:
        """Take over what has settled. Returns: whether anything has changed.

        Args: trusting - nothing was known before, so that nothing can be lost.
        """
        changed = False
        for path, file in list(self._files.items()):
            if file.seen == file.stamp or now - file.since < POLL_SECONDS / 2:
                continue
            if file.seen is None:
                if now - file.since >= PATIENCE_SECONDS:
                    del self._files[path]
                    self._note_unsaved(path)
                    changed = True
                continue
            if file.content is None and file.stamp is None:
                file.content = await trio.to_thread.run_sync(_read_first, path, file.seen, self._kinds, self._kept)
            elif file.content is None:
                file.content = await trio.to_thread.run_sync(_read, path, file.seen, file.objects, file.pieces, self._kinds)
            if file.content is not None and (trusting or now - file.since >= file.content.wait):
                file.objects, file.errors, file.pieces, _ = file.content
                file.stamp = file.seen
                file.content = None
                self._note_unsaved(path)
                changed = True
        return changed

    def _note_unsaved(self, path: str) -> None:
        self._unsaved.add(path)
        self._changed.set()

    def _load_files(self) -> Loaded:
        # A file that has just gone may have been renamed: what it held is then elsewhere, and no duplicate.
        present = [path for path in sorted(self._files) if self._files[path].seen is not None]
        gone = [path for path in sorted(self._files) if self._files[path].seen is None]
        objects = [item for path in present for item in self._files[path].objects]
        elsewhere = {item.key for item in objects}
        objects += [item for path in gone for item in self._files[path].objects if item.key not in elsewhere]
        errors = [*self._scan_errors, *(error for path in present for error in self._files[path].errors)]
        return _load(objects, errors)


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder + os.sep) for folder in folders)


def _load(objects: Iterable[Object], errors: list[ConfigError]) -> Loaded:
    store, duplicates = gather(objects)
    # An error must not fall to the bound because warnings stand before it.
    told = sorted([*errors, *duplicates], key=lambda error: error.severity)
    return Loaded(store, tuple(told[:MOST_ERRORS]))


def _read(path: str, stamp: Stamp, before: tuple[Object, ...], known: Pieces, kinds: Kinds) -> _Content | None:
    """Read a file; None if it no longer looks as it did.

    Args: before - its objects so far; known - what the last reading found.
    """
    try:
        # Not blocking, because opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if stamp_of(os.fstat(descriptor)) != stamp:
                return None
            data = read_bounded(file, LARGEST_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "make it readable, or remove it from the folder"
        refusal = ConfigError(origin=path, message=f"it cannot be read: {error.strerror}", hint=hint)
        return _Content(before, (refusal,), known, PATIENCE_SECONDS)
    if before and not data.strip():
        message = "the file is empty; its objects stay as they were"
        hint = "delete the file if they are to go"
        refusal = ConfigError(origin=path, line=1, column=1, message=message, hint=hint)
        return _Content(before, (refusal,), known, PATIENCE_SECONDS)
    wait = 0.0 if data.endswith(b"\n") or path.endswith(".json") else DOUBT_SECONDS
    return _compare(read_file(data, path, known, kinds), before, path, wait)


def _read_first(path: str, stamp: Stamp, kinds: Kinds, kept: KeptFiles | None) -> _Content | None:
    """Read a file that nothing is known of yet; one that is not right stands for what is kept of it."""
    content = _read(path, stamp, (), {}, kinds)
    wrong = content is not None and any(error.severity == "error" for error in content.errors)
    if kept is None or content is None or (content.objects and not wrong):
        return content
    try:
        return _read(path, stamp, kept.load(path), {}, kinds)
    except KeptFileError as error:
        LOG.warning("what %s held when it was right is not known: %s", path, error)
        hint = "correct the file; what was wrong in it is not in force until then"
        told = ConfigError(origin=path, message=f"what it held before is not known: {error}", hint=hint, severity="warning")
        return content._replace(errors=(*content.errors, told)) if wrong else content


def _compare(read: ReadFile, before: tuple[Object, ...], origin: str, wait: float) -> _Content:
    fresh = tuple(
        Object(key_of(value), value, Place(origin, line, column), written) for value, line, column, written in read.objects
    )
    present = {item.key for item in fresh}
    missing = tuple(item for item in before if item.key not in present)
    if any(error.severity == "error" for error in read.errors):
        return _Content(fresh + missing, read.errors, read.pieces, PATIENCE_SECONDS)
    return _Content(fresh, read.errors, read.pieces, PATIENCE_SECONDS if missing else wait)
