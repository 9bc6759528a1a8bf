"""Tells when files may have changed, so that nobody who waits for that costs anything meanwhile.

A notification is only a reason to look: what has changed, and whether its writer is done, the files' stamps tell (`watch`). So
nothing is lost where notifications fail, as they do for files of another machine: every now and then there is a look without one.
Where a system has none, or a user may have no more of them, there is a look after every `poll_pause`.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Final

import trio

from hauberk_core.agent.inotify import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    DELETE_SELF,
    IGNORED,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    Inotify,
)
from hauberk_core.agent.watch import poll_pause

# Without a notification: file systems of other machines, and folders above that somebody replaced. A look costs some 0.1 ms.
LOOK_SECONDS: Final = 1.0
# After a notification: whoever empties a file and writes it, or renames several, is mostly done then.
_BREATH_SECONDS: Final = 0.002
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS: Final = 40
_NOTHING: Final[set[str]] = set()
_CONTENT: Final = MODIFY | ATTRIB | CLOSE_WRITE | DELETE_SELF | MOVE_SELF
_ENTRIES: Final = _CONTENT | MOVED_FROM | MOVED_TO | CREATE | DELETE


class FileWatch:
    """Some files and folders, and the wait for a change of them. One task at a time waits.

    To miss nothing: follow, look, wait, look, wait, and so on; a wait that was cancelled is followed by a look.
    """

    def __init__(self) -> None:
        self._files: tuple[str, ...] = ()
        self._folders: tuple[str, ...] = ()
        self._inotify: Inotify | None = None
        self._names: dict[int, set[str] | None] = {}
        """Of each watch, the entries that matter, and "" for itself; None: all."""
        self._blind = False
        """Whether something cannot be watched."""
        self._followed = trio.Event()
        self._looked = -LOOK_SECONDS

    def follow(self, files: Iterable[str | os.PathLike[str]], folders: Iterable[str | os.PathLike[str]] = ()) -> bool:
        """From now on, tell of these instead: files by all the links that lead to them, and folders with their entries.

        What is not there yet is told of when it comes. Returns: whether anything is watched that was not; what it looked like
        before is then not known, so look again.
        """
        here = os.getcwd()  # noqa: PTH109 - texts throughout, because folders hold thousands
        self._files = tuple([os.path.join(here, path) for path in files])  # noqa: PTH118
        self._folders = tuple([os.path.join(here, path) for path in folders])  # noqa: PTH118
        if self._files or self._folders:
            self._followed.set()
        elif self._followed.is_set():
            self._followed = trio.Event()
        return self._arm()

    async def wait_change(self) -> None:
        """Wait until something followed may look otherwise than it did when this was called last, or `follow` was."""
        await self._followed.wait()
        # However often something changes, looking at it takes no more of a core than asking for it would.
        await trio.sleep_until(self._looked + self._pause())
        with trio.move_on_after(self._pause() if self._blind else LOOK_SECONDS):
            while self._inotify is not None:
                await trio.lowlevel.wait_readable(self._inotify)
                if self._is_told():
                    await trio.sleep(_BREATH_SECONDS)
                    break
                # Others are busy in the same folder.
                await trio.sleep(self._pause())
            else:
                await trio.sleep_forever()
        self._looked = trio.current_time()
        # Before the caller looks: links may lead elsewhere now, and what comes after this is notified.
        self._arm()

    def close(self) -> None:
        """Tell of nothing more. Nobody may be waiting."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _pause(self) -> float:
        return poll_pause(len(self._files) + len(self._folders))

    def _is_told(self) -> bool:
        assert self._inotify is not None
        told = False
        for watch, mask, name in self._inotify.read():
            if mask & IGNORED:
                self._names.pop(watch, None)
                continue
            names = self._names.get(watch, _NOTHING)
            told = told or watch < 0 or names is None or name in names
        return told

    def _arm(self) -> bool:
        """Watch everything that is followed. Returns: whether any of it was not watched before."""
        wanted: dict[str, set[str] | None] = {}
        for folder in self._folders:
            wanted[folder] = None
        for path in (*self._files, *self._folders):
            for folder, name in _trail(path):
                names = wanted.setdefault(folder, set())
                if names is not None:
                    names |= {"", name}
        before = self._names
        self._names = {}
        self._blind = False
        if self._inotify is None and wanted:
            try:
                self._inotify = Inotify()
            except OSError:
                self._blind = True
                return False
        for path in self._files:
            # Also through another name of its own, which is how a single file is mounted.
            self._add(path, _CONTENT, {""})
        for folder, names in wanted.items():
            self._add(folder, _ENTRIES, names)
        if self._inotify is not None:
            for watch in before.keys() - self._names.keys():
                self._inotify.remove(watch)
        return not self._names.keys() <= before.keys()

    def _add(self, path: str, mask: int, names: set[str] | None) -> None:
        assert self._inotify is not None
        try:
            watch = self._inotify.add(path, mask)
        except (FileNotFoundError, NotADirectoryError):
            return  # it is told of when it comes
        except OSError:
            self._blind = True
            return
        already = self._names.get(watch, names)
        self._names[watch] = None if already is None or names is None else already | names


def _trail(path: str) -> Iterator[tuple[str, str]]:
    """Where a change may lead `path` elsewhere: each folder with the link in it that is followed, and the last with the file."""
    links = 0
    folder = "/"
    waiting = _parts(path)
    while waiting:
        name = waiting.pop()
        if name == "..":
            folder = os.path.dirname(folder)  # noqa: PTH120
            continue
        entry = os.path.join(folder, name)  # noqa: PTH118
        try:
            target = os.readlink(entry)  # noqa: PTH115
        except FileNotFoundError:
            yield folder, name
            return
        except OSError:  # no link
            if not waiting:
                yield folder, name
            folder = entry
            continue
        yield folder, name
        links += 1
        if links > _MOST_LINKS:
            return
        waiting += _parts(target)
        if target.startswith("/"):
            folder = "/"


def _parts(path: str) -> list[str]:
    """The names in a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in {"", "."}]
