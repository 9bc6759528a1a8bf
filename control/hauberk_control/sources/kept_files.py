"""The last good objects of each file, on disk, so that control that starts again while a file is broken loses nothing.

What a file stands for may come from several of its forms: of one that is broken in one place, the rest is as it is now, and the
broken object as it last was right. So those texts are kept, and which objects were taken from each; reading them again gives the
same objects with the same places.
"""

import hashlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hauberk_control.store import Object, Place, key_of
from hauberk_core.agent.kept_file import KeptFileError, read_kept, seal, write_kept
from hauberk_core.agent.logs import LOG
from hauberk_core.resources.read import read_file
from hauberk_core.resources.registry import Kinds
from hauberk_core.resources.yaml import LARGEST_FILE

FOLDER_NAME: Final = "last-good"
# To be raised whenever what follows is laid out otherwise.
FORMAT: Final = 1
_FIRST_LINE: Final = b"hauberk last good objects of a file %d\n" % FORMAT
MOST_TEXTS: Final = 8
"""Of one file: so often it may become right in one place and wrong in another before anything is lost."""
# Texts as they are, and a few octets for each object.
_LARGEST: Final = (MOST_TEXTS + 1) * LARGEST_FILE
_NAME_OCTETS: Final = 16


class _Kept(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    path: str
    """Relative to the folder of resources."""
    texts: list[str]
    """The newest first."""
    objects: list[tuple[int, int, int]]
    """In their order: which text, and line and column in it."""


_decoder: Final = msgspec.msgpack.Decoder(_Kept)


class KeptFiles:
    """What is kept of the files of one folder of resources. Everything here blocks."""

    def __init__(self, state: Path, root: Path, kinds: Kinds) -> None:
        """Name it. Args: state - control's own folder; root - the folder of resources; kinds - what may be in its files."""
        self._folder: Final = state / FOLDER_NAME
        self._root: Final = root
        self._kinds: Final = kinds

    def save(self, path: str, objects: Sequence[Object]) -> None:
        """Keep what a file stands for; nothing, if that is nothing. Where it fails, the log says so."""
        file = self._file(path)
        try:
            if not objects:
                file.unlink(missing_ok=True)
                return
            content = self._encode(path, objects)
            if not file.exists() or file.read_bytes() != seal(_FIRST_LINE, content):
                write_kept(file, _FIRST_LINE, content)
        except (KeptFileError, OSError) as error:
            LOG.error("the last good objects of %s are not kept for a restart of control: %s", path, error)

    def load(self, path: str) -> tuple[Object, ...]:
        """What a file last stood for; nothing, if nothing was kept. Raises: KeptFileError."""
        file = self._file(path)
        content = read_kept(file, _FIRST_LINE, _LARGEST)
        if content is None:
            return ()
        try:
            kept = _decoder.decode(content)
        except msgspec.MsgspecError as error:
            raise KeptFileError(f"{file} cannot be read: {error}") from error
        read = [read_file(text.encode(), path, kinds=self._kinds).objects for text in kept.texts]
        by_place = {
            (index, one.line, one.column): Object(key_of(one.value), one.value, Place(path, one.line, one.column), one.written)
            for index, objects in enumerate(read)
            for one in objects
        }
        # One that is missing is of a kind that a plugin brought, which is gone.
        return tuple([by_place[place] for place in kept.objects if place in by_place])

    def load_below(self, folders: Collection[str]) -> dict[str, tuple[Object, ...]]:
        """What the files below some folders last stood for, by their paths."""
        found: dict[str, tuple[Object, ...]] = {}
        for file in sorted(self._folder.iterdir()) if self._folder.is_dir() else []:
            try:
                content = read_kept(file, _FIRST_LINE, _LARGEST)
                path = "" if content is None else str(self._root / _decoder.decode(content).path)
                if any(path.startswith(folder + os.sep) for folder in folders):
                    found[path] = self.load(path)
            except (KeptFileError, msgspec.MsgspecError) as error:
                LOG.warning("what was kept of a file is passed over: %s", error)
        return found

    def forget_others(self, present: Collection[str]) -> None:
        """Drop what is kept of files that were deleted, and what is kept of none. Args: present - files that are there."""
        if not self._folder.is_dir():
            return
        wanted = {self._file(path).name for path in present}
        for file in self._folder.iterdir():
            if file.name not in wanted:
                file.unlink(missing_ok=True)

    def _file(self, path: str) -> Path:
        relative = str(Path(path).relative_to(self._root))
        return self._folder / hashlib.blake2b(relative.encode(), digest_size=_NAME_OCTETS).hexdigest()

    def _encode(self, path: str, objects: Sequence[Object]) -> bytes:
        texts: dict[str, int] = {}
        places: list[tuple[int, int, int]] = []
        for item in objects:
            assert item.written is not None  # it was read from a file
            index = texts.setdefault(item.written.text, len(texts))
            if index < MOST_TEXTS:
                places.append((index, item.place.line, item.place.column))
        kept = _Kept(str(Path(path).relative_to(self._root)), list(texts)[:MOST_TEXTS], places)
        return msgspec.msgpack.encode(kept)
