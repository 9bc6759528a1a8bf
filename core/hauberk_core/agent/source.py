"""Where the agent's configuration comes from."""

import math
import os
import random
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import trio

from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.file_watch import FileWatch
from hauberk_core.agent.state import Check
from hauberk_core.agent.watch import POLL_SECONDS, SETTLE_SECONDS, Stamp, stamp_of, take_stamp
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.bounded_read import read_bounded
from hauberk_core.config import Loaded, check_whole, load_snapshot
from hauberk_core.model.document import LARGEST_DOCUMENT
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.snapshot import Snapshot

# An editor that truncates and then writes, or deletes and then creates, is done long before; a person who must read about a
# mistake does not notice the wait.
PATIENCE_SECONDS: Final = 0.25
# What stood in the way of a configuration may be gone soon; looking for it again costs as much as a change.
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
# No file has this stamp: the first look is always a change.
_NOTHING: Final = Stamp(0, 0, 0, 0, 0)


class SourceFailed(Exception):
    """There is no configuration to be had, now or later; the message is for a person and says what to do."""


class Source:
    """Yields the configuration, again whenever it changes, and hears what became of it."""

    folder: Path
    """What the configuration's file names are relative to."""
    certificates: Mapping[str, CertificatePem]
    """Certificates held in memory, under their names in the snapshot: their files are not read."""
    trust: Mapping[str, bytes] = MappingProxyType({})
    """Trust bundles held in memory, PEM, under the names that the snapshot has for their files."""
    patient: ClassVar[bool] = False
    """Whether an agent whose very first configuration is refused waits for another one, rather than giving up."""
    by_others: ClassVar[bool] = False
    """Whether others write the configuration than those who run the proxy: of files that it names some may then not be there."""

    async def run(self) -> None:
        """Do what must be done beside, for as long as the agent runs; returning early is no end of anything.

        Raises: SourceFailed.
        """

    async def accepted(self) -> None:
        """What `next` returned last is in force. Always called, or `refused`, before `next` is called again."""

    async def refused(self, reason: str, passing: bool = False) -> None:
        """What `next` returned, or raised, last did not come into force; what was there before serves on.

        Args: passing - the reason is not in the configuration (a port is taken, a disk is full, a certificate is not there yet):
        `next` is to return the same again, after growing pauses, until it comes into force or another takes its place.
        """

    def checks(self) -> list[Check]:
        """What `/readyz?verbose` tells of this source."""
        return []

    async def next(self) -> Loaded:
        """Wait for a configuration that differs from the last one; the first call waits for nothing.

        Raises: ConfigErrors for one that is wrong, once; the next call waits for another.
        Cancellation: safe; the change that was under way is seen by the next call.
        """
        raise NotImplementedError


class StaticSource(Source):
    """A configuration made in this process, which never changes."""

    def __init__(
        self, snapshot: Snapshot, folder: Path | None = None, certificates: Mapping[str, CertificatePem] | None = None
    ) -> None:
        self.folder = folder or Path()
        self.certificates = certificates or {}
        self._snapshot: Final = snapshot
        self._told = False

    async def next(self) -> Loaded:
        if self._told:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        self._told = True
        return Loaded(self._snapshot, check_whole(self._snapshot, ""))


class FileSource(Source):
    """A snapshot in a JSON file that is reread when it changes.

    An emptied or half-written file is not a change yet, and a deleted one none at all: a text that is wrong is called wrong only
    when it has stayed the same for a while.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.folder = path.absolute().parent
        self.certificates = {}
        self._handled: Stamp | None = _NOTHING
        self._text = b""
        """What the file held when it was last read whole and found right."""
        self._look_again = False
        self._retry: Final = Backoff(random.random, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        self._retry_at = math.inf
        """When the same text is offered again, because what refused it may have passed."""
        self._watch: Final = FileWatch()
        self._watch.follow([path])

    async def run(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._watch.close()

    async def accepted(self) -> None:
        self._retry.reset()

    async def refused(self, reason: str, passing: bool = False) -> None:
        self._retry_at = trio.current_time() + self._retry.next_pause() if passing else math.inf

    async def next(self) -> Loaded:
        while True:
            stamp = await self._wait_changed()
            try:
                loaded = await trio.to_thread.run_sync(self._read, stamp)
            except ConfigErrors:
                if not await self._stays(stamp):
                    continue
                self._handled = stamp
                # Putting the last good text back is then a change: it takes the refusal back.
                self._text = b""
                raise
            if loaded is not None:
                return loaded

    async def _wait_changed(self) -> Stamp | None:
        """Wait until the file differs from the one handled last.

        Nobody waits for a writer to finish: half a JSON object is no JSON, so that what can be read is whole. But a file that is
        written again within one tick of its clock keeps its stamp, so that after a change its text is looked at once more.
        """
        if self._look_again:
            self._look_again = False
            await trio.sleep(SETTLE_SECONDS)
            return take_stamp(self.path)
        while True:
            stamp = take_stamp(self.path)
            if stamp != self._handled:
                self._retry.reset()
                return stamp
            if trio.current_time() >= self._retry_at:
                self._retry_at = math.inf
                # Forgotten, so that it is new when it is read.
                self._text = b""
                return stamp
            with trio.move_on_at(self._retry_at):
                await self._watch.wait_change()

    async def _stays(self, stamp: Stamp | None) -> bool:
        """Whether the file is left as it is for as long as a writer may need."""
        with trio.move_on_after(PATIENCE_SECONDS):
            while take_stamp(self.path) == stamp:  # noqa: ASYNC110 - nothing tells of what does not happen
                await trio.sleep(POLL_SECONDS)
            return False
        return True

    def _read(self, stamp: Stamp | None) -> Loaded | None:
        """Read the file if it still has this stamp and another text than before, else return None."""
        try:
            # Not blocking, because opening a named pipe would wait for its writer.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise self._refusal("it is no regular file", "name a file that holds a snapshot in JSON")
                if stamp_of(status) != stamp:
                    return None
                data = read_bounded(file, LARGEST_DOCUMENT)
        except OSError as error:
            if stamp is not None and isinstance(error, FileNotFoundError):
                return None
            raise self._refusal(f"it cannot be read: {error.strerror}", f"put a readable snapshot at {self.path}") from error
        if data == self._text:
            self._handled = stamp
            return None
        loaded = load_snapshot(data, str(self.path))
        self._handled = stamp
        self._text = data
        self._look_again = True
        return loaded

    def _refusal(self, message: str, hint: str) -> ConfigErrors:
        return ConfigErrors([ConfigError(origin=str(self.path), message=message, hint=hint)])
