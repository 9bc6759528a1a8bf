"""Keeps the log of a program that only appends from filling the disk."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

LIMIT: Final = 8 * 1024 * 1024
"""Octets. A proxy writes some 400 for a request: about 20,000 of them."""
LOOK_SECONDS: Final = 5.0


async def limit_log(log: Path) -> None:
    """Move what is in `log` to `log.1` whenever it has grown too long, until cancelled.

    The program goes on at the beginning of the file. A line that it writes in this moment may be lost.
    """
    while True:
        await trio.sleep(LOOK_SECONDS)
        # The disk may be full, or the file gone: then nothing is moved, and the next look may find it better.
        with suppress(OSError):
            await trio.to_thread.run_sync(_move_if_long, log)


def _move_if_long(log: Path) -> None:
    if log.stat().st_size <= LIMIT:
        return
    try:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
    finally:
        os.truncate(log, 0)
