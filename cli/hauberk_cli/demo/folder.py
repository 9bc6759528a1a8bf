"""The demo's folder: everything it writes lies in here, and goes when the demo ends."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ACCESS_LOG_LIMIT: Final = 64 * 1024 * 1024
"""Octets: more than an hour of the demo's own traffic, so that a demo forgotten over night does not fill the disk."""


class FolderError(Exception):
    """The folder asked for cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Names of the files in the folder `root`."""

    root: Path

    @property
    def config(self) -> Path:
        """The gateway's configuration, there to be changed."""
        return self.root / "gateway.json"

    @property
    def authority(self) -> Path:
        """The certificate that clients trust."""
        return self.root / "ca.pem"

    @property
    def chain(self) -> Path:
        """The gateway's certificate."""
        return self.root / "bookshop.pem"

    @property
    def key(self) -> Path:
        """The gateway's private key."""
        return self.root / "bookshop.key"

    @property
    def access_log(self) -> Path:
        """One line for each exchange of the gateway."""
        return self.root / "access.log"

    def limit_access_log(self) -> None:
        """Empty the access log when it has grown beyond ACCESS_LOG_LIMIT; the gateway appends, and goes on at the beginning."""
        with suppress(FileNotFoundError):
            if self.access_log.stat().st_size > ACCESS_LOG_LIMIT:
                os.truncate(self.access_log, 0)

    def log(self, part: str) -> Path:
        """What one process writes to its standard output and error."""
        return self.root / f"{part}.log"


@contextmanager
def demo_folder(wanted: Path | None, keep: bool) -> Iterator[DemoFolder]:
    """Make the folder, and remove it with everything in it at the end unless `keep`.

    Args: wanted - a path that does not exist yet or is an empty folder; None: a new one among the temporary files.
    Raises: FolderError if `wanted` cannot be used; what is there is left untouched.
    """
    if wanted is None:
        root = Path(tempfile.mkdtemp(prefix="hauberk-demo-"))
    else:
        root = wanted.resolve()
        try:
            root.mkdir(parents=True, exist_ok=True)
            if any(root.iterdir()):
                raise FolderError(f"{root} is not empty; name a new or an empty folder, because the demo removes it when it ends")
        except OSError as error:
            raise FolderError(f"{root} cannot be the demo's folder: {error.strerror}") from error
    try:
        yield DemoFolder(root)
    finally:
        if not keep:
            remove_folder(root)


def remove_folder(root: Path) -> None:
    """Remove `root` and everything in it, as far as that is allowed. A log that appears meanwhile is removed too."""
    for _ in range(3):
        with suppress(FileNotFoundError):
            shutil.rmtree(root)
        if not root.exists():
            return
